package discovery

import (
	"cmp"
	"maps"
	"slices"

	"prefetch_exporter/prefetch"
)

// maxLogged bounds how many problems of one kind are logged one by one.
const maxLogged = 10

// elsewhere returns what the sources but the task API list now, in the order of
// their precedence. The lock is held.
func (m *Manager) elsewhere() [][]prefetch.Task {
	listings := [][]prefetch.Task{m.configured}
	for _, f := range m.files.files {
		listings = append(listings, f.content.tasks)
	}
	for _, s := range m.http {
		listings = append(listings, s.state.content.tasks)
	}
	return listings
}

// refresh makes merged anew if anything changed. The lock is held.
func (m *Manager) refresh() {
	// Before the accounts are known, every task would be of an unknown one.
	if !m.ready {
		return
	}
	revision := m.submitted.Revision()
	if !m.dirty && m.revision == revision {
		return
	}
	m.dirty, m.revision = false, revision
	listings := m.elsewhere()
	m.listed = map[key]bool{}
	for _, listing := range listings {
		for i := range listing {
			m.listed[keyOf(listing[i])] = true
		}
	}
	merged, left := Merge(m.accounts, append(listings, m.submitted.List())...)
	m.merged = merged

	unknown := 0
	for _, tasks := range left.UnknownAccounts {
		unknown += tasks
	}
	m.reporter.SetRejected(RejectedUnknownAccount, unknown)
	m.reporter.SetRejected(RejectedInvalid, m.invalid())
	m.logUnknown(left.UnknownAccounts)
	m.logConflicts(left.Conflicts)
}

// invalid returns how many unusable tasks all sources list. The lock is held.
func (m *Manager) invalid() int {
	count := len(m.submitted.Unreadable())
	for _, f := range m.files.files {
		count += f.content.invalid()
	}
	for _, s := range m.http {
		count += s.state.content.invalid()
	}
	return count
}

// logUnknown logs each account once, for as long as tasks name it and it does
// not exist.
func (m *Manager) logUnknown(unknown map[string]int) {
	var fresh []string
	for _, account := range slices.Sorted(maps.Keys(unknown)) {
		if _, logged := m.unknown[account]; !logged {
			fresh = append(fresh, account)
		}
	}
	m.unknown = unknown
	for i, account := range fresh {
		if i == maxLogged {
			m.limit.Warn("more accounts", "tasks name more accounts that are not configured", "accounts", len(fresh)-maxLogged)
			return
		}
		m.limit.Warn("account", "tasks name an account that is not configured; they wait for it",
			"account", m.hide(account), "tasks", unknown[account])
	}
}

// logConflicts logs the conflicts that were not there before, as one line for
// each pair of sources.
func (m *Manager) logConflicts(conflicts []Conflict) {
	type pair struct{ kept, dropped string }
	fresh := make(map[pair][]Conflict)
	var order []pair
	now := make(map[Conflict]bool, len(conflicts))
	for _, c := range conflicts {
		if !now[c] && !m.conflicts[c] {
			p := pair{kept: c.Kept, dropped: c.Dropped}
			if fresh[p] == nil {
				order = append(order, p)
			}
			fresh[p] = append(fresh[p], c)
		}
		now[c] = true
	}
	m.conflicts = now
	for _, p := range order {
		first := fresh[p][0]
		m.limit.Warn("conflict "+p.kept+" "+p.dropped, "tasks are described differently by two sources; the kept source's entry counts whole",
			"tasks", len(fresh[p]), "kept", p.kept, "dropped", p.dropped, "first_account", m.hide(first.Account), "first_task", m.hide(first.ID))
	}
}

// hide takes out of a text what HTTP sources were sent.
func (m *Manager) hide(text string) string {
	for _, s := range m.http {
		text = s.state.redactor.Hide(text)
	}
	return text
}

// logProblems logs the problems that the reading before did not have.
func (m *Manager) logProblems(warn func(msg string, args ...any), now, before *content) {
	if now == before {
		return
	}
	place, more := "", 0
	for i, problem := range now.newProblems(before) {
		if i >= maxLogged || problem.More > 0 {
			place = cmp.Or(place, problem.Place)
			more += max(1, problem.More)
			continue
		}
		where := []any{"place", problem.Place, "entry", problem.Entry, "problem", problem.Message}
		if problem.Tasks == 0 {
			warn("an entry is odd; it is used as it is", where...)
		} else {
			warn("an entry is unusable", where...)
		}
	}
	if more > 0 {
		warn("more entries have problems", "source", place, "entries", more)
	}
}
