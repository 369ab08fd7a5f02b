// Package recovered says which failed URLs a later task has warmed.
//
// A failed URL is recovered when a task of the account that was created later
// shows it as succeeded. The two are told of in any order, and of a settled task
// only the failed rows are kept: so it keeps hashes of what succeeded, eight bytes
// each, for as long as its time lasts.
//
// It is pure: it has no clock, no lock and no IO.
package recovered

import (
	"iter"
	"maps"

	"prefetch_exporter/poller/task"
	"prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
)

// Waiting are the failed URLs of an account, by task, that no later task has warmed.
type Waiting map[*task.Task]rows.Hashes

// Note notes which URLs of a task wait for a later task.
func (w Waiting) Note(t *task.Task) { w.note(t, unrecovered(t)) }

func (w Waiting) note(t *task.Task, failed rows.Hashes) {
	if len(failed) == 0 {
		delete(w, t)
		return
	}
	w[t] = failed
}

// Told works out, after something was told of a task, which of its failed URLs are
// recovered by one of all tasks, and which of earlier tasks by it. It returns those
// earlier tasks. It costs nothing where nothing failed; else a look at each failed
// URL that is not recovered, and for one that is new at the URLs of all later tasks.
func (w Waiting) Told(t *task.Task, all iter.Seq[*task.Task]) (earlier []*task.Task) {
	w.recoverBy(t, all)
	if len(w) == 0 || len(w) == 1 && w[t] != nil {
		return nil
	}
	warm := rows.Hashes{}
	t.EachWarm(func(hash uint64) { warm[hash] = true })
	for o, failed := range w {
		if o.Ended {
			delete(w, o)
			continue
		}
		if !t.After(o) {
			continue
		}
		before := len(failed)
		maps.DeleteFunc(failed, among(warm))
		if len(failed) == before {
			continue
		}
		o.Rows = o.Rows.Recover(warm)
		earlier = append(earlier, o)
		if len(failed) == 0 {
			delete(w, o)
		}
	}
	return earlier
}

// recoverBy marks those failed URLs of a task as recovered that later tasks have
// shown as succeeded before it was known that they failed in this one.
func (w Waiting) recoverBy(t *task.Task, all iter.Seq[*task.Task]) {
	failed := unrecovered(t)
	warm := rows.Hashes{}
	if fresh := without(failed, w[t]); len(fresh) > 0 {
		for o := range all {
			if o == t || !o.After(t) {
				continue
			}
			o.EachWarm(func(hash uint64) {
				if fresh[hash] {
					warm[hash] = true
				}
			})
		}
	}
	t.Rows = t.Rows.Recover(warm)
	w.note(t, without(failed, warm))
}

// unrecovered are the URLs of a task that failed and are not recovered.
func unrecovered(t *task.Task) rows.Hashes {
	found := rows.Hashes{}
	for i := range t.Rows.URLs {
		if u := &t.Rows.URLs[i]; u.Status == prefetch.Failed && !u.Recovered {
			found[rows.HashOf(u.URL)] = true
		}
	}
	return found
}

// without are the hashes that are not among others.
func without(hashes, others rows.Hashes) rows.Hashes {
	left := maps.Clone(hashes)
	maps.DeleteFunc(left, among(others))
	return left
}

func among(hashes rows.Hashes) func(hash uint64, in bool) bool {
	return func(hash uint64, _ bool) bool { return hashes[hash] }
}
