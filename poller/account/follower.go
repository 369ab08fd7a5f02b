package account

import (
	"maps"
	"slices"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// Heard takes over what the owner stored, all of it at once.
func (a *Account) Heard(ops []store.Op) {
	if a.asks {
		return // it wrote that itself
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removed {
		return
	}
	gone := false
	var told []*planner.Candidate
	for _, op := range ops {
		if op.Table == store.Accounts {
			a.heardAccount(op.Value)
			continue
		}
		c, left := a.heardTask(op.Key, op.Value)
		told, gone = append(told, c), gone || left
	}
	if gone {
		a.publishAll()
	} else {
		a.publish(told...)
	}
}

// heardTask returns the task that a record tells of, and whether one is not watched any
// more.
func (a *Account) heardTask(id string, value []byte) (c *planner.Candidate, gone bool) {
	c = a.tasks[id]
	if value == nil {
		if c == nil || a.guests[id] {
			return nil, false
		}
		delete(a.tasks, id)
		delete(a.failing, &c.Task)
		return nil, true
	}
	t, err := task.Decode(id, value)
	if err != nil {
		a.unreadable(id, err)
		return nil, false
	}
	t.Listed = t.Unlisted.IsZero()
	delete(a.guests, id)
	if c == nil {
		c = &planner.Candidate{Task: *t}
		a.tasks[id] = c
		a.planner.Add(c)
		return c, false
	}
	gone = c.Watched() && !t.Watched()
	c.Task = *t
	a.planner.Changed(c)
	return c, gone
}

func (a *Account) heardAccount(value []byte) {
	if value == nil {
		return
	}
	r, err := record.Decode(value)
	if err != nil {
		a.unreadable("", err)
		return
	}
	a.restore(r)
}

// owns reports whether the account may be asked and stored: an owner that is cut off
// waits, since it may be none any more.
func (a *Account) owns() bool {
	return a.asks && (a.group == nil || a.group.Owns(a.settings.Identity))
}

// tell stores what followers show of the account, if they show something else. It is
// called with the lock held.
func (a *Account) tell() {
	if a.group == nil || a.said != nil && a.said.Like(a.shown()) {
		return
	}
	a.unsaved.Account = true
	a.save()
}

// shown is what followers show of the account beside its tasks.
func (a *Account) shown() *record.Shown {
	if a.group == nil {
		return nil
	}
	return &record.Shown{Last: record.NewQuery(a.last), Next: record.NewQuery(a.next), Dropped: a.dropped, Backlog: a.backlog}
}

func (a *Account) show(s *record.Shown) {
	if s != nil {
		a.last, a.next, a.dropped, a.backlog = s.Last.State(), s.Next.State(), s.Dropped, s.Backlog
	}
}

// Moved has a follower show what is listed here while nobody asks for the account, and
// an owner look whether it still may ask.
func (a *Account) Moved() {
	if a.asks {
		a.Signal()
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if owner, _ := a.group.Owner(a.settings.Identity); !a.removed && a.unowned != (owner == "") {
		a.refresh(a.now())
	}
}

// showListed has a follower show what is listed here and not stored yet: what was put
// through the API a moment ago, and everything while nobody asks for the account. It
// is called with the lock held.
func (a *Account) showListed(now time.Time) {
	if a.group == nil || !a.known {
		return
	}
	owner, _ := a.group.Owner(a.settings.Identity)
	a.unowned = owner == ""
	watched := 0
	for id, t := range a.tasks {
		if spec, listed := a.listing.Tasks[id]; a.guests[id] && (!listed || !a.shows(spec)) {
			delete(a.tasks, id)
			delete(a.guests, id)
		} else if t.Watched() {
			watched++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.listing.Tasks)) {
		spec, t := a.listing.Tasks[id], a.tasks[id]
		switch {
		case t == nil && watched < a.settings.TaskLimit && a.shows(spec):
			a.tasks[id] = planner.New(spec, now)
			a.guests[id] = true
			watched++
		case a.guests[id]:
			t.Describe(spec)
		}
	}
}

// shows reports whether a follower shows a task that is listed here and not stored.
func (a *Account) shows(spec prefetch.Task) bool {
	return a.unowned || spec.Source == prefetch.SourceAPI
}

// describeListed is showListed for single tasks that come or change, at a cost that does
// not grow with the number of tasks. It is called with the lock held.
func (a *Account) describeListed(changes []roster.Change, now time.Time) {
	var changed []*planner.Candidate
	for _, c := range changes {
		t := a.tasks[c.ID]
		switch {
		case t == nil && a.shows(*c.Task):
			t = planner.New(*c.Task, now)
			a.tasks[c.ID], a.guests[c.ID] = t, true
			a.planner.Add(t)
		case a.guests[c.ID]:
			t.Describe(*c.Task)
			a.planner.Changed(t)
		default:
			continue // it is as the owner stores it
		}
		changed = append(changed, t)
	}
	if len(changed) > 0 {
		a.publish(changed...)
	}
}
