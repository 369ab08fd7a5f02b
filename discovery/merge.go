package discovery

import (
	"cmp"
	"slices"

	"prefetch_exporter/prefetch"
)

// Leftover is what [Merge] did not take over.
type Leftover struct {
	// UnknownAccounts is how many tasks are listed for each account that does
	// not exist. A task that several listings have counts once.
	UnknownAccounts map[string]int
	// Conflicts are the tasks that two listings describe differently, by
	// account and id.
	Conflicts []Conflict
}

// Conflict is a task that two listings describe differently.
type Conflict struct {
	Account, ID string
	// Kept is the source whose entry counts, Dropped the one that lost.
	Kept, Dropped string
}

// key identifies a task over all sources.
type key struct{ account, id string }

func keyOf(task prefetch.Task) key { return key{account: task.Account, id: task.ID} }

// Merge unites the listings into the tasks of each account, sorted by id. Every
// account given has a key, whether it has tasks or not.
//
// Listings come in the order of their precedence. Of several entries with the
// same account and id the one of the first listing counts, whole: fields are
// never mixed. Entries that say the same are no conflict.
func Merge(accounts []string, listings ...[]prefetch.Task) (map[string][]prefetch.Task, Leftover) {
	merged := make(map[string][]prefetch.Task, len(accounts))
	for _, account := range accounts {
		merged[account] = nil
	}
	left := Leftover{UnknownAccounts: make(map[string]int)}
	most := 0
	for _, listing := range listings {
		most += len(listing)
	}
	kept := make(map[key]*prefetch.Task, most)
	for _, listing := range listings {
		for i := range listing {
			task := &listing[i]
			_, known := merged[task.Account]
			k := keyOf(*task)
			first := kept[k]
			switch {
			case first == nil:
				kept[k] = task
				if known {
					merged[task.Account] = append(merged[task.Account], *task)
				} else {
					left.UnknownAccounts[task.Account]++
				}
			case known && !first.SaysAs(*task):
				left.Conflicts = append(left.Conflicts, Conflict{
					Account: task.Account, ID: task.ID, Kept: first.Source, Dropped: task.Source,
				})
			}
		}
	}
	for _, tasks := range merged {
		slices.SortFunc(tasks, func(a, b prefetch.Task) int { return cmp.Compare(a.ID, b.ID) })
	}
	slices.SortStableFunc(left.Conflicts, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.ID, b.ID))
	})
	return merged, left
}
