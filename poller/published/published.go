// Package published is what scrapes see of an account: the latest state of it and
// of its tasks, which never waits for a call or a disk.
package published

import (
	"slices"
	"strings"
	"sync"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
)

// State is an account's state, and what it depends on at the time of a look.
type State struct {
	prefetch.AccountState

	TaskLimit int
	// Identity is whom the vendor counts.
	Identity string
	Budget   *quota.Budget
	// Found is how many of the dropped tasks the vendor lists and nobody named.
	Found int
}

// Board has the state that was published last. Its task states are immutable. It is
// safe for concurrent use.
type Board struct {
	mu    sync.Mutex
	state State
	// shared: a snapshot has the slice of tasks, which is copied before it is
	// changed.
	shared bool
}

// Set publishes an account with all of its tasks, which are ordered by id, after
// the set of them changed.
func (b *Board) Set(s State) {
	for _, t := range s.Tasks {
		s.Phases[t.Phase]++
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.shared = s, false
}

// Change publishes what changed of watched tasks, all at once, and the account's
// state but for its tasks. A task that was not watched before comes in.
func (b *Board) Change(s State, tasks []*prefetch.TaskState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Tasks, s.Unwatched, s.Phases = b.state.Tasks, b.state.Unwatched, b.state.Phases
	if len(tasks) > 0 && b.shared {
		s.Tasks, b.shared = slices.Clone(s.Tasks), false
	}
	for _, t := range tasks {
		i, found := slices.BinarySearchFunc(s.Tasks, t.ID, func(t *prefetch.TaskState, id string) int { return strings.Compare(t.ID, id) })
		if found {
			s.Phases[s.Tasks[i].Phase]--
			s.Tasks[i] = t
		} else {
			s.Tasks = slices.Insert(s.Tasks, i, t)
		}
		s.Phases[t.Phase]++
	}
	b.state = s
}

// Identity is whom the vendor counts.
func (b *Board) Identity() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.Identity
}

// Phases is how many watched tasks are in each.
func (b *Board) Phases() [prefetch.NumPhases]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.Phases
}

// Room is how many more tasks the account can watch that somebody names, and the limit
// that says so: settled ones make room, and so do those that nobody named; those that
// are listed and not watched take it.
func (b *Board) Room() (room, limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.state
	unsettled := s.Phases[prefetch.Pending] + s.Phases[prefetch.Active] + s.Phases[prefetch.Lost]
	room = s.TaskLimit - unsettled - s.Dropped + s.Found
	for _, t := range s.Tasks {
		if t.Source == prefetch.SourceVendor && !t.Settled() {
			room++
		}
	}
	return room, s.TaskLimit
}

// Snapshot is the account as it stands now.
func (b *Board) Snapshot(now clock.Stamp) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shared = true
	s := b.state
	s.NextCall = b.state.Budget.Next(now)
	return s
}
