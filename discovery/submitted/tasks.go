package submitted

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// Options are what the tasks need of others. All must be set.
type Options struct {
	// Keeper keeps the tasks.
	Keeper store.Keeper
	// Room returns how many more tasks an account can watch, and its limit.
	Room func(account string) (left, limit int)
	// Alone reports whether no other source lists the task, so that it needs room.
	Alone func(account, id string) bool
	// Listed is told of tasks that were put, replaced or deleted, and returns when the
	// next scrape knows of it.
	Listed func(changed ...Name)
	// Snapshot returns what is known of all tasks, and Retention how long those whose
	// time is over are kept.
	Snapshot  func() prefetch.Snapshot
	Retention func() time.Duration
	Logger    *slog.Logger
}

// Name identifies a task.
type Name struct{ Account, ID string }

func nameOf(task prefetch.Task) Name { return Name{task.Account, task.ID} }

func (n Name) compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Account, other.Account), cmp.Compare(n.ID, other.ID))
}

// Tasks are those that were put through the task API. They survive restarts, reloads
// and the removal of their account. It is safe for concurrent use.
type Tasks struct {
	Options

	// forgetting is held for reading while a task is put, deleted or heard of, until it
	// is listed: what is known is of the tasks that are there while it is held for
	// writing. It is taken before all others.
	forgetting sync.RWMutex
	// writing keeps two changes of one task in the same order in the store and
	// in memory, while changes of different tasks share a sync.
	writing [64]sync.Mutex
	seed    maphash.Seed
	entry   entry

	mu    sync.RWMutex
	tasks map[Name]prefetch.Task
	// put is how many bytes the tasks of each account have, those included that are
	// being put.
	put map[string]int
	// sorted are the tasks as List returns them, nil if they must be sorted anew.
	// It is replaced and never changed.
	sorted []prefetch.Task
	// unreadable is what is wrong with the tasks that are only in the store.
	unreadable map[Name]error
	// overtaken are the tasks that are being written, and whether they were heard of
	// meanwhile: then what another replica wrote may be the later, and what is heard
	// decides, which comes in the order of the store.
	overtaken map[Name]bool
	// revision is the number of changes.
	revision uint64
}

// New returns the tasks that are in the keeper's table [store.Submitted]. One that
// cannot be read stays there, is not watched, and is one of [Tasks.Unreadable].
func New(o Options) (*Tasks, error) {
	t := &Tasks{
		Options: o, seed: maphash.MakeSeed(), entry: entry{entering: make(map[string]int)},
		tasks: make(map[Name]prefetch.Task), put: make(map[string]int), unreadable: make(map[Name]error),
		overtaken: make(map[Name]bool),
	}
	if _, err := t.load(); err != nil && !errors.Is(err, store.ErrNotLoaded) {
		return nil, err
	}
	return t, nil
}

// Put adds the task, which must be valid, or replaces the one with its account and
// id; created tells which. When Put returns without an error the task is durable, and
// the next scrape shows it. It is unchanged when the error wraps
// [prefetch.ErrNoRoom]; any other error is the keeper's, and then the task is as
// before until the next start.
func (t *Tasks) Put(task prefetch.Task) (created bool, err error) {
	t.forgetting.RLock()
	defer t.forgetting.RUnlock()
	if _, there := t.Get(task.Account, task.ID); !there && t.Alone(task.Account, task.ID) {
		if err := t.entry.enter(task.Account, t.Room); err != nil {
			return false, err
		}
		defer t.entry.leave(task.Account) // it is listed by then
	}
	created, err = t.keep(ownCopy(task))
	if err == nil {
		t.Listed(nameOf(task))
	}
	return created, err
}

func (t *Tasks) keep(task prefetch.Task) (created bool, err error) {
	value, err := encode(task)
	if err != nil {
		return false, err
	}
	name := nameOf(task)
	defer t.lock(name).Unlock()
	more, created, err := t.reserve(task)
	if err != nil {
		return false, err
	}
	err = t.write(func(name Name) { t.set(name, task) }, name.op(value))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(task.Account, more)
	return created && err == nil, err
}

