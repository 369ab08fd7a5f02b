// Package roster says which of the tasks that sources list are watched, and which
// are forgotten.
//
// It is pure: what is listed and known goes in, with the time; what changed comes
// out.
package roster

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// Rules are an account's.
type Rules struct {
	// TaskLimit is how many tasks are watched.
	TaskLimit int
	// Retention is how long a task is remembered that no source lists.
	Retention time.Duration
	// Discover is how old a task may be that is watched because its vendor lists it; 0
	// if none is. Ahead is how far the vendor's clock is, which told its creation.
	Discover, Ahead time.Duration
}

// Outcome is what became of the tasks.
type Outcome struct {
	// Changed are the tasks that must be stored; Forgotten those of which nothing
	// is to be known any more.
	Changed, Forgotten []*planner.Candidate
	// Came is how many were not known before, Gone how many are not listed any more,
	// and Dropped how many are listed and find no room.
	Came, Gone, Dropped int
}

// round is one look at all tasks.
type round struct {
	Outcome

	tasks map[string]*planner.Candidate
	rules Rules
	now   time.Time
}

// Reconcile makes the watched tasks those that are listed, as far as the task
// limit lets it; new ones come into tasks. A task that is watched already stays so
// while there is room, however new it is: to swap tasks would lose what was asked.
func Reconcile(tasks map[string]*planner.Candidate, l Listing, rules Rules, now time.Time) Outcome {
	r := round{tasks: tasks, rules: rules, now: now}
	fresh, watched := r.compare(l)
	watched -= r.makeRoom(watched + len(fresh) - rules.TaskLimit)
	watched -= r.drop(watched+named(fresh)-rules.TaskLimit, vendorOnly, l.Found)
	room := min(len(fresh), max(0, rules.TaskLimit-watched))
	r.sort(fresh)
	for _, spec := range fresh[:room] {
		delete(l.Found, spec.ID)
		t := tasks[spec.ID]
		if t == nil {
			t = planner.New(spec, now)
			tasks[spec.ID] = t
			r.Came++
		}
		t.Describe(spec)
		r.changed(t)
	}
	r.Dropped = named(fresh[room:]) + len(l.Found)
	// The limit was lowered.
	r.Dropped += r.drop(watched-rules.TaskLimit, (*planner.Candidate).Watched, l.Found)
	return r.Outcome
}

func (r *round) changed(t *planner.Candidate) { r.Changed = append(r.Changed, t) }

// compare takes over what the sources say of the tasks that are watched, and
// stops watching those that no source lists. It returns the listed tasks that
// are not watched, and how many are.
func (r *round) compare(l Listing) (fresh []prefetch.Task, watched int) {
	for _, spec := range l.Tasks {
		t := r.tasks[spec.ID]
		if t == nil || t.Remembered() && !t.Ended {
			fresh = append(fresh, spec)
			continue
		}
		if t.Describe(spec) {
			r.changed(t)
		}
		if !t.Ended {
			watched++
		}
	}
	fresh = append(fresh, r.found(l)...)
	for id, t := range r.tasks {
		if _, listed := l.Tasks[id]; listed {
			continue
		}
		if stays := r.unnamed(t, l); stays && !t.Ended {
			watched++
		}
	}
	return fresh, watched
}

// unnamed takes in that no source names the task, and reports whether it stays all the
// same.
func (r *round) unnamed(t *planner.Candidate, l Listing) (stays bool) {
	switch {
	case t.Unlisted.IsZero() && slices.Contains(l.Pending, t.Source):
		t.Listed = true
	case r.vendorLists(t):
		if t.Describe(prefetch.Task{ID: t.ID, Created: t.KnownCreation(), Source: prefetch.SourceVendor}) {
			r.changed(t)
		}
	default:
		r.unlist(t)
		return false
	}
	return true
}

// found are the tasks that the vendor lists and that are to be watched if there is
// room. Others are taken out.
func (r *round) found(l Listing) (fresh []prefetch.Task) {
	for id, spec := range l.Found {
		_, named := l.Tasks[id]
		switch t := r.tasks[id]; {
		case named, t != nil && (t.Listed || t.Ended), r.rules.Discover == 0, r.age(spec.Created) > r.rules.Discover:
			delete(l.Found, id)
		default:
			fresh = append(fresh, spec)
		}
	}
	return fresh
}

