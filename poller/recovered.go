package poller

import (
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/task"
)

// A failed URL is recovered when a task of the account that was created later
// shows it as succeeded. The two are told of in any order, and of a settled task
// only the failed rows are kept: so it keeps hashes of what succeeded, eight bytes
// each, for as long as its time lasts.

// recovers works out, after something was told of a task, which of its failed
// URLs are recovered, and which of earlier tasks by it. It returns those earlier
// tasks. It costs nothing where nothing failed; else a look at each failed URL of
// the account that is not recovered, and for one that is new at the URLs of all
// later tasks.
func (a *account) recovers(t *planner.Candidate) (earlier []*planner.Candidate) {
	a.recoverBy(t)
	if len(a.failing) == 0 || len(a.failing) == 1 && a.failing[t] != nil {
		return nil
	}
	warm := task.Hashes{}
	t.EachWarm(func(hash uint64) { warm[hash] = struct{}{} })
	for o, failed := range a.failing {
		if a.tasks[o.ID] != o || o.Ended {
			delete(a.failing, o)
			continue
		}
		if !t.After(&o.Task) {
			continue
		}
		before := len(failed)
		for hash := range failed {
			if warm.Has(hash) {
				delete(failed, hash)
			}
		}
		if len(failed) == before {
			continue
		}
		o.Rows = o.Rows.Recover(func(url string) bool { return warm.Has(task.HashOf(url)) })
		earlier = append(earlier, o)
		if len(failed) == 0 {
			delete(a.failing, o)
		}
	}
	return earlier
}

// recoverBy marks those failed URLs of a task as recovered that later tasks have
// shown as succeeded before it was known that they failed in this one.
func (a *account) recoverBy(t *planner.Candidate) {
	failed := t.Rows.Unrecovered()
	known := a.failing[t]
	warm := task.Hashes{}
	if fresh := failed.Without(known); len(fresh) > 0 {
		for _, o := range a.tasks {
			if o == t || !o.After(&t.Task) {
				continue
			}
			o.EachWarm(func(hash uint64) {
				if fresh.Has(hash) {
					warm[hash] = struct{}{}
				}
			})
		}
	}
	if len(warm) > 0 {
		t.Rows = t.Rows.Recover(func(url string) bool { return warm.Has(task.HashOf(url)) })
	}
	a.watchFailed(t, failed.Without(warm))
}

// watchFailed notes which URLs of a task wait for a later task.
func (a *account) watchFailed(t *planner.Candidate, failed task.Hashes) {
	if len(failed) == 0 {
		delete(a.failing, t)
		return
	}
	a.failing[t] = failed
}
