package status

import (
	"strconv"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/words"
)

// groupView is how this replica stands to the others.
type groupView struct {
	prefetch.Group

	Name string
	// Size is such as "one of 3".
	Size string
	At   words.Moment
}

func viewGroup(g prefetch.Group, now time.Time) *groupView {
	return &groupView{
		Group: g, Name: words.Readable(g.Replica), Size: "one of " + strconv.Itoa(g.Replicas), At: words.MomentOf(g.Since, now),
	}
}

// ownerView is who asks for an account.
type ownerView struct {
	// Name is empty where nobody does.
	Name string
	// Here: it is this replica, and Over: it may not ask any more, since the store was
	// not heard for longer than its lease.
	Here, Over bool
	Since      words.Moment
	Differs    bool
}

func (g *groupView) owner(a *prefetch.AccountState, now time.Time) *ownerView {
	here := a.Owner == g.Replica
	return &ownerView{
		Name: words.Readable(a.Owner), Here: here, Over: here && !a.Owned,
		Since: words.MomentOf(a.OwnedSince, now), Differs: a.Differs,
	}
}