// age is that of a task by the vendor's clock.
func (r *round) age(created time.Time) time.Duration { return r.now.Add(r.rules.Ahead).Sub(created) }

// vendorLists reports whether the task is watched though no source names it: its
// vendor lists it, or does so as far as anybody knows of a task that was named. One
// whose time is over is remembered for as long as the vendor may list it still.
func (r *round) vendorLists(t *planner.Candidate) bool {
	age := r.age(t.CreatedAt())
	switch {
	case r.rules.Discover == 0, !t.Unlisted.IsZero():
		return false
	case t.Ended:
		return age < r.rules.Discover+r.rules.Retention
	default:
		return t.Source == prefetch.SourceVendor || t.Answered() && age < r.rules.Discover
	}
}

// unlist stops watching a task that no source lists. What is known of it is
// kept for the retention, in case it comes back: nothing needs to be asked
// again then, not even of a task whose time was over before.
func (r *round) unlist(t *planner.Candidate) {
	if t.Listed || t.Unlisted.IsZero() {
		t.Unlist(r.now)
		r.Gone++
		r.changed(t)
	}
	if r.now.Sub(t.Unlisted) >= r.rules.Retention {
		r.Forgotten = append(r.Forgotten, t)
	}
}

// sort orders tasks that are to be watched so that the newest, which the limit
// drops, are last, after them those that nobody named. One whose creation nobody told
// is as new as now.
func (r *round) sort(fresh []prefetch.Task) {
	created := func(spec *prefetch.Task) time.Time {
		if t := r.tasks[spec.ID]; t != nil {
			return t.CreatedAt()
		}
		return cmp.Or(spec.Created, r.now)
	}
	found := func(spec *prefetch.Task) int {
		if spec.Source == prefetch.SourceVendor {
			return 1
		}
		return 0
	}
	slices.SortFunc(fresh, func(x, y prefetch.Task) int {
		return cmp.Or(cmp.Compare(found(&x), found(&y)), created(&x).Compare(created(&y)), strings.Compare(x.ID, y.ID))
	})
}

// makeRoom ends the time of up to n settled tasks, those settled longest ago
// first, and returns how many.
func (r *round) makeRoom(n int) int {
	settled := r.first(n, func(t *planner.Candidate) bool { return t.Phase == prefetch.Settled }, func(x, y *planner.Candidate) int {
		return cmp.Or(x.SettledAt.Compare(y.SettledAt), strings.Compare(x.ID, y.ID))
	})
	for _, t := range settled {
		t.End(0)
		r.changed(t)
	}
	return len(settled)
}

// named is how many of the tasks somebody named.
func named(fresh []prefetch.Task) (n int) {
	for i := range fresh {
		if fresh[i].Source != prefetch.SourceVendor {
			n++
		}
	}
	return n
}

// vendorOnly reports whether nobody named the task.
func vendorOnly(t *planner.Candidate) bool { return t.Source == prefetch.SourceVendor }

// drop stops watching up to n of the tasks that fit, the newest first, and returns how
// many. They are remembered for a while, like tasks that are not listed any more; those
// that only the vendor lists are found still, and come in again when there is room.
func (r *round) drop(n int, fits func(t *planner.Candidate) bool, found map[string]prefetch.Task) int {
	newest := r.first(n, fits, func(x, y *planner.Candidate) int {
		return cmp.Or(y.CreatedAt().Compare(x.CreatedAt()), strings.Compare(y.ID, x.ID))
	})
	for _, t := range newest {
		t.Unlist(r.now)
		r.changed(t)
		if vendorOnly(t) {
			found[t.ID] = prefetch.Task{ID: t.ID, Created: t.CreatedAt(), Source: t.Source}
		}
	}
	return len(newest)
}

// first are up to n of the watched tasks that fit, in an order.
func (r *round) first(n int, fits func(t *planner.Candidate) bool, order func(x, y *planner.Candidate) int) (some []*planner.Candidate) {
	if n <= 0 {
		return nil
	}
	for _, t := range r.tasks {
		if t.Watched() && fits(t) {
			some = append(some, t)
		}
	}
	slices.SortFunc(some, order)
	return some[:min(n, len(some))]
}
