package poller

import (
	"context"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
)

// clockEvery is how often it is looked whether the wall clock was set.
const clockEvery = 10 * time.Second

// watchClock wakes every loop when the wall clock was set or the machine slept, until
// ctx ends. A loop waits by timers, which stand still while the machine sleeps and do
// not notice a clock that is set: what it waits for may be due by now.
func (p *Poller) watchClock(ctx context.Context) {
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	last, ticked := p.options.Clock(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, tick := p.options.Clock(), time.Now()
		// Go's monotonic clock stands still while the machine sleeps.
		ran := tick.Sub(ticked)
		by, slept := now.Wall.Sub(last.Wall)-ran, time.Duration(0)
		if step, ok := last.SetBy(now); ok {
			by, slept = step, now.Up-last.Up-ran
		}
		last, ticked = now, tick
		if by.Abs() < dialect.LeastSet && slept < dialect.LeastSet {
			continue
		}
		p.options.Logger.Warn("the wall clock was set, or the machine was asleep; every account looks at once what is due",
			"set_by", by.Round(time.Millisecond), "asleep", slept.Round(time.Millisecond))
		p.mu.RLock()
		for _, r := range p.accounts {
			r.signal()
		}
		p.mu.RUnlock()
	}
}

// look compares the present with the last time that it was called. If our clock was
// set by an hour meanwhile, what this process dated is an hour off: it moves along.
// Where nobody knows by how much the clock was set (there is no boot clock), only
// times that became the future are taken for now. The vendor's clock stayed where it
// was. It is called with the lock held.
func (a *account) look(now clock.Stamp) {
	by, known := a.looked.SetBy(now)
	back := now.Wall.Before(a.looked.Wall)
	a.looked = now
	switch {
	case known && by.Abs() >= dialect.LeastSet:
		a.redate(by, now.Wall)
	case !known && back:
		a.redate(0, now.Wall)
		a.budget.Restamp(now)
		a.dialect.OffsetAt, a.unsaved = clock.Stamp{}, true
	}
	if a.dialect.SawClock(now) {
		a.unsaved, a.sweepAt = true, time.Time{}
		a.planner.Stale()
	}
}

// redate moves what this process dated by as much as the clock was set. What an
// earlier one dated stays, unless that is the future now.
func (a *account) redate(by time.Duration, now time.Time) {
	began := a.began
	move := func(at *time.Time) {
		if !at.IsZero() && !at.Before(began) {
			*at = at.Add(by)
		}
	}
	for _, t := range a.tasks {
		t.Redate(move, now)
		a.touch(t)
		if !t.Ended {
			a.failing.Note(&t.Task)
		}
	}
	a.watch.Move(move)
	a.watch.Clamp(now)
	a.health.Move(move)
	for _, at := range []*time.Time{&a.began, &a.noWindow, &a.planner.StrangersAt, &a.dialect.RefusedAt} {
		move(at)
	}
	if a.last != nil {
		last := *a.last // what was published is never changed
		if move(&last.Time); last.Time.After(now) {
			last.Time = now
		}
		a.last = &last
	}
	a.unsaved = true
	a.refresh(now)
}
