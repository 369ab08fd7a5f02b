package clock_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller/clock"
)

// A wall clock that is set and a machine that sleeps are noticed, once each and as
// what they are, as far as anybody can tell them apart.
func TestWatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		boot       string
		set, sleep time.Duration
		by, asleep time.Duration
		times      int
	}{
		"nothing":            {boot: "a"},
		"set ahead":          {boot: "a", set: time.Hour, by: time.Hour, times: 1},
		"set back":           {boot: "a", set: -time.Hour, by: -time.Hour, times: 1},
		"set by little":      {boot: "a", set: time.Second},
		"asleep":             {boot: "a", sleep: time.Hour, asleep: time.Hour, times: 1},
		"without boot clock": {set: time.Minute, sleep: time.Minute, by: 2 * time.Minute, times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var set, slept atomic.Int64 // nanoseconds
				tells := clock.Clock(func() clock.Stamp {
					asleep := time.Duration(slept.Load())
					return clock.Stamp{
						Wall: time.Now().Add(time.Duration(set.Load()) + asleep).Round(0),
						Boot: c.boot, Up: time.Since(began) + asleep,
					}
				})
				ctx, cancel := context.WithCancel(t.Context())
				times := 0
				go tells.Watch(ctx, 2*time.Second, func(by, asleep time.Duration) {
					times++
					if by != c.by || asleep != c.asleep {
						t.Errorf("set by %v and asleep for %v, want %v and %v", by, asleep, c.by, c.asleep)
					}
				})
				time.Sleep(time.Minute + time.Second)
				set.Store(int64(c.set))
				slept.Store(int64(c.sleep))
				time.Sleep(time.Hour)
				cancel()
				synctest.Wait()
				if times != c.times {
					t.Errorf("noticed %d times, want %d", times, c.times)
				}
			})
		})
	}
}
