package poller

import (
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/roster"
)

// gather is how long the loop waits for more changes of single tasks before it
// plans anew, which costs the more the more tasks there are.
const gather = 100 * time.Millisecond

// Change is what became of one task of an account: how it is listed now, or nil
// if no source lists it any more.
type Change = roster.Change

// Relist takes over, by account, what the sources say of single tasks now. It costs
// the same for any number of tasks that are watched, unless one is not listed any
// more, comes back, or finds no room.
func (p *Poller) Relist(changes map[string][]Change) {
	p.change.Lock()
	defer p.change.Unlock()
	for name, r := range p.accounts {
		if c := changes[name.Name]; len(c) > 0 {
			r.relist(c)
		}
	}
}

func (a *account) relist(changes []Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known {
		return // everything will be listed
	}
	plain := roster.Plain(changes, a.tasks, a.room())
	a.listing.Take(changes)
	now := a.now()
	switch {
	case !plain:
		a.refresh(now)
	case a.asks:
		a.describe(changes, now)
	default:
		a.describeListed(changes, now)
	}
	if !a.gathering {
		a.gathering = true
		time.AfterFunc(gather, a.gathered)
	}
}

// gathered wakes the loop after changes of single tasks.
func (a *account) gathered() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gathering = false
	a.signal()
}

// room is how many more tasks can be watched without another looked at: settled ones
// that would make room are in it as well.
func (a *account) room() int {
	if a.dropped > 0 {
		return 0
	}
	watched := 0
	for _, n := range a.published.Phases() {
		watched += n
	}
	return a.options.TaskLimit - watched
}

// describe takes over what the sources say of tasks that are watched, or are from
// now on. It is called with the lock held.
func (a *account) describe(changes []Change, now time.Time) {
	changed := make([]*planner.Candidate, 0, len(changes))
	for _, c := range changes {
		t, came, changes := roster.Describe(c, a.tasks, now)
		switch {
		case came:
			a.planner.Add(t)
		case changes:
			a.planner.Changed(t)
		default:
			continue
		}
		a.touch(t)
		changed = append(changed, t)
	}
	a.save()
	a.publish(changed...)
}

// Room is how many more tasks an account can watch, and the limit that says so.
// Settled tasks make room, and a task that is listed and not watched takes it. It
// waits for no call and no disk. An account that does not exist has none.
func (p *Poller) Room(account string) (room, limit int) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for name, r := range p.accounts {
		if name.Name == account {
			return r.published.Room()
		}
	}
	return 0, 0
}
