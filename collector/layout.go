package collector

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
)

// watched is what a page shows of one account of a snapshot.
type watched struct {
	*prefetch.AccountState
	// name is the account's name, fit for labels.
	name prefetch.Account
	// hidden: the account has the name of another one, and only its tasks are
	// shown.
	hidden bool
	// shown are the tasks, ordered by their label.
	shown []*prefetch.TaskState
}

// layout decides what of a snapshot is shown, and in which order. It remembers
// the last snapshot, so that what was checked of a task need not be checked
// again until the list of tasks changes.
type layout struct {
	regular map[prefetch.Account][]*prefetch.TaskState
}

// of returns what is shown of a snapshot, in the order of a page, and how many
// accounts and tasks are not because they have the labels of another one.
func (l *layout) of(s prefetch.Snapshot) ([]watched, int) {
	accounts := make([]watched, len(s.Accounts))
	regular := make(map[prefetch.Account][]*prefetch.TaskState, len(accounts))
	for i := range s.Accounts {
		a := &s.Accounts[i]
		accounts[i] = watched{AccountState: a, name: validAccount(a.Account), shown: a.Tasks}
		if before, ok := l.regular[accounts[i].name]; (ok && sameIDs(before, a.Tasks)) || inOrderOfLabels(a.Tasks) {
			regular[accounts[i].name] = a.Tasks
		}
	}
	duplicates := 0
	if len(regular) < len(accounts) {
		// Some list is not in order, or two accounts have one name.
		regular, duplicates = nil, sift(accounts)
	}
	l.regular = regular
	slices.SortStableFunc(accounts, func(a, b watched) int {
		return cmp.Or(strings.Compare(a.name.Name, b.name.Name), strings.Compare(a.name.Provider, b.name.Provider))
	})
	return accounts, duplicates
}

// sift leaves out what has the labels of another one, orders the tasks by
// their label, and returns how many accounts and tasks were left out.
func sift(accounts []watched) int {
	duplicates := 0
	seen := seen{}
	for i := range accounts {
		a := &accounts[i]
		if a.hidden = !seen.first(identity{account: a.name}); a.hidden {
			duplicates++
		}
		a.shown = nil
		for _, t := range a.Tasks {
			if seen.first(identity{account: a.name, isTask: true, task: validText(t.ID)}) {
				a.shown = append(a.shown, t)
			} else {
				duplicates++
			}
		}
		slices.SortFunc(a.shown, func(x, y *prefetch.TaskState) int {
			return strings.Compare(validText(x.ID), validText(y.ID))
		})
	}
	return duplicates
}

// sameIDs reports whether two lists are of the same tasks in the same order.
func sameIDs(a, b []*prefetch.TaskState) bool {
	return slices.EqualFunc(a, b, func(x, y *prefetch.TaskState) bool { return x == y || x.ID == y.ID })
}

// inOrderOfLabels reports whether the tasks can be shown as they stand: their
// ids are valid labels, and each is greater than the one before.
func inOrderOfLabels(tasks []*prefetch.TaskState) bool {
	for i, t := range tasks {
		if !utf8.ValidString(t.ID) || (i > 0 && tasks[i-1].ID >= t.ID) {
			return false
		}
	}
	return true
}

const (
	// meanBlock is how many tasks are rendered and compressed together. More
	// would compress a little better, and make a change of one of them dearer.
	meanBlock = 64
	maxBlock  = 2 * meanBlock
)

// blocks divides tasks. A block ends where the id of a task says so, or when it
// is full: a task that comes or goes changes the block that it is in, and
// seldom another one.
func blocks(seed maphash.Seed, tasks []*prefetch.TaskState) [][]*prefetch.TaskState {
	var all [][]*prefetch.TaskState
	start := 0
	for i, t := range tasks {
		n := i + 1 - start
		if n == maxBlock || maphash.String(seed, t.ID)%meanBlock == 0 || i == len(tasks)-1 {
			all = append(all, tasks[start:i+1])
			start = i + 1
		}
	}
	return all
}
