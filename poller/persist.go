package poller

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

const (
	// accountKey is the only key in an account's scope of [store.Accounts].
	accountKey = "state"
	// saveRetry is how long a loop waits before it tries again to store what
	// could not be stored.
	saveRetry = 15 * time.Second
	// fewDirty is how many changed tasks the set of them is kept for.
	fewDirty = 64
)

// accountRecord is the part of an account that survives a restart.
type accountRecord struct {
	Health  health.State      `json:"health"`
	Learned learned           `json:"learned"`
	Watch   lookback.LookBack `json:"watch,omitzero"`
	// Identity is whom the vendor counted when that was learned.
	Identity string `json:"identity,omitempty"`
	// Removed is since when the account is not configured any more.
	Removed time.Time `json:"removed,omitzero"`
}

// learned is what calls have taught of the vendor, and of the account's tasks.
type learned struct {
	dialect.Learned
	planner.Knowledge
}

// scope is the account's scope in the store. An account that changes its
// provider is another account.
func scope(a prefetch.Account) string { return a.Provider + ":" + a.Name }

// load restores what the store has of the account. What cannot be understood is
// left out: one broken record must not keep all others from being watched.
func (a *account) load() error {
	a.unsaved = true // unless there is a record that says the same
	err := a.store.ScanScope(store.Accounts, scope(a.name), func(_ string, value []byte) error {
		var rec accountRecord
		if err := json.Unmarshal(value, &rec); err != nil {
			a.log.Error("the account's stored state is unreadable; what was learned is lost", "err", err)
			return nil
		}
		a.health.State, a.identity, a.watch = rec.Health, rec.Identity, rec.Watch
		a.dialect.Learned, a.planner.Knowledge = rec.Learned.Learned, rec.Learned.Knowledge
		if a.health.Calls > 0 {
			a.journal.Fails(a.health.Failing)
		}
		a.unsaved = a.watch.Clamp(a.now()) || !rec.Removed.IsZero()
		a.dialect.DoubtClock(a.clock())
		return nil
	})
	if err != nil {
		return fmt.Errorf("account %q: stored state: %w", a.name.Name, err)
	}
	err = a.store.ScanScope(store.Tasks, scope(a.name), func(key string, value []byte) error {
		decoded, err := task.Decode(key, value)
		if err != nil {
			a.log.Error("a stored task is unreadable; it begins anew", "task", key, "err", err)
			return nil
		}
		t := &planner.Candidate{Task: *decoded}
		a.tasks[key] = t
		a.failing.Note(&t.Task)
		if t.Date(a.now()) {
			a.touch(t)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("account %q: stored tasks: %w", a.name.Name, err)
	}
	return nil
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
		op := store.Op{Table: store.Tasks, Scope: scope(a.name), Key: id}
		if t != nil {
			value, err := t.Encode()
			if err != nil {
				a.log.Error("a task cannot be stored", "task", id, "err", err)
				delete(a.dirty, id)
				continue
			}
			op.Value = value
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
		value, err := json.Marshal(accountRecord{
			Health: a.health.State, Learned: learned{a.dialect.Learned, a.planner.Knowledge}, Watch: a.watch, Identity: a.identity,
		})
		if err != nil {
			a.log.Error("an account's state cannot be stored", "err", err)
		} else {
			ops = append(ops, store.Op{Table: store.Accounts, Scope: scope(a.name), Key: accountKey, Value: value})
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
