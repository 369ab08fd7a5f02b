package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// ErrInvalid is wrapped by the errors of tasks that [prefetch.Task.Validate] refuses.
var ErrInvalid = errors.New("the task is invalid")

// ErrFull is wrapped by the errors of tasks for which their account has no room.
var ErrFull = errors.New("there is no room for the task")

// MaxPut bounds what the tasks of one account say that were put through the task
// API, in bytes of their URLs, labels and ids. A vendor that takes 20,000 URLs a day
// is given less in a month.
const MaxPut = 32 << 20

// Keeper keeps the registry's tasks; [store.DB] is one.
type Keeper interface {
	// Write applies the changes, all or none, and returns when they are durable.
	Write(ops ...store.Op) error
	// Scan calls f for every value of a table. The value is valid during the
	// call only, and f must not write.
	Scan(t store.Table, f func(scope, key string, value []byte) error) error
}

// Registry holds the tasks that were put through the task API. They survive
// restarts, reloads and the removal of their account. It is safe for concurrent
// use.
type Registry struct {
	keeper Keeper

	// writing keeps two changes of one task in the same order in the store and
	// in memory, while changes of different tasks share a sync.
	writing [64]sync.Mutex
	seed    maphash.Seed

	mu    sync.RWMutex
	tasks map[key]prefetch.Task
	// put is how many bytes the tasks of each account have, those included that are
	// being put.
	put map[string]int
	// sorted are the tasks as List returns them, nil if they must be sorted anew.
	// It is replaced and never changed.
	sorted []prefetch.Task
	// unreadable is what is wrong with the tasks that are only in the store.
	unreadable map[key]error
	// listener is told after each change of which tasks, of none if there are many;
	// may be nil.
	listener func(changed ...key)
}

