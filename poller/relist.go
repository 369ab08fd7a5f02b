package poller

import (
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// gather is how long the loop waits for more changes of single tasks before it
// plans anew, which costs the more the more tasks there are.
const gather = 100 * time.Millisecond

// Change is what became of one task of an account: how it is listed now, or nil
// if no source lists it any more.
type Change struct {
	ID   string
	Task *prefetch.Task
}

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
	plain := true
	for _, c := range changes {
		plain = plain && a.plain(c, len(changes))
		if c.Task == nil {
			delete(a.listing.Tasks, c.ID)
		} else {
			a.listing.Tasks[c.ID] = *c.Task
		}
	}
	now := a.now()
	if plain {
		a.describe(changes, now)
	} else {
		a.refresh(now)
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

// plain reports whether one of several changes concerns nothing but its own task: a
// new one for which there is room, or one that is watched.
func (a *account) plain(c Change, several int) bool {
	if c.Task == nil {
		return false
	}
	if t := a.tasks[c.ID]; t != nil {
		return t.Watched()
	}
	watched := 0
	for _, n := range a.published.Phases() {
		watched += n
	}
	return a.dropped == 0 && watched+several <= a.options.TaskLimit
}

// describe takes over what the sources say of tasks that are watched, or are from
// now on. It is called with the lock held.
func (a *account) describe(changes []Change, now time.Time) {
	changed := make([]*planner.Candidate, 0, len(changes))
	for _, c := range changes {
		t := a.tasks[c.ID]
		if t != nil {
			if !t.Describe(*c.Task) {
				continue
			}
			a.planner.Changed(t)
		} else {
			t = planner.New(*c.Task, now)
			a.tasks[c.ID] = t
			a.planner.Add(t)
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
