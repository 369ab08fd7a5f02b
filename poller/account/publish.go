package account

import (
	"slices"
	"strings"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/published"
	"prefetch_exporter/prefetch"
)

// publishAll publishes every watched task, after the set of them changed. It is
// called with the lock held.
func (a *Account) publishAll() {
	watched := make([]*planner.Candidate, 0, len(a.tasks))
	var unwatched []prefetch.UnwatchedTask
	for _, t := range a.tasks {
		if t.Watched() {
			watched = append(watched, t)
			continue
		}
		u := prefetch.UnwatchedTask{TaskState: t.Published(a.name)}
		if t.Ended {
			u.Ended = t.EndsAt(0)
		}
		unwatched = append(unwatched, u)
	}
	slices.SortFunc(unwatched, func(x, y prefetch.UnwatchedTask) int { return strings.Compare(x.ID, y.ID) })
	a.planner.Set(a.tasks)
	slices.SortFunc(watched, func(x, y *planner.Candidate) int { return strings.Compare(x.ID, y.ID) })
	states := make([]*prefetch.TaskState, len(watched))
	s := a.expecting()
	for i, t := range watched {
		states[i] = t.Published(a.name)
		states[i].NextLook = s.NextLook(t)
	}
	state := a.state()
	state.Tasks, state.Unwatched = states, unwatched
	a.published.Set(state)
	a.changed()
}

// publish publishes what changed of tasks, all at once, and the account's
// health; a task that was not watched before comes in. It is called with the lock
// held; a nil task is passed over, and so is one that is not watched.
func (a *Account) publish(tasks ...*planner.Candidate) {
	var states []*prefetch.TaskState
	var s *planner.Round
	for _, t := range tasks {
		if t == nil || a.tasks[t.ID] != t || !t.Watched() {
			continue
		}
		if s == nil {
			s = a.expecting()
		}
		state := t.Published(a.name)
		state.NextLook = s.NextLook(t)
		states = append(states, state)
	}
	a.published.Change(a.state(), states)
	a.changed()
}

// expecting is the situation for when tasks may be asked at the earliest.
func (a *Account) expecting() *planner.Round {
	m := a.situation(a.now())
	m.Foreseen = true
	return a.planner.At(m)
}

// state is the account's state to be published, but for its tasks.
func (a *Account) state() published.State {
	s := published.State{TaskLimit: a.settings.TaskLimit, Identity: a.settings.Identity, Budget: a.budget, Found: len(a.listing.Found)}
	s.AccountState = prefetch.AccountState{
		Account: a.name, Up: a.health.Up, Failing: a.health.Failing, BackoffUntil: a.health.RetryAt,
		Limit: a.settings.Limit, MaxStaleness: a.settings.MaxStaleness,
		Dropped: a.dropped, Backlog: a.backlog, LastQuery: a.last, NextQuery: a.next,
	}
	s.Window, s.WindowRefresh = a.watch.Sum()
	return s
}

// Snapshot is the account as it stands. It waits for no call and no disk.
func (a *Account) Snapshot() prefetch.AccountState {
	now := a.clock()
	state := a.published.Snapshot(now)
	s := state.AccountState
	s.Progress = now.Wall.Add(-a.progress.Late())
	s.Owned = true
	if a.group != nil {
		s.Owned = a.group.Owns(state.Identity)
		s.Owner, s.OwnedSince = a.group.Owner(state.Identity)
	}
	return s
}

// Asks reports whether this replica asks for the account.
func (a *Account) Asks() bool { return a.asks }

// Identity is whom the vendor counts. It waits for no call and no disk.
func (a *Account) Identity() string { return a.published.Identity() }

// Room is how many more tasks can be watched, and the limit that says so. It waits for
// no call and no disk.
func (a *Account) Room() (room, limit int) { return a.published.Room() }

// Late is how long the loop has not moved though it should have.
func (a *Account) Late() time.Duration { return a.progress.Late() }
