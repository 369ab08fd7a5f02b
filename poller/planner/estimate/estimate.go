// Package estimate works out how likely a task has settled since it was looked at,
// and what it is worth to look again, in minutes of detection lag. It is pure:
// plain numbers and a life table in, numbers out.
package estimate

import (
	"math"
	"time"

	"prefetch_exporter/poller/survival"
)

// least is what is divided by at least, so that nothing is divided by zero.
const least = 1e-6

// View is what the chance that a task has settled rests on: how many of its URLs
// were not final at the last look, and the task's age then and now.
type View struct {
	From, To time.Duration
	Left     int
}

// Chance is the chance that every URL that was left is final by now. Of a task of
// 20 URLs, 3 of which were left ten minutes ago, each of them with a chance of one
// half to have ended since, it is 1/8.
func (v View) Chance(c *survival.Curve) float64 {
	return math.Pow(1-c.Survive(v.From, v.To), float64(v.Left))
}

// MeanChance is the mean of the chance over the time since the last look, as its
// middle has it.
func (v View) MeanChance(c *survival.Curve) float64 {
	const half = 2
	return View{v.From, v.From + (v.To-v.From)/half, v.Left}.Chance(c)
}

// Index is the price of a call, in minutes of lag, at which it is all the same
// whether to look at a task now or a moment later (Whittle's index).
//
// Let p be the chance that the task has settled since the last look, and A the
// lag that it is expected to have gathered: p added up over the time since. To
// wait a moment longer costs p, and raises the chance that the call is the last
// one. A task that ends at a constant rate is worth p²/p' - A then, where p' is
// how fast p grows: little while it cannot have settled, and more the longer
// nobody looked.
//
// p/p' is taken for no longer than so many times the wait: a rate that is smaller
// was learned from too little to be believed.
func (v View) Index(c *survival.Curve, p, lag, times float64) float64 {
	if v.To <= v.From || p <= 0 {
		return 0
	}
	waited, n, base := (v.To - v.From).Minutes(), float64(v.Left), c.Cumulative(v.From)
	alive := math.Exp(base - c.Cumulative(v.To))
	rest := times * waited
	if grows := n * p / max(1-alive, least) * alive * c.Hazard(v.To) * time.Minute.Seconds(); grows > 0 {
		rest = min(rest, p/grows)
	}
	return max(0, p*rest-lag)
}

// RootRate is the root of how many times a minute the task would settle from now
// on, as the time ahead has it; chance is that it has settled by now. A task that
// settles within the next half hour with a chance of 63 % (one time constant) does
// 1/30 times a minute: the root is 0.18.
func (v View) RootRate(c *survival.Curve, chance float64, ahead time.Duration) float64 {
	then := View{v.From, v.To + ahead, v.Left}.Chance(c)
	rate := -math.Log(max(least, 1-then)/max(least, 1-chance)) / ahead.Minutes()
	return math.Sqrt(max(0, rate))
}

// Gap is what may have become of a URL of a large task that was in neither of its
// two counts. It succeeded since those were counted that did, or failed since those
// were counted that failed, or is under way. These are weights and need not add up
// to 1.
type Gap struct{ Succeeded, Failed, Alive float64 }

// GapOf is the gap where a URL was under way with these chances when those were
// counted that succeeded, when those were that failed, and is now.
func GapOf(failureRate, atSucceeded, atFailed, now float64) Gap {
	return Gap{
		Succeeded: (1 - failureRate) * max(0, atSucceeded-now),
		Failed:    failureRate * max(0, atFailed-now),
		Alive:     now,
	}
}

// Part is the chance that all n URLs of the gap are in a part of it. Of the weights
// 0.3, 0.1 and 0.1 two URLs have both succeeded with a chance of (0.3/0.5)² = 0.36.
func (g Gap) Part(part float64, n int) float64 {
	total := g.Succeeded + g.Failed + g.Alive
	if total <= 0 {
		return 0
	}
	return math.Pow(part/total, float64(n))
}

// Settled is the chance that all n URLs of the gap are final.
func (g Gap) Settled(n int) float64 { return g.Part(g.Succeeded+g.Failed, n) }

// OneCount is the chance that one more count proves a task settled whose gap is of
// n URLs, if it is settled: all of them have to be of one kind. Of the weights 0.3
// and 0.1 that is (0.3/0.4)² = 0.56 for two URLs.
func (g Gap) OneCount(n int) float64 {
	final := g.Succeeded + g.Failed
	if final <= 0 {
		return 1
	}
	return math.Pow(max(g.Succeeded, g.Failed)/final, float64(n))
}

// Calls is what calls are worth if every unsettled task is asked for as often as
// pays best: the time between two questions about a task that settles h times a
// minute is in proportion to 1/√h then (the square root law of crawlers).
type Calls struct {
	Slot  float64 // minutes from one call to the next
	Roots float64 // the root rates of all tasks, added up
	Price float64 // of a call, in minutes of lag
}

// CallsAt prices the calls that leave once a slot, given the root rates of all
// tasks, added up. At a slot of 5 minutes and ten tasks of 0.18 each a call costs
// 5² · 1.8² / 2 = 40 minutes of lag.
func CallsAt(slot time.Duration, roots float64) Calls {
	const half = 2
	s := slot.Minutes()
	return Calls{Slot: s, Roots: roots, Price: s * s * roots * roots / half}
}

// Information is what it is worth, in minutes of lag, to know whether a task has
// settled without having it proven: with that chance it is asked one slot from now
// instead of when its turn comes. lag is what it is expected to have gathered since
// the last look. At a slot of 5 minutes and a price of 40 the task of 0.18 among ten
// has its turn after 50 minutes; with a chance of one half and a lag of 10 it is
// worth min(40, 45-10) - 22.5 = 12.5.
func (c Calls) Information(root, chance, lag float64) float64 {
	turn := c.Slot * (c.Roots / root) // within a slot it gains nothing
	// To look at it now is worth no more than the call that it costs.
	worth := min(c.Price, chance*(c.Price+turn)-lag)
	return max(0, worth-chance*(c.Price+c.Slot))
}