// set takes a task in that is in the store; it may have been heard of before. The lock
// is held.
func (t *Tasks) set(name Name, task prefetch.Task) {
	t.changed()
	t.release(name.Account, sizeOf(t.tasks[name])-sizeOf(task))
	t.tasks[name] = task
	delete(t.unreadable, name)
}

// Delete forgets the task durably and reports whether it was there. An error is
// the keeper's, and then the task is still there until the next start.
func (t *Tasks) Delete(account, id string) (existed bool, err error) {
	t.forgetting.RLock()
	defer t.forgetting.RUnlock()
	name := Name{account, id}
	if existed, err = t.remove(name); existed {
		t.Listed(name)
	}
	return existed, err
}

func (t *Tasks) remove(name Name) (existed bool, err error) {
	defer t.lock(name).Unlock()
	t.mu.RLock()
	existed = t.has(name)
	t.mu.RUnlock()
	if !existed {
		return false, nil
	}
	err = t.write(t.drop, name.op(nil))
	return err == nil, err
}

// drop forgets a task that is not in the store any more. The lock is held.
func (t *Tasks) drop(name Name) {
	t.changed()
	t.release(name.Account, sizeOf(t.tasks[name]))
	delete(t.tasks, name)
	delete(t.unreadable, name)
}

// changed is called with each change. The lock is held.
func (t *Tasks) changed() {
	t.revision++
	t.sorted = nil
}

// op is what gives the task a value in the keeper.
func (n Name) op(value []byte) store.Op {
	return store.Op{Table: store.Submitted, Scope: n.Account, Key: n.ID, Value: value}
}

// write changes tasks in the keeper, and then calls took for each that nobody else has
// written meanwhile, with the lock held.
func (t *Tasks) write(took func(Name), ops ...store.Op) error {
	t.mu.Lock()
	for _, op := range ops {
		t.overtaken[Name{op.Scope, op.Key}] = false
	}
	t.mu.Unlock()
	err := t.Keeper.Write(ops...)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, op := range ops {
		n := Name{op.Scope, op.Key}
		if err == nil && !t.overtaken[n] {
			took(n)
		}
		delete(t.overtaken, n)
	}
	if err != nil {
		return fmt.Errorf("keeping task %q of account %q: %w", ops[0].Key, ops[0].Scope, err)
	}
	return nil
}

// Get returns the task, and whether it is there. It must not be changed.
func (t *Tasks) Get(account, id string) (prefetch.Task, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	task, there := t.tasks[Name{account, id}]
	return task, there
}

// List returns all tasks by account and id, those of accounts that do not exist
// included. They must not be changed, nor the slice.
func (t *Tasks) List() []prefetch.Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sorted == nil {
		t.sorted = slices.SortedFunc(maps.Values(t.tasks), func(a, b prefetch.Task) int { return nameOf(a).compare(nameOf(b)) })
	}
	return t.sorted
}

// Revision is another number after each change.
func (t *Tasks) Revision() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.revision
}

// Unreadable says which tasks of the store could not be read at the start, by
// account and id. They stay in the store until they are put anew or deleted.
func (t *Tasks) Unreadable() []error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var errs []error
	for _, n := range slices.SortedFunc(maps.Keys(t.unreadable), Name.compare) {
		errs = append(errs, fmt.Errorf("task %q of account %q in the store: %w", n.ID, n.Account, t.unreadable[n]))
	}
	return errs
}

// has reports whether the task is in the store. The lock is held.
func (t *Tasks) has(name Name) bool {
	_, readable := t.tasks[name]
	_, unreadable := t.unreadable[name]
	return readable || unreadable
}

// lock returns the locked lock of a task's changes.
func (t *Tasks) lock(name Name) *sync.Mutex {
	writing := &t.writing[maphash.Comparable(t.seed, name)%uint64(len(t.writing))]
	writing.Lock()
	return writing
}
