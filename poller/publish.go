package poller

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// published is what scrapes see of an account. Its task states are immutable;
// the slice is copied by each snapshot.
type published struct {
	tasks []*prefetch.TaskState // by id
	// unwatched are by id too; they change with the set of tasks only.
	unwatched []prefetch.UnwatchedTask
	phases    [prefetch.NumPhases]int
	options   Account
	budget    *budget
	health    health
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
	watched := make([]*task, 0, len(a.tasks))
	var unwatched []prefetch.UnwatchedTask
	for _, t := range a.tasks {
		t.index = -1
		if t.listed && !t.Gone {
			watched = append(watched, t)
			continue
		}
		u := prefetch.UnwatchedTask{TaskState: t.state(a.name)}
		if t.Gone {
			u.Ended = t.end(0)
		}
		unwatched = append(unwatched, u)
	}
	slices.SortFunc(unwatched, func(x, y prefetch.UnwatchedTask) int { return strings.Compare(x.ID, y.ID) })
	a.board = newBoard(a.tasks)
	slices.SortFunc(watched, func(x, y *task) int { return strings.Compare(x.id, y.id) })
	states := make([]*prefetch.TaskState, len(watched))
	var phases [prefetch.NumPhases]int
	for i, t := range watched {
		t.index, t.phase = i, t.Phase
		states[i] = t.state(a.name)
		phases[t.Phase]++
	}
	defer a.changed() // when scrapes are not kept waiting any more
	a.pubMu.Lock()
	defer a.pubMu.Unlock()
	a.published.tasks, a.published.phases, a.published.unwatched = states, phases, unwatched
	a.publishAccount()
}

// publish publishes what changed of tasks, all at once, and the account's
// health. It is called with the lock held; a nil task is passed over.
func (a *account) publish(tasks ...*task) {
	states := make([]*prefetch.TaskState, len(tasks))
	for i, t := range tasks {
		if t != nil && t.index >= 0 {
			states[i] = t.state(a.name)
		}
	}
	defer a.changed()
	a.pubMu.Lock()
	defer a.pubMu.Unlock()
	for i, t := range tasks {
		if states[i] == nil {
			continue
		}
		a.published.tasks[t.index] = states[i]
		a.published.phases[t.phase]--
		a.published.phases[t.Phase]++
		t.phase = t.Phase
	}
	a.publishAccount()
}

// publishAccount is called with both locks held.
func (a *account) publishAccount() {
	p := &a.published
	p.options, p.budget = a.options, a.budget
	p.health, p.dropped, p.last, p.next = a.health, a.dropped, a.last, a.next
	p.backlog = a.backlog
	p.window, p.counted = a.watch.sum()
}

// snapshot is the account as it stands. It waits for no call and no disk.
func (a *account) snapshot() prefetch.AccountState {
	a.pubMu.Lock()
	defer a.pubMu.Unlock()
	p := &a.published
	return prefetch.AccountState{
		Account: a.name, Up: p.health.Up, Failing: p.health.Failing, BackoffUntil: p.health.RetryAt,
		Limit: p.options.Limit, NextCall: p.budget.next(a.clock()), MaxStaleness: p.options.MaxStaleness,
		Phases: p.phases, Dropped: p.dropped,
		Backlog: p.backlog, Window: p.window, WindowRefresh: p.counted,
		LastQuery: p.last, NextQuery: p.next,
		Tasks: slices.Clone(p.tasks), Unwatched: p.unwatched,
	}
}

func sortAccounts(states []prefetch.AccountState) {
	slices.SortFunc(states, func(x, y prefetch.AccountState) int {
		return cmp.Or(strings.Compare(x.Account.Provider, y.Account.Provider),
			strings.Compare(x.Account.Name, y.Account.Name))
	})
}
