package account

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
)

// look compares the present with the last time that it was called. If our clock was
// set by an hour meanwhile, what this process dated is an hour off: it moves along.
// Where nobody knows by how much the clock was set (there is no boot clock), only
// times that became the future are taken for now. The vendor's clock stayed where it
// was. It is called with the lock held.
func (a *Account) look(now clock.Stamp) {
	by, known := a.looked.SetBy(now)
	back := now.Wall.Before(a.looked.Wall)
	a.looked = now
	switch {
	case known && by.Abs() >= dialect.LeastSet:
		a.redate(by, now.Wall)
	case !known && back:
		a.redate(0, now.Wall)
		a.budget.Restamp(now)
		a.dialect.OffsetAt, a.unsaved.Account = clock.Stamp{}, true
	}
	if a.dialect.SawClock(now) {
		a.unsaved.Account, a.sweepAt = true, time.Time{}
		a.planner.Stale()
	}
}

// redate moves what this process dated by as much as the clock was set. What an
// earlier one dated stays, unless that is the future now.
func (a *Account) redate(by time.Duration, now time.Time) {
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
	a.finder.Move(move)
	a.health.Move(move)
	for _, at := range []*time.Time{&a.began, &a.noWindow, &a.planner.UnwatchedAt, &a.planner.RunningAt, &a.dialect.RefusedAt} {
		move(at)
	}
	if a.last != nil {
		last := *a.last // what was published is never changed
		if move(&last.Time); last.Time.After(now) {
			last.Time = now
		}
		a.last = &last
	}
	a.unsaved.Account = true
	a.refresh(now)
}
