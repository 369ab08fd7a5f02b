package survival_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"prefetch_exporter/poller/survival"
)

const minute = time.Minute

// Before anything was seen half of the URLs take four minutes, and some for ever.
func TestPrior(t *testing.T) {
	t.Parallel()
	var o survival.Observations
	c := o.Curve()
	for _, want := range []struct {
		age  time.Duration
		left float64
	}{{0, 1}, {minute, 0.857}, {4 * minute, 0.5}, {20 * minute, 0.108}, {time.Hour, 0.0186}, {14 * 24 * time.Hour, 0}} {
		if got := c.Survive(0, want.age); math.Abs(got-want.left) > 0.01 {
			t.Errorf("after %v %v are left, want %v", want.age, got, want.left)
		}
	}
	if got := c.Survive(minute, minute); got != 1 {
		t.Errorf("in no time %v are left", got)
	}
	if got := o.FailureRate(); got != 0.02 {
		t.Errorf("the failure rate is %v", got)
	}
	if got := o.TypicalSize(); got != 10 {
		t.Errorf("a task has %d URLs", got)
	}
}

// What is learned comes from where URLs ended, and from those that were watched
// without: these are not forgotten, as a mean of what ended would.
func TestLearned(t *testing.T) {
	t.Parallel()
	const n = 5000
	for name, c := range map[string]struct {
		learn  func(o *survival.Observations)
		age    time.Duration
		from   time.Duration
		lo, hi float64 // how many of those are left
	}{
		"all ended at ten minutes": {
			learn: func(o *survival.Observations) { o.Watched(n, 0, 10*minute); o.EndedAt(n, 10*minute) },
			from:  minute, age: 5 * minute, lo: 0.9, hi: 1,
		},
		"so after that few are left": {
			learn: func(o *survival.Observations) { o.Watched(n, 0, 10*minute); o.EndedAt(n, 10*minute) },
			age:   30 * minute, lo: 0, hi: 0.1,
		},
		"none ended in an hour": {
			learn: func(o *survival.Observations) { o.Watched(n, 0, time.Hour) },
			age:   time.Hour, lo: 0.9, hi: 1,
		},
		"half ended, half are under way": {
			learn: func(o *survival.Observations) {
				o.Watched(n, 0, 10*minute)
				o.EndedAt(n/2, 10*minute)
				o.Watched(n/2, 10*minute, 2*time.Hour)
			},
			from: 15 * minute, age: 90 * minute, lo: 0.8, hi: 1,
		},
		"some time within two minutes": {
			learn: func(o *survival.Observations) { o.EndedBetween(n, 0, 2*minute, o.Curve()) },
			age:   2 * minute, lo: 0, hi: 0.25,
		},
		"later than can be told": {
			learn: func(o *survival.Observations) { o.Watched(n, 0, 5000*time.Hour) },
			from:  600 * time.Hour, age: 700 * time.Hour, lo: 0.9, hi: 1,
		},
	} {
		var o survival.Observations
		before := o.Curve()
		c.learn(&o)
		learned := o.Curve()
		if learned == before {
			t.Errorf("%s: the curve is the one before", name)
		}
		if o.Curve() != learned {
			t.Errorf("%s: the curve is worked out twice", name)
		}
		if got := o.Curve().Survive(c.from, c.age); got < c.lo || got > c.hi {
			t.Errorf("%s: of those that take %v, %v take %v, want %v to %v", name, c.from, got, c.age, c.lo, c.hi)
		}
		rate := o.Curve().Hazard(c.age) * 0.001
		if got := o.Curve().Cumulative(c.age+time.Millisecond) - o.Curve().Cumulative(c.age); math.Abs(got-rate) > rate/100 {
			t.Errorf("%s: the hazard at %v is %v a millisecond, added up %v", name, c.age, rate, got)
		}
	}
}

// Nothing is learned of no URL, or of no time.
func TestNothingIsLearned(t *testing.T) {
	t.Parallel()
	var o survival.Observations
	c := o.Curve()
	o.Watched(0, 0, minute)
	o.Watched(3, minute, minute)
	o.EndedAt(-1, minute)
	o.EndedBetween(0, 0, minute, c)
	o.EndedBetween(3, minute, minute, c)
	if !o.IsZero() || o.Curve() != c {
		t.Errorf("%+v", o)
	}
}

// What was learned long ago counts less.
func TestOldObservationsFade(t *testing.T) {
	t.Parallel()
	var o survival.Observations
	o.Failed = 6000
	for range 60 {
		o.Sized(40)
		o.EndedAt(1000, minute)
	}
	if o.Final != 35_000 || o.Failed != 3000 || o.FailureRate() < 0.08 {
		t.Errorf("%v of %v failed, a rate of %v", o.Failed, o.Final, o.FailureRate())
	}
	if o.TypicalSize() != 39 || o.Items != 35 {
		t.Errorf("a task has %d URLs, as %v tell", o.TypicalSize(), o.Items)
	}
}

// The store has what was observed, and nothing of the curve.
func TestStored(t *testing.T) {
	t.Parallel()
	type record struct {
		Durations survival.Observations `json:"durations,omitzero"`
	}
	var r record
	r.Durations.Curve()
	if got, err := json.Marshal(r); err != nil || string(got) != "{}" {
		t.Errorf("%s, %v", got, err)
	}
	r.Durations.EndedAt(1, minute)
	var back record
	if data, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	} else if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if got, want := back.Durations.Curve().Cumulative(minute), r.Durations.Curve().Cumulative(minute); got != want || back.Durations.IsZero() {
		t.Errorf("the hazard until a minute is %v, was %v", got, want)
	}
}
