package roster

import (
	"cmp"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// mostFound bounds how many tasks are remembered that the vendor lists and that find
// no room.
const mostFound = 100_000

// Listing is what the sources list now.
type Listing struct {
	// Tasks are the listed ones, by id.
	Tasks map[string]prefetch.Task
	// Pending are the sources that were never read yet: tasks that came from them
	// before a restart stay.
	Pending []string
	// Found are tasks that the vendor lists and that no source names, by id. Those that
	// come to be watched are taken out.
	Found map[string]prefetch.Task
}

// Change is what became of one task of an account: how it is listed now, or nil
// if no source lists it any more.
type Change struct {
	ID   string
	Task *prefetch.Task
}

// Take takes over what became of single tasks.
func (l Listing) Take(changes []Change) {
	for _, c := range changes {
		if c.Task == nil {
			delete(l.Tasks, c.ID)
		} else {
			l.Tasks[c.ID] = *c.Task
		}
	}
}

// Find takes in a task that the vendor lists, and reports whether it is to be watched
// from now on if there is room. One whose creation the vendor did not tell is as new as
// now.
func (l Listing) Find(spec prefetch.Task, tasks map[string]*planner.Candidate, rules Rules, now time.Time) (fresh bool) {
	if t := tasks[spec.ID]; t != nil && (t.Listed || t.Ended) {
		return false
	}
	_, named := l.Tasks[spec.ID]
	present := now.Add(rules.Ahead)
	spec.Created = cmp.Or(spec.Created, present)
	old := present.Sub(spec.Created) > rules.Discover
	if named || old || prefetch.NameFault(spec.ID) != "" || len(l.Found) >= mostFound {
		return false
	}
	l.Found[spec.ID] = spec
	return true
}

// Plain reports whether changes concern nothing but their own tasks: each is a new
// one, for all of which there is room, or one that is watched.
func Plain(changes []Change, tasks map[string]*planner.Candidate, room int) bool {
	for _, c := range changes {
		t := tasks[c.ID]
		if c.Task == nil || t != nil && !t.Watched() || t == nil && room < len(changes) {
			return false
		}
	}
	return true
}

// Describe takes over what a source says of a task that is watched, or is from now on:
// then it comes into tasks. It reports whether it did, or else whether anything
// changed.
func Describe(c Change, tasks map[string]*planner.Candidate, now time.Time) (t *planner.Candidate, came, changed bool) {
	if t = tasks[c.ID]; t != nil {
		return t, false, t.Describe(*c.Task)
	}
	t = planner.New(*c.Task, now)
	tasks[c.ID] = t
	return t, true, false
}
