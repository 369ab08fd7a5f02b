package poller

import (
	"errors"
	"time"

	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/store"
)

const (
	// saveRetry is how long a loop waits before it tries again to store what
	// could not be stored.
	saveRetry = 15 * time.Second
	// fewDirty is how many changed tasks the set of them is kept for.
	fewDirty = 64
)

// load restores what the store has of the account.
func (a *account) load() error {
	a.unsaved = true // unless there is a record that says the same
	return record.Read(a.store, a.name, record.Reader{Account: a.restore, Task: a.restoreTask, Unreadable: func(id string, err error) {
		if id == "" {
			a.log.Error("the account's stored state is unreadable; what was learned is lost", "err", err)
		} else {
			a.log.Error("a stored task is unreadable; it begins anew", "task", id, "err", err)
		}
	}})
}

func (a *account) restore(r record.Account) {
	a.health.State, a.identity, a.watch = r.Health, r.Identity, r.Watch
	a.dialect.Learned, a.planner.Knowledge = r.Learned.Learned, r.Learned.Knowledge
	if a.health.Calls > 0 {
		a.journal.Fails(a.health.Failing) // the process before has logged it
	}
	a.unsaved = a.watch.Clamp(a.now()) || !r.Removed.IsZero()
	a.dialect.DoubtClock(a.clock())
}

func (a *account) restoreTask(stored *task.Task) {
	t := &planner.Candidate{Task: *stored}
	a.tasks[t.ID] = t
	a.failing.Note(&t.Task)
	if t.Date(a.now()) {
		a.touch(t)
	}
}

// touch marks a task as changed.
func (a *account) touch(t *planner.Candidate) { a.dirty[t.ID] = t }

// saved reports whether the store has everything.
func (a *account) saved() bool { return len(a.dirty) == 0 && !a.unsaved }

// save makes all changes durable, and only then records what was observed of
// them. If the store fails, the changes stay marked for the next time, and what
// was observed waits. An account that was removed saves nothing more: whoever
// adds it again owns its records by then. It is called with the lock held.
func (a *account) save() {
	if a.removed || a.saved() {
		return
	}
	ops := make([]store.Op, 0, len(a.dirty)+1)
	for id, t := range a.dirty {
		var kept *task.Task
		if t != nil {
			kept = &t.Task
		}
		op, err := record.TaskOp(a.name, id, kept)
		if err != nil {
			a.log.Error("a task cannot be stored", "task", id, "err", err)
			delete(a.dirty, id)
			continue
		}
		if len(op.Value) > store.MaxValue {
			// Nobody else's change may be lost with it. It is not tried again until
			// the task changes.
			err := a.store.Write(op) // refused, and counted, by itself
			a.journal.Warn(journal.Unstorable, id, "a task is too large to be stored; what changed of it does not survive a restart",
				"task", id, "err", err)
			delete(a.dirty, id)
			continue
		}
		ops = append(ops, op)
	}
	if a.unsaved {
		r := record.Account{
			Health: a.health.State, Learned: record.Learned{Learned: a.dialect.Learned, Knowledge: a.planner.Knowledge},
			Watch: a.watch, Identity: a.identity,
		}
		if op, err := r.Op(a.name); err != nil {
			a.log.Error("an account's state cannot be stored", "err", err)
		} else {
			ops = append(ops, op)
		}
	}
	if err := a.store.Write(ops...); err != nil {
		a.hung.Store(errors.Is(err, store.ErrHangs))
		return // the store has counted and logged it
	}
	for _, t := range a.dirty {
		if t != nil {
			a.observe(t)
		}
	}
	if len(a.dirty) > fewDirty {
		// A map stays as large as it ever was, and as slow to walk.
		a.dirty = map[string]*planner.Candidate{}
	}
	clear(a.dirty)
	a.unsaved = false
}

// observe records the durations of a task that are durably marked as observed.
func (a *account) observe(t *planner.Candidate) {
	for _, o := range t.Observations {
		switch o.What {
		case task.ObservedWait:
			a.record.URLWait(a.name, o.Took)
		case task.ObservedFetch:
			a.record.URLFetch(a.name, o.Took)
		default:
			a.record.TaskDuration(a.name, o.Took)
		}
	}
	t.Observations = nil
}
