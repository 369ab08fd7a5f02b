package poller

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
)

// published is what scrapes see of an account. Its task states are immutable.
type published struct {
	tasks []*prefetch.TaskState // by id
	// shared: a snapshot has the slice, which is copied before it is changed.
	shared bool
	// unwatched are by id too; they change with the set of tasks only.
	unwatched []prefetch.UnwatchedTask
	phases    [prefetch.NumPhases]int
	options   Account
	budget    *quota.Budget
	health    health.State
	dropped   int
	backlog   time.Duration
	window    *prefetch.Counts
	counted   time.Time // since when the window is known
	last      *prefetch.QueryState
	next      *prefetch.QueryState
}

// publishAll publishes every watched task, after the set of them changed. It is
// called with the lock held.
func (a *account) publishAll() {
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
	var phases [prefetch.NumPhases]int
	s := a.expecting()
	for i, t := range watched {
		states[i] = t.Published(a.name)
		states[i].NextLook = s.NextLook(t)
		phases[t.Phase]++
	}
	defer a.changed() // when scrapes are not kept waiting any more
	a.pubMu.Lock()
	defer a.pubMu.Unlock()
	a.published.tasks, a.published.phases, a.published.unwatched = states, phases, unwatched
	a.published.shared = false
	a.publishAccount()
}

// publish publishes what changed of tasks, all at once, and the account's
// health; a task that was not watched before comes in. It is called with the lock
// held; a nil task is passed over, and so is one that is not watched.
func (a *account) publish(tasks ...*planner.Candidate) {
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
	defer a.changed()
	a.pubMu.Lock()
	defer a.pubMu.Unlock()
	if len(states) > 0 && a.published.shared {
		a.published.tasks, a.published.shared = slices.Clone(a.published.tasks), false
	}
	for _, state := range states {
		i, found := a.published.find(state.ID)
		if found {
			a.published.phases[a.published.tasks[i].Phase]--
			a.published.tasks[i] = state
		} else {
			a.published.tasks = slices.Insert(a.published.tasks, i, state)
		}
		a.published.phases[state.Phase]++
	}
	a.publishAccount()
}

// find returns the place of a task among those that are watched, and whether it is
// there.
func (p *published) find(id string) (place int, found bool) {
	return slices.BinarySearchFunc(p.tasks, id, func(t *prefetch.TaskState, id string) int { return strings.Compare(t.ID, id) })
}

// expecting is the situation for when tasks may be asked at the earliest.
func (a *account) expecting() *planner.Round {
	m := a.situation(a.now())
	m.Foreseen = true
	return a.planner.At(m)
}

// publishAccount is called with both locks held.
func (a *account) publishAccount() {
	p := &a.published
	p.options, p.budget = a.options, a.budget
	p.health, p.dropped, p.last, p.next = a.health.State, a.dropped, a.last, a.next
	p.backlog = a.backlog
	p.window, p.counted = a.watch.Sum()
}

// snapshot is the account as it stands. It waits for no call and no disk.
func (a *account) snapshot() prefetch.AccountState {
	a.pubMu.Lock()
	defer a.pubMu.Unlock()
	p, now := &a.published, a.clock()
	p.shared = true
	return prefetch.AccountState{
		Account: a.name, Up: p.health.Up, Failing: p.health.Failing, BackoffUntil: p.health.RetryAt,
		Limit: p.options.Limit, NextCall: p.budget.Next(now),
		Progress: now.Wall.Add(-a.progress.Load().late()), MaxStaleness: p.options.MaxStaleness,
		Phases: p.phases, Dropped: p.dropped,
		Backlog: p.backlog, Window: p.window, WindowRefresh: p.counted,
		LastQuery: p.last, NextQuery: p.next,
		Tasks: p.tasks, Unwatched: p.unwatched,
	}
}

func sortAccounts(states []prefetch.AccountState) {
	slices.SortFunc(states, func(x, y prefetch.AccountState) int {
		return cmp.Or(strings.Compare(x.Account.Provider, y.Account.Provider),
			strings.Compare(x.Account.Name, y.Account.Name))
	})
}
