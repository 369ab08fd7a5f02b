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

// Wanted is which tasks a question is about.
type Wanted struct {
	Owner string
	// ID, if set, is that of the only one.
	ID string
	// From and To limit the creation, to the second; both ends are included. A zero To
	// is Now.
	From, To time.Time
	// Now is when the question is asked: what is created later is not there.
	Now time.Time
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

// find is [Server.Tasks].
func (r *registry) find(w Wanted) []*Registered {
	if w.To.IsZero() {
		w.To = w.Now
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var found []*Registered
	if w.ID != "" {
		found = append(found, r.byID[w.ID])
	} else {
		owned := r.byOwner[w.Owner]
		from, _ := slices.BinarySearchFunc(owned, w.From, compareSecond)
		to, _ := slices.BinarySearchFunc(owned, w.To.Add(1), compareSecond)
		found = slices.Clone(owned[from:max(from, to)])
	}
	return slices.DeleteFunc(found, func(t *Registered) bool {
		return t == nil || t.Owner != w.Owner || t.Second.Before(w.From) || t.Second.After(w.To) || t.Created.After(w.Now)
	})
}

func compareSecond(t *Registered, at time.Time) int { return t.Second.Compare(at) }

func compareCreation(a, b *Registered) int {
	return cmp.Or(a.Second.Compare(b.Second), cmp.Compare(a.sequence, b.sequence))
}
