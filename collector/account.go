package collector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/prefetch"
)

// Account is one account of a snapshot as it is shown at one moment.
type Account struct {
	State *prefetch.AccountState
	Now   time.Time

	// labels are ordered by name.
	labels []*dto.LabelPair
}

// Accounts takes a snapshot and returns its accounts in the order of a page, which is
// that of their labels, and the moment at which they are shown.
func (c *Collector) Accounts() (accounts []Account, now time.Time) {
	snapshot := c.source.Snapshot()
	now = c.now()
	accounts = make([]Account, len(snapshot.Accounts))
	for i := range accounts {
		a := &snapshot.Accounts[i]
		name := validAccount(a.Account)
		accounts[i] = Account{a, now, []*dto.LabelPair{pair("account", name.Name), pair("provider", name.Provider)}}
	}
	slices.SortFunc(accounts, func(a, b Account) int {
		x, y := a.State.Account, b.State.Account
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Provider, y.Provider))
	})
	return accounts, now
}

// SameTasks reports whether two lists are of the same tasks in the same order.
func SameTasks(a, b []*prefetch.TaskState) bool {
	return slices.EqualFunc(a, b, func(x, y *prefetch.TaskState) bool { return x == y || x.ID == y.ID })
}
