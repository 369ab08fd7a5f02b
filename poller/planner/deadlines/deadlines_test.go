package deadlines_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/planner/deadlines"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// nano is so long after noon, as a [deadlines.Look] has it.
func nano(after time.Duration) int64 { return noon.Add(after).UnixNano() }

// ahead are deadlines so long after noon, at a limit of one call in ten minutes of
// which the tasks are asked each minute.
func ahead(change func(t *deadlines.Terms), after ...time.Duration) *deadlines.Ahead {
	a := &deadlines.Ahead{Terms: deadlines.Terms{
		Now: noon, PollInterval: time.Minute, Slot: time.Minute, Taken: 10 * time.Minute, Latency: time.Second, Calls: 10, AtOnce: 1,
		Spare: func(others int) time.Duration { return time.Duration(others) * time.Minute },
	}}
	change(&a.Terms)
	for _, d := range after {
		a.Count(deadlines.Look{Deadline: nano(d)})
	}
	a.Weigh()
	return a
}

func unchanged(*deadlines.Terms) {}

// A task is asked by the poll interval, just before its deadline and at it; and a call
// before does not cost the one at it.
func TestWhen(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	for name, c := range map[string]struct {
		terms    func(t *deadlines.Terms)
		others   []time.Duration
		look     deadlines.Look
		at       time.Duration
		imminent bool
	}{
		"no deadline":               {look: deadlines.Look{At: nano(hour)}, at: hour},
		"a far one":                 {look: deadlines.Look{At: nano(time.Minute), Deadline: nano(hour)}, at: time.Minute},
		"just before it":            {look: deadlines.Look{At: nano(2 * hour), Deadline: nano(hour)}, at: hour - 2*time.Second},
		"the time has come":         {look: deadlines.Look{At: nano(hour), Deadline: nano(2 * time.Second)}, imminent: true},
		"calls are slow":            {terms: func(t *deadlines.Terms) { t.Latency = 5 * time.Second }, look: deadlines.Look{At: nano(2 * hour), Deadline: nano(hour)}, at: hour - 5*time.Second},
		"no call is as slow":        {terms: func(t *deadlines.Terms) { t.Latency = hour }, look: deadlines.Look{At: nano(2 * hour), Deadline: nano(hour)}, at: hour - 30*time.Second},
		"asked before it":           {look: deadlines.Look{At: nano(2 * hour), Deadline: nano(hour), Asked: nano(hour - time.Second)}, at: hour},
		"at it":                     {look: deadlines.Look{At: nano(hour), Deadline: nano(0), Asked: nano(-time.Minute)}},
		"not sooner than the floor": {look: deadlines.Look{At: nano(hour), Deadline: nano(0), Floor: nano(time.Second)}, at: time.Second},
		"it was asked at it":        {look: deadlines.Look{At: nano(hour), Deadline: nano(0), Asked: nano(0)}, at: hour},
		"there is no later call":    {terms: func(t *deadlines.Terms) { t.Hasty = true }, look: deadlines.Look{At: nano(-hour), Deadline: nano(time.Second)}, at: -hour},
		"several at the same time": {
			others: []time.Duration{20 * time.Second, 20 * time.Second, 20 * time.Second, hour},
			look:   deadlines.Look{At: nano(hour), Deadline: nano(20 * time.Second)}, at: 16 * time.Second,
			terms: func(t *deadlines.Terms) { t.Spare = nil },
		},
		"two at once": {
			others: []time.Duration{20 * time.Second, 20 * time.Second, 20 * time.Second, hour},
			look:   deadlines.Look{At: nano(hour), Deadline: nano(20 * time.Second)}, at: 17 * time.Second,
			terms: func(t *deadlines.Terms) { t.Spare, t.AtOnce = nil, 2 },
		},
		"the budget has no call to spare": {
			others: []time.Duration{30 * time.Second}, look: deadlines.Look{At: nano(0), Deadline: nano(30 * time.Second)}, at: 30 * time.Second,
		},
		"it has one": {
			others: []time.Duration{30 * time.Second}, look: deadlines.Look{At: nano(0), Deadline: nano(30 * time.Second)},
			terms: func(t *deadlines.Terms) { t.Spare = func(int) time.Duration { return 0 } },
		},
		"one for the look before it only": {
			others: []time.Duration{30 * time.Second}, look: deadlines.Look{At: nano(0), Deadline: nano(30 * time.Second)}, at: 28 * time.Second,
			terms: func(t *deadlines.Terms) {
				t.Spare = func(others int) time.Duration { return time.Duration(max(0, others-10)) * time.Minute }
			},
		},
	} {
		change := c.terms
		if change == nil {
			change = unchanged
		}
		at, imminent := ahead(change, c.others...).When(c.look)
		if got := time.Duration(at - nano(0)); got != c.at || imminent != c.imminent {
			t.Errorf("%s: after %v, %v", name, got, imminent)
		}
	}
}

// Calls stay free for what passes before they are free again, but not all of them.
func TestReserve(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for name, c := range map[string]struct {
		calls int
		after []time.Duration
		next  time.Duration // when the next task comes; 0 if none does
		want  int
		held  time.Duration
	}{
		"none":                           {calls: 10},
		"a far one":                      {calls: 10, after: []time.Duration{10 * minute}},
		"two":                            {calls: 10, after: []time.Duration{9 * minute, 5 * minute}, want: 2, held: 2 * minute},
		"no longer than until the first": {calls: 10, after: []time.Duration{9 * minute, minute}, want: 2, held: minute},
		"or until a task comes":          {calls: 10, after: []time.Duration{9 * minute, 5 * minute}, next: time.Second, want: 2, held: time.Second},
		"three of four":                  {calls: 4, after: []time.Duration{9 * minute, 9 * minute, 9 * minute, 9 * minute, 9 * minute}, want: 3, held: 3 * minute},
		"the only one is free":           {calls: 1, after: []time.Duration{minute}},
		"but for the last minute":        {calls: 1, after: []time.Duration{59 * time.Second}, want: 1, held: 59 * time.Second},
	} {
		a := ahead(func(t *deadlines.Terms) { t.Calls = c.calls }, c.after...)
		var next time.Time
		if c.next > 0 {
			next = noon.Add(c.next)
		}
		if got, held := a.Reserve(), a.Held(next); got != c.want || held != c.held {
			t.Errorf("%s: %d calls, held for %v", name, got, held)
		}
		a.Hasty = true
		if held := a.Held(next); held != 0 {
			t.Errorf("%s: held for %v though there is no later call", name, held)
		}
	}
}

// What was asked at its deadline, or cannot be asked then, has no call in reserve.
func TestCount(t *testing.T) {
	t.Parallel()
	a := ahead(unchanged)
	a.Count(deadlines.Look{Deadline: nano(time.Minute), Asked: nano(time.Minute)})
	a.Count(deadlines.Look{Deadline: nano(time.Minute), Floor: nano(2 * time.Minute)})
	if n := a.Reserve(); n != 0 {
		t.Errorf("%d calls in reserve", n)
	}
}
