package account

import (
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/choice"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// announce publishes what comes next, as far as can be told at a moment. It is
// called with the lock held.
func (a *Account) announce(from clock.Stamp) {
	if a.hasty {
		return // there is no later call
	}
	a.next = a.forecast(from)
	a.tell()
	a.publish(nil)
}

// forecast is the next question and when it leaves, unless something is heard
// before; nil if only a change can bring one.
func (a *Account) forecast(from clock.Stamp) (next *prefetch.QueryState) {
	f := choice.Forecast{
		Rules: a.choosing(), Planner: a.planner.Ahead(), Watch: a.watch.Clone(), Listing: a.finder,
		UnderWay: a.inFlight > 0, Over: a.usualEnd(from).Wall,
		Planning: a.planning, Backoff: a.health.Wait, NextCall: a.budget.Next,
	}
	return f.From(from)
}

// usualEnd is when the calls under way have usually ended.
func (a *Account) usualEnd(present clock.Stamp) clock.Stamp {
	return present.Add(max(0, a.latency.Usual()-a.budget.LastLeft(a.name.Name).Elapsed(present)))
}

// choosing are the rules by which the account chooses.
func (a *Account) choosing() choice.Rules {
	return choice.Rules{
		WatchWindow: a.settings.WatchWindow, Discover: a.settings.Discover, NoWindow: a.noWindow,
		Wanted: func() bool { return a.budget.Wanted(a.name.Name) },
	}
}

// choose picks the next question about tasks, about which there are, or about the
// look-back.
func (a *Account) choose(s *planner.Round, w *lookback.LookBack, l *discover.Listing) (q answers.Question, found bool, wake time.Time) {
	rules := a.choosing()
	return rules.Next(s, w, l)
}
