package clock_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/clock"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// at is a stamp so many seconds after noon by the wall clock, and after a boot
// by its clock; no boot is none.
func at(wall int, boot string, up int) clock.Stamp {
	return clock.Stamp{Wall: noon.Add(time.Duration(wall) * time.Second), Boot: boot, Up: time.Duration(up) * time.Second}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		then, now      clock.Stamp
		until, elapsed int // seconds
		setBy          int
		told           bool // by how much the clock was set
		restamped      clock.Stamp
		anew           bool
	}{
		"one boot": {
			then: at(0, "a", 100), now: at(7, "a", 107), until: 7, elapsed: 7, told: true, restamped: at(0, "a", 100),
		},
		"set ahead": {
			then: at(0, "a", 100), now: at(3607, "a", 107), until: 7, elapsed: 7, setBy: 3600, told: true, restamped: at(0, "a", 100),
		},
		"set back": {
			then: at(0, "a", 100), now: at(-3593, "a", 107), until: 7, elapsed: 7, setBy: -3600, told: true, restamped: at(0, "a", 100),
		},
		"another boot": {
			then: at(0, "a", 100), now: at(7, "b", 2), until: 7, elapsed: 7, restamped: at(0, "b", -5), anew: true,
		},
		"another boot, from the future": {
			then: at(60, "a", 100), now: at(7, "b", 2), until: -53, restamped: at(7, "b", 2), anew: true,
		},
		"no boot clock": {
			then: at(0, "", 0), now: at(7, "", 0), until: 7, elapsed: 7, restamped: at(0, "", 0),
		},
		"no boot clock, from the future": {
			then: at(60, "", 0), now: at(7, "", 0), until: -53, restamped: at(7, "", 0), anew: true,
		},
		"from this boot's future": {
			then: at(60, "a", 160), now: at(7, "a", 107), until: -53, told: true, restamped: at(7, "a", 107), anew: true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seconds := func(n int) time.Duration { return time.Duration(n) * time.Second }
			if got := test.then.Until(test.now); got != seconds(test.until) {
				t.Errorf("until: %v, want %v s", got, test.until)
			}
			if got := test.then.Elapsed(test.now); got != seconds(test.elapsed) {
				t.Errorf("elapsed: %v, want %v s", got, test.elapsed)
			}
			if by, ok := test.then.SetBy(test.now); by != seconds(test.setBy) || ok != test.told {
				t.Errorf("set by: %v, %v, want %v s, %v", by, ok, test.setBy, test.told)
			}
			if got, anew := test.then.Restamp(test.now); got != test.restamped || anew != test.anew {
				t.Errorf("restamped: %+v, %v, want %+v, %v", got, anew, test.restamped, test.anew)
			}
		})
	}
}

// A stamp of nothing stays that, whatever the clock tells.
func TestNoStampStaysNone(t *testing.T) {
	t.Parallel()
	if got, anew := (clock.Stamp{}).Restamp(at(7, "a", 107)); got != (clock.Stamp{}) || anew {
		t.Errorf("%+v, %v", got, anew)
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	none, next := time.Time{}, noon.Add(time.Second)
	const off = clock.LongestRetry
	for name, c := range map[string]struct{ got, want time.Time }{
		"later":                    {clock.Later(noon, next), next},
		"later, turned":            {clock.Later(next, noon), next},
		"earlier":                  {clock.Earlier(noon, next), noon},
		"earlier, turned":          {clock.Earlier(next, noon), noon},
		"earlier than none":        {clock.Earlier(none, next), next},
		"after a retry":            {clock.AfterRetry(noon, next, noon), next},
		"after an earlier retry":   {clock.AfterRetry(next, noon, noon), next},
		"after the longest retry":  {clock.AfterRetry(noon, noon.Add(off), noon), noon.Add(off)},
		"after one of a set clock": {clock.AfterRetry(noon, noon.Add(off+1), noon), noon},
	} {
		if !c.got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// The system's clock goes on by both clocks alike, and tells no monotonic time
// where that is taken away.
func TestSystem(t *testing.T) {
	t.Parallel()
	tells := clock.System().WallOnly()
	before, after := tells(), tells()
	if before.Boot != after.Boot || before.Until(after) < 0 {
		t.Errorf("%+v before %+v", before, after)
	}
	if got := before.Wall; got != got.Round(0) {
		t.Errorf("%v has a monotonic reading", got)
	}
	if since := time.Since(before.Wall); since < 0 || since > time.Hour {
		t.Errorf("the wall clock is %v off", since)
	}
	if bare := clock.Wall(time.Now)(); bare.Boot != "" || bare.Up != 0 {
		t.Errorf("a wall clock tells a boot: %+v", bare)
	}
}
