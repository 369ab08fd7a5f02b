package estimate_test

import (
	"math"
	"testing"
	"time"

	"prefetch_exporter/poller/planner/estimate"
	"prefetch_exporter/poller/survival"
)

const minute = time.Minute

func near(got, want float64) bool { return math.Abs(got-want) <= 0.01*math.Abs(want)+1e-9 }

// The chance is that of one URL, to the power of how many were left; by what is
// believed at first half of the URLs take four minutes.
func TestChance(t *testing.T) {
	t.Parallel()
	var o survival.Observations
	c := o.Curve()
	for _, x := range []struct {
		view estimate.View
		want float64
	}{
		{estimate.View{To: 4 * minute, Left: 1}, 0.5},
		{estimate.View{To: 4 * minute, Left: 3}, 0.125},
		{estimate.View{To: 0, Left: 3}, 0},
		{estimate.View{From: 4 * minute, To: 4 * minute, Left: 1}, 0},
	} {
		if got := x.view.Chance(c); !near(got, x.want) {
			t.Errorf("%+v: the chance is %v, want %v", x.view, got, x.want)
		}
	}
	v := estimate.View{To: 8 * minute, Left: 2}
	if got, want := v.MeanChance(c), (estimate.View{To: 4 * minute, Left: 2}).Chance(c); math.Abs(got-want) > 0.2 || got <= 0 {
		t.Errorf("the mean chance is %v, in the middle it is %v", got, want)
	}
}

// To look again is worth nothing at once, more the longer nobody looked, less the more
// URLs were left, and never more than the chance times twice the wait.
func TestIndex(t *testing.T) {
	t.Parallel()
	var o survival.Observations
	c := o.Curve()
	index := func(waited time.Duration, left int) float64 {
		v := estimate.View{From: 10 * minute, To: 10*minute + waited, Left: left}
		return v.Index(c, v.Chance(c), waited.Minutes()*v.MeanChance(c), 2)
	}
	if got := index(0, 3); got != 0 {
		t.Errorf("at once it is worth %v", got)
	}
	last := 0.0
	for waited := 5 * minute; waited < time.Hour; waited += 5 * minute {
		got := index(waited, 3)
		if got <= last || got > 2*waited.Minutes() || got < index(waited, 30) {
			t.Errorf("after %v it is worth %v, before it was %v, of 30 URLs %v", waited, got, last, index(waited, 30))
		}
		last = got
	}
	v := estimate.View{To: 10 * minute, Left: 1}
	if got := v.Index(c, 1, 0, 0.5); got > 5 {
		t.Errorf("bounded by half the wait it is worth %v", got)
	}
}

// A task that settles within half an hour with a chance of 63 % has a rate of 1/30.
func TestRootRate(t *testing.T) {
	t.Parallel()
	var o survival.Observations
	c := o.Curve()
	v := estimate.View{To: 10 * minute, Left: 5}
	then := estimate.View{To: 40 * minute, Left: 5}.Chance(c)
	want := math.Sqrt(-math.Log((1-then)/(1-v.Chance(c))) / 30)
	if got := v.RootRate(c, v.Chance(c), 30*minute); !near(got, want) || got == 0 {
		t.Errorf("the root rate is %v, want %v", got, want)
	}
	if got := v.RootRate(c, 1, 30*minute); got != 0 {
		t.Errorf("of a task that has settled it is %v", got)
	}
}

func TestGap(t *testing.T) {
	t.Parallel()
	g := estimate.Gap{Succeeded: 0.3, Failed: 0.1, Alive: 0.1}
	for name, x := range map[string]struct{ got, want float64 }{
		"two succeeded":                       {g.Part(g.Succeeded, 2), 0.36},
		"two are final":                       {g.Settled(2), 0.64},
		"none is left":                        {g.Settled(0), 1},
		"one count is enough for two":         {g.OneCount(2), 0.5625},
		"nothing is known":                    {estimate.Gap{}.Settled(2), 0},
		"nothing is final":                    {estimate.Gap{Alive: 1}.OneCount(2), 1},
		"what succeeded since it was counted": {estimate.GapOf(0.1, 0.5, 0.9, 0.2).Succeeded, 0.27},
		"what failed since it was counted":    {estimate.GapOf(0.1, 0.5, 0.9, 0.2).Failed, 0.07},
		"what runs":                           {estimate.GapOf(0.1, 0.5, 0.9, 0.2).Alive, 0.2},
		"counted later than that":             {estimate.GapOf(0.1, 0.1, 0.1, 0.2).Settled(1), 0},
	} {
		if !near(x.got, x.want) {
			t.Errorf("%s: %v, want %v", name, x.got, x.want)
		}
	}
}

// What calls are worth, and what it is worth to know a task settled.
func TestCalls(t *testing.T) {
	t.Parallel()
	c := estimate.CallsAt(5*minute, 1.8)
	if !near(c.Price, 40.5) {
		t.Errorf("a call costs %v", c.Price)
	}
	c.Price = 40
	for name, x := range map[string]struct{ root, chance, lag, want float64 }{
		"an even chance":                       {0.18, 0.5, 10, 12.5},
		"no chance":                            {0.18, 0, 0, 0},
		"much lag: it is its turn in any case": {0.18, 0.5, 100, 0},
		"one that comes next anyhow":           {5, 0.5, 10, 0},
	} {
		if got := c.Information(x.root, x.chance, x.lag); !near(got, x.want) {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
}
