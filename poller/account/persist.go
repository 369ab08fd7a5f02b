package account

import (
	"time"

	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/poller/task/rows"
)

// saveRetry is how long a loop waits before it tries again to store what could not
// be stored.
const saveRetry = 15 * time.Second

// Load restores what the store has of the account.
func (a *Account) Load() error {
	a.unsaved.Account = true // unless there is a record that says the same
	if a.group != nil && !a.group.Loaded() {
		return nil // it is made anew when there is something to read
	}
	return record.Read(a.store, a.name, record.Reader{Account: a.restore, Task: a.restoreTask, Unreadable: a.unreadable})
}

// unreadable warns of what was stored and cannot be understood.
func (a *Account) unreadable(id string, err error) {
	if id == "" {
		a.log.Error("the account's stored state is unreadable; what was learned is lost", "err", err)
		return
	}
	a.log.Error("a stored task is unreadable; it begins anew", "task", id, "err", err)
}

func (a *Account) restore(r record.Account) {
	a.health.State, a.identity, a.watch, a.finder = r.Health, r.Identity, r.Watch, r.Discovered
	a.dialect.Learned, a.planner.Knowledge = r.Learned.Learned, r.Learned.Knowledge
	a.show(r.Shown)
	if a.health.Calls > 0 {
		a.journal.Fails(a.health.Failing) // the process before has logged it
	}
	a.unsaved.Account = a.watch.Clamp(a.now()) || !r.Removed.IsZero()
	a.dialect.DoubtClock(a.clock())
}

func (a *Account) restoreTask(stored *task.Task) {
	t := &planner.Candidate{Task: *stored}
	a.tasks[t.ID] = t
	a.failing.Note(&t.Task)
	if !a.asks {
		t.Listed = t.Unlisted.IsZero()
		return
	}
	if t.Date(a.now()) {
		a.touch(t)
	}
}

// touch marks a task as changed.
func (a *Account) touch(t *planner.Candidate) { a.unsaved.Touch(&t.Task) }

// save makes all changes durable, and only then records what was observed of
// them. If the store fails, the changes stay marked for the next time, and what
// was observed waits. An account that was removed saves nothing more: whoever
// adds it again owns its records by then. It is called with the lock held.
func (a *Account) save() {
	if a.removed || a.unsaved.None() || !a.owns() {
		return
	}
	shown := a.shown()
	saved, err := a.unsaved.Save(a.store, a.name, &record.Account{
		Health: a.health.State, Learned: record.Learned{Learned: a.dialect.Learned, Knowledge: a.planner.Knowledge},
		Watch: a.watch, Discovered: a.foundUntil(), Identity: a.identity, Shown: shown,
	}, a.unstorable)
	if err != nil {
		a.progress.Stored(err)
		return // the store has counted and logged it
	}
	a.said = shown
	for _, t := range saved {
		a.observe(t)
	}
}

// Rewrite stores all that is known of the account, and nothing else, in a store that has
// forgotten and whose owner this replica still is.
func (a *Account) Rewrite() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := record.Read(a.store, a.name, record.Reader{
		Account:    func(record.Account) {},
		Task:       func(t *task.Task) { a.unsaved.Forget(t.ID) },
		Unreadable: func(string, error) {},
	})
	for _, t := range a.tasks {
		a.touch(t)
	}
	a.unsaved.Account = true
	a.save()
	a.Signal()
	return err
}

// unstorable warns of what no store can hold.
func (a *Account) unstorable(id string, err error) {
	if id == "" {
		a.log.Error("an account's state cannot be stored", "err", err)
		return
	}
	a.journal.Warn(journal.Unstorable, id, "a task cannot be stored; what changed of it does not survive a restart",
		"task", id, "err", err)
}

// observe records the durations of a task that are durably marked as observed.
func (a *Account) observe(t *task.Task) {
	for _, o := range t.Observations {
		switch o.What {
		case rows.ObservedWait:
			a.record.URLWait(a.name, o.Took)
		case rows.ObservedFetch:
			a.record.URLFetch(a.name, o.Took)
		default:
			a.record.TaskDuration(a.name, o.Took)
		}
	}
	t.Observations = nil
}
