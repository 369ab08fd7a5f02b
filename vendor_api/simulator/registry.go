package simulator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Registered is a task as the vendor keeps it. It never changes.
type Registered struct {
	Task

	// Second is the creation as the vendor stores and shows it: to the second.
	Second time.Time
	// Complete is when the last row has become visible.
	Complete time.Time
	// sequence tells tasks of the same second apart, in the order of
	// submission.
	sequence int
}

// registry finds tasks by id, and by owner in the order of creation: an answer
// to a question about one task must not cost a walk over all of them.
type registry struct {
	mu       sync.RWMutex
	byID     map[string]*Registered
	byOwner  map[string][]*Registered
	sequence int
}

func newRegistry() *registry {
	return &registry{byID: map[string]*Registered{}, byOwner: map[string][]*Registered{}}
}

// submit takes a task in, in place of an earlier one of the same id.
func (r *registry) submit(task Task, now time.Time) {
	if task.Created.IsZero() {
		task.Created = now
	}
	task.URLs = slices.Clone(task.URLs)
	entry := &Registered{Task: task, Second: task.Created.Truncate(time.Second), Complete: task.Created}
	for i := range task.URLs {
		entry.Complete = later(entry.Complete, task.Created.Add(task.URLs[i].Appears))
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeLocked(task.ID)
	r.sequence++
	entry.sequence = r.sequence
	r.byID[task.ID] = entry
	owned := r.byOwner[task.Owner]
	i, _ := slices.BinarySearchFunc(owned, entry, compareCreation)
	r.byOwner[task.Owner] = slices.Insert(owned, i, entry)
}

// remove forgets a task, as a vendor does after a while.
func (r *registry) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeLocked(id)
}

func (r *registry) removeLocked(id string) {
	entry, ok := r.byID[id]
	if !ok {
		return
	}
	delete(r.byID, id)
	owned := r.byOwner[entry.Owner]
	if i, found := slices.BinarySearchFunc(owned, entry, compareCreation); found {
		r.byOwner[entry.Owner] = slices.Delete(owned, i, i+1)
	}
}

func (r *registry) get(id string) (*Registered, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	entry, ok := r.byID[id]
	return entry, ok
}

// between returns the owner's tasks whose creation, to the second, lies between
// the two times or is one of them, in the order of creation. The slice belongs
// to the caller.
func (r *registry) between(owner string, from, to time.Time) []*Registered {
	r.mu.RLock()
	defer r.mu.RUnlock()
	owned := r.byOwner[owner]
	first, _ := slices.BinarySearchFunc(owned, from, func(t *Registered, at time.Time) int {
		return t.Second.Compare(at)
	})
	end, _ := slices.BinarySearchFunc(owned, to, func(t *Registered, at time.Time) int {
		if t.Second.After(at) {
			return 1
		}
		return -1
	})
	if first >= end {
		return nil
	}
	return slices.Clone(owned[first:end])
}

func compareCreation(a, b *Registered) int {
	return cmp.Or(a.Second.Compare(b.Second), cmp.Compare(a.sequence, b.sequence))
}
