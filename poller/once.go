package poller

import (
	"context"
	"time"

	"prefetch_exporter/poller/clock"
)

// once asks everything that the budget allows now, waiting for nothing but the
// answers, and reports whether a call failed. Somebody wants to know now: when a
// task was asked before does not matter, nor does a backoff from before. The calls
// that are allowed now are no more than the limit's, however many more become so
// while they take their time.
func (a *account) once(ctx context.Context) (failed bool) {
	a.mu.Lock()
	allowed := a.options.Limit.Calls
	a.hasty, a.begun = true, a.now()
	a.unsaved.Account = a.health.Forgive() || a.unsaved.Account
	a.planner.Stale()
	a.mu.Unlock()
	made := 0
	var calls underWay
	for left := true; left; {
		left = false
		for made < allowed && ctx.Err() == nil && a.step(ctx, &calls) == 0 {
			left = true
			made++
		}
		a.finish(&calls)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	failures := int(calls.failed.Load())
	a.report(made, failures)
	a.hasty = false
	a.planner.Stale()
	return failures > 0
}

// report logs what the look made of the account, and why it asked no more. It is
// called with the lock held.
func (a *account) report(made, failed int) {
	why := a.whyNoMore(made)
	if made == 0 {
		a.log.Info("asked nothing", "why", why)
		return
	}
	answered := 0
	for _, t := range a.tasks {
		if t.Listed && !t.LastRefresh.Before(a.begun) {
			answered++
		}
	}
	a.log.Info("asked once", "calls", made, "failed", failed, "tasks_answered", answered, "why_no_more", why)
}

// whyNoMore says in a few words why no further call is made now.
func (a *account) whyNoMore(made int) string {
	present := a.clock()
	if !a.wantsMore(present) {
		return a.whyNothing()
	}
	next := a.budget.Next(present)
	switch {
	case a.health.RetryAt.After(present.Wall):
		return "calls fail, and it backs off"
	case next.After(present.Wall):
		return "the budget allows the next call at " + next.UTC().Format(time.RFC3339)
	case made >= a.options.Limit.Calls:
		return "as many calls were made as the limit has"
	default:
		return "stopped, or no call can be recorded"
	}
}

// wantsMore reports whether there is another question.
func (a *account) wantsMore(present clock.Stamp) bool {
	s := a.planner.At(a.planning(present))
	_, found, _ := a.choose(s, &a.watch, &a.finder)
	return found
}

// whyNothing says why there is no question.
func (a *account) whyNothing() string {
	watched, unsettled := 0, 0
	for _, t := range a.tasks {
		if t.Listed && !t.Ended {
			watched++
		}
		if t.Unsettled() {
			unsettled++
		}
	}
	switch {
	case unsettled > 0 || a.options.WatchWindow:
		return "everything was asked for"
	case watched > 0:
		return "every task is settled"
	default:
		return "no task"
	}
}

// askNow ends the account's backoff, since somebody asked for a call now, and has
// the tasks asked for at once whose last question it failed.
func (a *account) askNow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removed || a.health.Up {
		return
	}
	a.unsaved.Account = a.health.Forgive() || a.unsaved.Account
	now := a.now()
	for _, t := range a.tasks {
		if t.Unsettled() && t.LastError != nil && !t.LastError.Reason.ConcernsTask() {
			t.RetryAt = now
			a.planner.Changed(t)
		}
	}
	a.save()
	a.publish()
	a.signal()
}
