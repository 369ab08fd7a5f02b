// Package spread decides which replica should own what. It is pure: replicas that see
// the same decide the same, so that nobody has to ask another.
package spread

import (
	"maps"
	"slices"
	"time"
)

const (
	// othersWait is how long an identity is without an owner before a replica takes
	// it that is not the one for it.
	othersWait = time.Second
	// uneven is by how many identities an owner is ahead of another replica before
	// it hands one over: with less, moving evens nothing out.
	uneven = 2
	// settle is how long the members must be the same before anything is moved to even
	// them out.
	settle = 2 * time.Second
)

// View is what one replica sees of the group.
type View struct {
	// Self is its name.
	Self string
	// Members are the live replicas that may own something, and the identities that
	// each of them can serve.
	Members map[string][]string
	// Owners are the replicas that own something, by identity.
	Owners map[string]string
	// Unowned is for how long the replica has seen an identity without an owner; 0
	// where it is not named.
	Unowned map[string]time.Duration
	// Calm is how long ago the members or what they can serve changed.
	Calm time.Duration
}

// Decision is what a replica should do now.
type Decision struct {
	// Claim are identities that it should take, and GiveUp those that it should hand
	// over, in order.
	Claim, GiveUp []string
	// Wake is after how long it decides something else though nothing changes; 0 if
	// it does not.
	Wake time.Duration
}

// Decide returns what the replica itself should do.
//
// An identity that nobody owns is for the member with the fewest, by name on a tie;
// others take it a second later. An owner gives up what it cannot serve, and what
// another member can that has at least two fewer, as few as even that out.
func (v *View) Decide() Decision {
	p := plan{View: v, serves: map[string][]string{}, counts: map[string]int{}, holders: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(v.Members)) {
		for _, identity := range v.Members[name] {
			p.serves[identity] = append(p.serves[identity], name)
		}
	}
	for identity, owner := range v.Owners {
		p.holders[identity] = owner
		p.counts[owner]++
	}
	p.place()
	p.discard()
	p.even()
	return p.Decision
}

// plan is what every replica would do by the same view.
type plan struct {
	*View
	Decision

	// serves are the members that can serve an identity, by name.
	serves map[string][]string
	// holders are who will have an identity, and counts how many each will have.
	holders map[string]string
	counts  map[string]int
}

// place finds an owner for what has none.
func (p *plan) place() {
	for _, identity := range slices.Sorted(maps.Keys(p.serves)) {
		if p.holders[identity] != "" {
			continue
		}
		to := p.least(identity)
		p.counts[to]++
		since := p.Unowned[identity]
		switch {
		case to == p.Self, since >= othersWait && slices.Contains(p.serves[identity], p.Self):
			p.Claim = append(p.Claim, identity)
		case slices.Contains(p.serves[identity], p.Self):
			p.wake(othersWait - since)
		}
	}
}

// discard gives up what the replica cannot serve.
func (p *plan) discard() {
	for _, identity := range slices.Sorted(maps.Keys(p.holders)) {
		if p.holders[identity] == p.Self && !slices.Contains(p.serves[identity], p.Self) {
			p.GiveUp = append(p.GiveUp, identity)
			p.counts[p.Self]--
			delete(p.holders, identity)
		}
	}
}

// even moves one identity at a time, where the difference is largest, until there is
// no more to be evened out.
func (p *plan) even() {
	identities := slices.Sorted(maps.Keys(p.holders))
	for {
		moved, most := "", uneven-1
		for _, identity := range identities {
			// An owner that is no member is about to go.
			if len(p.serves[identity]) == 0 || p.Members[p.holders[identity]] == nil {
				continue
			}
			if ahead := p.counts[p.holders[identity]] - p.counts[p.least(identity)]; ahead > most {
				moved, most = identity, ahead
			}
		}
		if moved == "" {
			return
		}
		from, to := p.holders[moved], p.least(moved)
		p.holders[moved] = to
		p.counts[from]--
		p.counts[to]++
		switch {
		case from != p.Self || p.Owners[moved] != p.Self:
		case p.Calm < settle:
			p.wake(settle - p.Calm)
		default:
			p.GiveUp = append(p.GiveUp, moved)
		}
	}
}

// least is the member with the fewest identities of those that can serve one.
func (p *plan) least(identity string) string {
	return slices.MinFunc(p.serves[identity], func(a, b string) int { return p.counts[a] - p.counts[b] })
}

func (p *plan) wake(after time.Duration) {
	if p.Wake == 0 || after < p.Wake {
		p.Wake = after
	}
}
