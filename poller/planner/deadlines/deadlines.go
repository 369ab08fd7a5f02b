// Package deadlines works out when the tasks of an account may be asked with regard to
// their deadlines, so that each has an answer at its own, and how many calls stay free
// for that. It is pure: the same deadlines, the same times.
//
// A task is asked by the poll interval, once more just before its deadline, and
// at the deadline if it was not settled by then. A call before the deadline must
// not cost the one at it: it leaves if it is free again by then, or if the budget
// has others (see [Ahead.Weigh]). Else the task is held back for the last poll
// interval.
package deadlines

import (
	"slices"
	"time"

	"prefetch_exporter/poller/planner/tuning"
)

// Terms are what calls for deadlines depend on.
type Terms struct {
	Now time.Time
	// PollInterval is the least time between two questions about a task, and Slot
	// that between two calls when the whole quota of so many Calls is used. Taken is
	// how long it is until a call that leaves now is free again, Latency how long one
	// is under way.
	PollInterval, Slot, Taken, Latency time.Duration
	Calls                              int
	// AtOnce is how many calls may be under way.
	AtOnce int
	// Hasty: there is no later call to wait for.
	Hasty bool
	// Spare is how long it is until the budget has a call beside so many others; nil if
	// nobody knows.
	Spare func(others int) time.Duration
}

// Look is when one task wants to be looked at. Times are nanoseconds since 1970.
type Look struct {
	// At is when it may be asked by the poll interval, Deadline when it must be warm, 0
	// where there is none.
	At, Deadline int64
	// Floor is from when on its deadline may have it asked sooner. Asked is when the
	// last question left that could tell of it.
	Floor, Asked int64
}

// Ahead are the deadlines that are to come, as far as they matter to the next call.
type Ahead struct {
	Terms

	// near are those that are so near that an answer is wanted before, in order.
	near []int64
	// count is how many pass before a call that leaves now is free again, first the
	// first of them, zero if there is none, and kept how many calls their tasks need
	// until then.
	count, kept int
	first       time.Time
	// spare is how long it is until the budget has a call for a look before a deadline,
	// and plenty until it has one for any other about these tasks.
	spare, plenty time.Duration
}

// Count counts the deadline of a task, which is to come, if it is near.
func (a *Ahead) Count(l Look) {
	ahead := time.Duration(l.Deadline - a.Now.UnixNano())
	if l.Asked >= l.Deadline {
		return // the clock was set back
	}
	if ahead <= tuning.MostLead {
		a.near = append(a.near, l.Deadline)
	}
	if ahead >= a.Taken || l.Floor > l.Deadline {
		return // a call that leaves now is free again, or the task cannot be asked then
	}
	a.count++
	a.kept += 1 + int((a.Taken-ahead)/max(a.PollInterval, a.Slot, 1))
	if a.first.IsZero() || l.Deadline < a.first.UnixNano() {
		a.first = time.Unix(0, l.Deadline)
	}
}

// Weigh finds out, when all were counted, whether the budget has a call to spare:
// beside those that the tasks need whose deadlines pass before it is free again, at the
// deadline and by the poll interval after it. It has plenty if there is one besides for
// the look before each.
func (a *Ahead) Weigh() {
	slices.Sort(a.near)
	if a.count > 0 && a.Spare != nil {
		a.spare, a.plenty = a.Spare(a.kept), a.Spare(a.kept+a.count)
	}
}

// When is when a task may be asked, by its poll interval and its deadline, and whether
// it must be now for the answer to be there at the deadline. As other deadlines and the
// budget allow, that may change.
func (a *Ahead) When(l Look) (at int64, imminent bool) {
	if l.Deadline == 0 || l.Asked >= l.Deadline || a.Hasty {
		return l.At, false
	}
	now, last := a.Now.UnixNano(), max(l.Deadline, l.Floor)
	ahead := l.Deadline - now
	if ahead <= 0 {
		return min(l.At, last), false
	}
	regular, open := l.At, int64(0)
	if ahead < int64(a.Taken) {
		open = now + int64(a.spare)
		if ahead < int64(a.PollInterval) {
			regular = max(regular, now+int64(a.plenty))
		}
	}
	before := l.Deadline - a.lead(l.Deadline)
	if l.Asked >= before {
		return min(regular, last), false
	}
	look := max(before, l.Floor, open)
	return min(regular, look, last), look <= now
}

// lead is how long before a deadline the question about its task must leave for its
// answer to be there at it: what a call takes for each round of calls that the
// deadlines until then need, as many at once as the vendor takes, and for the one
// before that may be under way.
func (a *Ahead) lead(deadline int64) int64 {
	n, _ := slices.BinarySearch(a.near, deadline+1)
	atOnce := max(1, a.AtOnce)
	rounds := 1 + (n+atOnce-1)/atOnce
	return int64(min(tuning.MostLead, max(tuning.LeastLead, time.Duration(rounds)*a.Latency)))
}

// Reserve is how many calls stay free for the deadlines that pass before what leaves
// now is free again: no more than three of four. The only call that there is stays
// free for the last poll interval.
func (a *Ahead) Reserve() int {
	if a.Calls == 1 && !a.first.IsZero() && a.first.Sub(a.Now) < a.PollInterval {
		return 1
	}
	return min(a.count, int(tuning.ReserveKept*float64(a.Calls)))
}

// Held is how long a question that no deadline wants must wait though the budget may
// allow it now, for the calls in reserve. Nothing waits longer than until a deadline
// may want a call: the first of them, or a task that comes at the time given.
func (a *Ahead) Held(next time.Time) (wait time.Duration) {
	reserve := a.Reserve()
	if a.Hasty || reserve == 0 {
		return 0
	}
	wait = a.Spare(reserve)
	for _, at := range []time.Time{a.first, next} {
		if ahead := at.Sub(a.Now); !at.IsZero() && ahead > 0 {
			wait = min(wait, ahead)
		}
	}
	return wait
}
