package clock

import (
	"context"
	"time"
)

// watchEvery is how often it is looked whether the wall clock was set.
const watchEvery = 10 * time.Second

// Watch calls jumped when the wall clock was set by at least so much, or the machine
// was asleep as long, until ctx ends. Timers stand still while the machine sleeps and
// do not notice a clock that is set: what is waited for may be due by then.
func (c Clock) Watch(ctx context.Context, least time.Duration, jumped func(by, asleep time.Duration)) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	last, ticked := c(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, tick := c(), time.Now()
		// Go's monotonic clock stands still while the machine sleeps.
		ran := tick.Sub(ticked)
		by, asleep := now.Wall.Sub(last.Wall)-ran, time.Duration(0)
		if step, ok := last.SetBy(now); ok {
			by, asleep = step, now.Up-last.Up-ran
		}
		last, ticked = now, tick
		if by.Abs() >= least || asleep >= least {
			jumped(by, asleep)
		}
	}
}
