package poller

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// account is one account's tasks and health. Its loop is in loop.go.
type account struct {
	name   prefetch.Account
	store  Store
	record Recorder
	log    *slog.Logger
	clock  Clock
	random func() float64
	// wake tells the loop that something changed; it has room for one signal.
	wake chan struct{}

	// mu guards everything the loop and the calls change. It is held while a
	// change is made durable, so a scrape must never need it.
	mu       sync.Mutex
	options  Account
	budget   *budget
	tasks    map[string]*task
	listed   []prefetch.Task // what the sources list now
	pending  []string        // sources that were never read yet
	known    bool            // listed was told: before, no task is watched or forgotten
	dropped  int
	health   health
	learned  learned
	dirty    map[string]*task // changed and not in the store yet
	unsaved  bool             // health or learned changed likewise
	inFlight int
	failures int // calls that failed, ever
	last     *prefetch.QueryState
	next     *prefetch.QueryState
	told     map[string]time.Time // warnings that were logged, and when

	// published is what scrapes see.
	pubMu     sync.Mutex
	published published
}

// health is what the last calls say of the account.
type health struct {
	Up      bool            `json:"up"`
	Failing prefetch.Reason `json:"failing,omitempty"`
	// Failures are account failures in a row, RetryAt the end of the backoff.
	Failures int       `json:"failures,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
}

// accountRecord is the part of an account that survives a restart.
type accountRecord struct {
	Health  health  `json:"health"`
	Learned learned `json:"learned"`
}

// accountKey is the only key in an account's scope of [store.Accounts].
const accountKey = "state"

// scope is the account's scope in the store. An account that changes its
// provider is another account.
func scope(a prefetch.Account) string { return a.Provider + ":" + a.Name }

// load restores what the store has of the account.
func (a *account) load() error {
	var rec accountRecord
	err := a.store.ScanScope(store.Accounts, scope(a.name), func(_ string, value []byte) error {
		return json.Unmarshal(value, &rec)
	})
	if err != nil {
		return fmt.Errorf("account %q: stored state: %w", a.name.Name, err)
	}
	a.health, a.learned = rec.Health, rec.Learned
	err = a.store.ScanScope(store.Tasks, scope(a.name), func(key string, value []byte) error {
		t, err := decodeTask(key, value)
		if err != nil {
			return err
		}
		a.tasks[key] = t
		return nil
	})
	if err != nil {
		return fmt.Errorf("account %q: stored tasks: %w", a.name.Name, err)
	}
	return nil
}

// now is the wall time.
func (a *account) now() time.Time { return a.clock().Wall }

// configure takes over new options. State, budget and loop stay.
func (a *account) configure(o Account, b *budget) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.budget != nil && a.budget != b {
		a.budget.leave(a.name.Name)
	}
	a.options, a.budget = o, b
	b.join(a.name.Name, o.Limit, a.signal)
	if a.known {
		a.reconcile(a.now())
		a.save()
	} else {
		a.publish(nil)
	}
	a.signal()
}

// signal wakes the loop.
func (a *account) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// list takes over what the sources list now.
func (a *account) list(tasks []prefetch.Task, pending []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed, a.known, a.pending = tasks, true, pending
	a.reconcile(a.now())
	a.save()
	a.signal()
}

// reconcile makes the watched tasks those that are listed, as far as the task
// limit lets it. It is called with the lock held.
func (a *account) reconcile(now time.Time) {
	listed := make(map[string]bool, len(a.listed))
	var fresh []prefetch.Task
	watched := 0
	for _, spec := range a.listed {
		listed[spec.ID] = true
		t := a.tasks[spec.ID]
		if t == nil {
			fresh = append(fresh, spec)
			continue
		}
		if t.describe(spec) {
			a.touch(t)
		}
		if !t.Gone {
			watched++
		}
	}
	for id, t := range a.tasks {
		if listed[id] {
			continue
		}
		if t.Unlisted.IsZero() && slices.Contains(a.pending, t.Source) {
			t.listed = true
			if !t.Gone {
				watched++
			}
			continue
		}
		a.unlist(t, now)
	}
	watched -= a.makeRoom(watched + len(fresh) - a.options.TaskLimit)
	room := max(0, a.options.TaskLimit-watched)
	sortFresh(fresh, now)
	a.dropped = max(0, len(fresh)-room)
	for _, spec := range fresh[:len(fresh)-a.dropped] {
		t := &task{id: spec.ID, index: -1, record: record{FirstSeen: now}}
		t.describe(spec)
		a.tasks[spec.ID] = t
		a.touch(t)
	}
	if over := watched - a.options.TaskLimit; over > 0 {
		a.dropNewest(over)
		a.dropped += over
	}
	if a.dropped > 0 {
		a.warn(now, "task_limit", "tasks dropped: more are listed than task_limit allows",
			"dropped", a.dropped, "task_limit", a.options.TaskLimit)
	}
	a.publishAll()
}

// sortFresh orders new tasks so that the newest, which the limit drops, are
// last. One whose creation nobody told is as new as now.
func sortFresh(fresh []prefetch.Task, now time.Time) {
	slices.SortStableFunc(fresh, func(x, y prefetch.Task) int {
		return orNow(x.Created, now).Compare(orNow(y.Created, now))
	})
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

// unlist stops watching a task that no source lists. What is known of it is
// kept for the retention, in case it comes back: nothing needs to be asked
// again then.
func (a *account) unlist(t *task, now time.Time) {
	if t.listed || t.Unlisted.IsZero() {
		t.listed, t.Unlisted = false, now
		a.touch(t)
	}
	if now.Sub(t.Unlisted) >= a.options.Retention || t.Gone {
		a.forget(t)
	}
}

// forget removes a task for good.
func (a *account) forget(t *task) {
	delete(a.tasks, t.id)
	t.index = -1
	a.dirty[t.id] = nil
}

// makeRoom ends the time of up to n settled tasks, those settled longest ago
// first, and returns how many.
func (a *account) makeRoom(n int) int {
	if n <= 0 {
		return 0
	}
	var settled []*task
	for _, t := range a.tasks {
		if t.listed && !t.Gone && t.Phase == prefetch.Settled {
			settled = append(settled, t)
		}
	}
	slices.SortFunc(settled, func(x, y *task) int {
		if c := x.SettledAt.Compare(y.SettledAt); c != 0 {
			return c
		}
		return strings.Compare(x.id, y.id)
	})
	settled = settled[:min(n, len(settled))]
	for _, t := range settled {
		t.bury()
		a.touch(t)
	}
	return len(settled)
}

// dropNewest stops watching the newest n tasks, after the limit was lowered.
func (a *account) dropNewest(n int) {
	var watched []*task
	for _, t := range a.tasks {
		if t.listed && !t.Gone {
			watched = append(watched, t)
		}
	}
	slices.SortFunc(watched, func(x, y *task) int {
		if c := y.created().Compare(x.created()); c != 0 {
			return c
		}
		return strings.Compare(y.id, x.id)
	})
	for _, t := range watched[:min(n, len(watched))] {
		a.forget(t)
	}
}

// touch marks a task as changed.
func (a *account) touch(t *task) { a.dirty[t.id] = t }

// save makes all changes durable, and only then records what was observed of
// them. If the store fails, the changes stay marked for the next time, and what
// was observed waits. It is called with the lock held.
func (a *account) save() {
	if len(a.dirty) == 0 && !a.unsaved {
		return
	}
	ops := make([]store.Op, 0, len(a.dirty)+1)
	for id, t := range a.dirty {
		op := store.Op{Table: store.Tasks, Scope: scope(a.name), Key: id}
		if t != nil {
			value, err := t.encode()
			if err != nil {
				a.log.Error("a task cannot be stored", "task", id, "err", err)
				continue
			}
			op.Value = value
		}
		ops = append(ops, op)
	}
	if a.unsaved {
		value, err := json.Marshal(accountRecord{a.health, a.learned})
		if err != nil {
			a.log.Error("an account's state cannot be stored", "err", err)
		} else {
			ops = append(ops, store.Op{Table: store.Accounts, Scope: scope(a.name), Key: accountKey, Value: value})
		}
	}
	if err := a.store.Write(ops...); err != nil {
		return // the store has counted and logged it
	}
	for _, t := range a.dirty {
		if t != nil {
			a.observe(t)
		}
	}
	clear(a.dirty)
	a.unsaved = false
}

// observe records the durations of a task that are durably marked as observed.
func (a *account) observe(t *task) {
	for _, o := range t.observations {
		switch o.what {
		case observedWait:
			a.record.URLWait(a.name, o.took)
		case observedFetch:
			a.record.URLFetch(a.name, o.took)
		default:
			a.record.TaskDuration(a.name, o.took)
		}
	}
	t.observations = nil
}

// warn logs a warning, the same one at most once an hour.
func (a *account) warn(now time.Time, key, msg string, args ...any) {
	if last, ok := a.told[key]; ok && now.Sub(last) < time.Hour {
		return
	}
	a.told[key] = now
	a.log.Warn(msg, args...)
}
