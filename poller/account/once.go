package account

import (
	"context"

	"prefetch_exporter/poller/journal"
)

// Once asks everything that the budget allows now, waiting for nothing but the
// answers, and reports whether a call failed. Somebody wants to know now: when a
// task was asked before does not matter, nor does a backoff from before. The calls
// that are allowed now are no more than the limit's, however many more become so
// while they take their time.
func (a *Account) Once(ctx context.Context) (failed bool) {
	a.mu.Lock()
	allowed := a.settings.Limit.Calls
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
func (a *Account) report(made, failed int) {
	if !a.asks {
		a.log.Info("asked nothing", "why", "another replica asks for it")
		return
	}
	present := a.clock()
	_, more, _ := a.choose(a.planner.At(a.planning(present)), &a.watch, &a.finder)
	a.journal.Looked(journal.Look{
		Calls: made, Failed: failed, Most: a.settings.Limit.Calls, Since: a.begun,
		More: more, Backoff: a.health.RetryAt, Next: a.budget.Next(present), LookBack: a.settings.WatchWindow,
	}, a.each)
}

// AskNow ends the account's backoff, since somebody asked for a call now, and has
// the tasks asked for at once whose last question it failed.
func (a *Account) AskNow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removed || !a.asks || a.health.Up {
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
	a.Signal()
}