// record is a task in the store; account and id are its scope and key.
type record struct {
	Version  int               `json:"version"`
	Created  time.Time         `json:"created,omitzero"`
	Deadline time.Time         `json:"deadline,omitzero"`
	URLs     []string          `json:"urls,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// recordVersion is the form of a record that this program writes, and the only
// one that it reads.
const recordVersion = 1

// NewRegistry returns the registry of the tasks that are in the keeper's table
// [store.Submitted]. A task that cannot be read stays there, is not watched, and
// is one of [Registry.Unreadable].
func NewRegistry(keeper Keeper) (*Registry, error) {
	r := &Registry{
		keeper: keeper, seed: maphash.MakeSeed(),
		tasks: make(map[key]prefetch.Task), put: make(map[string]int), unreadable: make(map[key]error),
	}
	err := keeper.Scan(store.Submitted, func(account, id string, value []byte) error {
		r.load(account, id, value)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("loading the tasks put through the API: %w", err)
	}
	return r, nil
}

func (r *Registry) load(account, id string, value []byte) {
	k := key{account: account, id: id}
	task, err := decodeTask(account, id, value)
	if err != nil {
		r.unreadable[k] = err
		return
	}
	r.tasks[k] = task
	r.put[account] += sizeOf(task)
}

// sizeOf is what a task counts against [MaxPut].
func sizeOf(task prefetch.Task) int {
	if task.ID == "" {
		return 0 // there is none
	}
	return len(task.ID) + task.Size()
}

func decodeTask(account, id string, value []byte) (prefetch.Task, error) {
	var stored record
	if err := json.Unmarshal(value, &stored); err != nil {
		return prefetch.Task{}, fmt.Errorf("reading its record: %w", err)
	}
	if stored.Version != recordVersion {
		return prefetch.Task{}, fmt.Errorf("its record has version %d; this program reads %d", stored.Version, recordVersion)
	}
	task := prefetch.Task{
		Account: account, ID: id,
		Created: stored.Created.UTC(), Deadline: stored.Deadline.UTC(),
		URLs: stored.URLs, Labels: stored.Labels,
		Source: prefetch.SourceAPI,
	}
	return task, task.Validate()
}

// Put adds the task, or replaces the one with its account and id; created tells
// which. The task is durable when Put returns without an error, and unchanged
// when it returns one that wraps [ErrInvalid] or [ErrFull]; any other error is the
// keeper's, and then the task is as before until the next start. Its Source need
// not be set.
func (r *Registry) Put(task prefetch.Task) (created bool, err error) {
	if err := task.Validate(); err != nil {
		return false, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	task = ownCopy(task)
	value, err := json.Marshal(record{
		Version: recordVersion,
		Created: task.Created, Deadline: task.Deadline, URLs: task.URLs, Labels: task.Labels,
	})
	if err != nil {
		return false, fmt.Errorf("writing task %q of account %q: %w", task.ID, task.Account, err)
	}
	k := keyOf(task)
	writing := r.lockFor(k)
	writing.Lock()
	defer writing.Unlock()
	more, err := r.reserve(task)
	if err != nil {
		return false, err
	}
	if err := r.write(k, value); err != nil {
		r.release(task.Account, more)
		return false, err
	}
	r.change(func() {
		created = !r.has(k)
		r.tasks[k] = task
		delete(r.unreadable, k)
	}, k)
	return created, nil
}

// reserve counts a task in before it is put, and returns how many bytes the account
// has more for that; fewer, if it replaces a larger one.
func (r *Registry) reserve(task prefetch.Task) (more int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	more = sizeOf(task) - sizeOf(r.tasks[keyOf(task)])
	if sum := r.put[task.Account] + more; more > 0 && sum > MaxPut {
		return 0, fmt.Errorf("%w: URLs, labels and ids of the tasks that were put for account %q would have %d bytes, more than %d; "+
			"delete some, give fewer urls, or list them in a file", ErrFull, task.Account, sum, MaxPut)
	}
	r.put[task.Account] += more
	return more, nil
}

func (r *Registry) release(account string, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(account, bytes)
}

// drop counts bytes of an account out. The lock is held.
func (r *Registry) drop(account string, bytes int) {
	if r.put[account] -= bytes; r.put[account] == 0 {
		delete(r.put, account)
	}
}

// Delete forgets the task durably and reports whether it was there. An error is
// the keeper's, and then the task is still there until the next start.
func (r *Registry) Delete(account, id string) (existed bool, err error) {
	k := key{account: account, id: id}
	writing := r.lockFor(k)
	writing.Lock()
	defer writing.Unlock()
	r.mu.RLock()
	existed = r.has(k)
	r.mu.RUnlock()
	if !existed {
		return false, nil
	}
	if err := r.write(k, nil); err != nil {
		return false, err
	}
	r.change(func() {
		r.drop(account, sizeOf(r.tasks[k]))
		delete(r.tasks, k)
		delete(r.unreadable, k)
	}, k)
	return true, nil
}

// Prune forgets, durably and all at once, the tasks for which over returns true,
// and returns how many. Nothing is put or deleted meanwhile. An error is the
// keeper's, and then all are still there until the next start.
func (r *Registry) Prune(over func(account, id string) bool) (pruned int, err error) {
	for i := range r.writing {
		r.writing[i].Lock()
	}
	defer func() {
		for i := range r.writing {
			r.writing[i].Unlock()
		}
	}()
	var ops []store.Op
	r.mu.RLock()
	for k := range r.tasks {
		if over(k.account, k.id) {
			ops = append(ops, store.Op{Table: store.Submitted, Scope: k.account, Key: k.id})
		}
	}
	r.mu.RUnlock()
	if len(ops) == 0 {
		return 0, nil
	}
	if err := r.keeper.Write(ops...); err != nil {
		return 0, fmt.Errorf("forgetting %d tasks: %w", len(ops), err)
	}
	r.change(func() {
		for _, op := range ops {
			k := key{account: op.Scope, id: op.Key}
			r.drop(k.account, sizeOf(r.tasks[k]))
			delete(r.tasks, k)
		}
	})
	return len(ops), nil
}

func (r *Registry) write(k key, value []byte) error {
	err := r.keeper.Write(store.Op{Table: store.Submitted, Scope: k.account, Key: k.id, Value: value})
	if err != nil {
		return fmt.Errorf("keeping task %q of account %q: %w", k.id, k.account, err)
	}
	return nil
}

// change applies f and tells the listener after it of the tasks that changed; of
// none if they are many.
func (r *Registry) change(f func(), changed ...key) {
	r.mu.Lock()
	f()
	r.sorted = nil
	listener := r.listener
	r.mu.Unlock()
	if listener != nil {
		listener(changed...)
	}
}

// Get returns the task, and whether it is there. It must not be changed.
func (r *Registry) Get(account, id string) (prefetch.Task, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	task, there := r.tasks[key{account: account, id: id}]
	return task, there
}

// List returns all tasks by account and id, those of accounts that do not exist
// included. They must not be changed, nor the slice.
func (r *Registry) List() []prefetch.Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sorted == nil {
		r.sorted = slices.SortedFunc(maps.Values(r.tasks), func(a, b prefetch.Task) int { return keyOf(a).compare(keyOf(b)) })
	}
	return r.sorted
}

// Unreadable says which tasks of the store could not be read at the start, by
// account and id. They stay in the store until they are put anew or deleted.
func (r *Registry) Unreadable() []error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys := slices.SortedFunc(maps.Keys(r.unreadable), key.compare)
	errs := make([]error, 0, len(keys))
	for _, k := range keys {
		errs = append(errs, fmt.Errorf("task %q of account %q in the store: %w", k.id, k.account, r.unreadable[k]))
	}
	return errs
}

// has reports whether the task is in the store. The lock is held.
func (r *Registry) has(k key) bool {
	_, readable := r.tasks[k]
	_, unreadable := r.unreadable[k]
	return readable || unreadable
}

func (r *Registry) lockFor(k key) *sync.Mutex {
	return &r.writing[maphash.Comparable(r.seed, k)%uint64(len(r.writing))]
}

// listen has f called after each change, without any lock held.
func (r *Registry) listen(f func(changed ...key)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listener = f
}

// ownCopy shares nothing with what the caller holds.
func ownCopy(task prefetch.Task) prefetch.Task {
	task.Created, task.Deadline = task.Created.UTC(), task.Deadline.UTC()
	task.URLs = slices.Clone(task.URLs)
	task.Labels = maps.Clone(task.Labels)
	task.Source = prefetch.SourceAPI
	return task
}
