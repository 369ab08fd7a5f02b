package account

import (
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/roster"
)

// gather is how long the loop waits for more changes of single tasks before it
// plans anew, which costs the more the more tasks there are.
const gather = 100 * time.Millisecond

// Relist takes over what the sources say of single tasks now.
func (a *Account) Relist(changes []roster.Change) {
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
func (a *Account) gathered() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gathering = false
	a.Signal()
}

// room is how many more tasks can be watched without another looked at: settled ones
// that would make room are in it as well.
func (a *Account) room() int {
	if a.dropped > 0 {
		return 0
	}
	watched := 0
	for _, n := range a.published.Phases() {
		watched += n
	}
	return a.settings.TaskLimit - watched
}

// describe takes over what the sources say of tasks that are watched, or are from
// now on. It is called with the lock held.
func (a *Account) describe(changes []roster.Change, now time.Time) {
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
