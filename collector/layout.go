package collector

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/prefetch"
)

// Account is what is shown of one account of a snapshot.
type Account struct {
	State *prefetch.AccountState
	// Name is the account's name, fit for labels.
	Name prefetch.Account
	// Tasks are those that are shown, ordered by their label.
	Tasks []*prefetch.TaskState
	// Now is the moment at which they are shown.
	Now time.Time

	// labels are ordered by name.
	labels []*dto.LabelPair
	// hidden: the account has the name of another one, and only its tasks are
	// shown.
	hidden bool
}

// Layout decides what of a snapshot is shown, and in which order. It remembers
// the last snapshot, so that what was checked of a task need not be checked
// again until the list of tasks changes. The zero value is ready.
type Layout struct {
	regular map[prefetch.Account][]*prefetch.TaskState
}

// of returns what is shown of a snapshot at a moment, in the order of a page, and how many
// accounts and tasks are not because they have the labels of another one.
func (l *Layout) of(s prefetch.Snapshot, now time.Time) ([]Account, int) {
	accounts := make([]Account, len(s.Accounts))
	regular := make(map[prefetch.Account][]*prefetch.TaskState, len(accounts))
	for i := range s.Accounts {
		a := &s.Accounts[i]
		name := validAccount(a.Account)
		accounts[i] = Account{
			State: a, Name: name, Tasks: a.Tasks, Now: now,
			labels: []*dto.LabelPair{pair("account", name.Name), pair("provider", name.Provider)},
		}
		if before, ok := l.regular[name]; (ok && SameTasks(before, a.Tasks)) || inOrderOfLabels(a.Tasks) {
			regular[name] = a.Tasks
		}
	}
	duplicates := 0
	if len(regular) < len(accounts) {
		// Some list is not in order, or two accounts have one name.
		regular, duplicates = nil, sift(accounts)
	}
	l.regular = regular
	slices.SortStableFunc(accounts, func(a, b Account) int {
		return cmp.Or(strings.Compare(a.Name.Name, b.Name.Name), strings.Compare(a.Name.Provider, b.Name.Provider))
	})
	return accounts, duplicates
}

// sift leaves out what has the labels of another one, orders the tasks by
// their label, and returns how many accounts and tasks were left out.
func sift(accounts []Account) int {
	type task struct {
		account prefetch.Account
		id      string
	}
	duplicates := 0
	seen, seenTasks := map[prefetch.Account]bool{}, map[task]bool{}
	for i := range accounts {
		a := &accounts[i]
		if a.hidden = seen[a.Name]; a.hidden {
			duplicates++
		}
		seen[a.Name] = true
		a.Tasks = nil
		for _, t := range a.State.Tasks {
			id := task{a.Name, validText(t.ID)}
			if seenTasks[id] {
				duplicates++
				continue
			}
			seenTasks[id] = true
			a.Tasks = append(a.Tasks, t)
		}
		slices.SortFunc(a.Tasks, func(x, y *prefetch.TaskState) int {
			return strings.Compare(validText(x.ID), validText(y.ID))
		})
	}
	return duplicates
}

// SameTasks reports whether two lists are of the same tasks in the same order.
func SameTasks(a, b []*prefetch.TaskState) bool {
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
