package poller

import (
	"slices"
	"time"
)

const (
	// leastLead and mostLead bound how long before a deadline the question leaves
	// whose answer is to be there at it: whoever reads it then needs a moment, and
	// what a slow vendor showed much earlier says little of the deadline.
	leastLead = 2 * time.Second
	mostLead  = 30 * time.Second
	// usualLatency is how long a call is believed to take before one was made.
	usualLatency = time.Second
)

// latency is how long calls take at most, as the last ones showed: the longest,
// of which each quicker one takes away an eighth.
type latency time.Duration

func (l *latency) learn(took time.Duration) {
	const kept, of = 7, 8
	*l = max(latency(took), *l/of*kept)
}

// when is when the task of a card may be asked, by its poll interval and its
// deadline, and whether it must be now for the answer to be there at the
// deadline. Before that what it says may come sooner or later, as other deadlines
// and the budget allow.
//
// A task is asked by the poll interval, once more just before its deadline, and
// at the deadline if it was not settled by then. A call before the deadline must
// not cost the one at it: it leaves if it is free again by then, or if the budget
// has others (see countDeadlines). Else the task is held back for the last poll
// interval.
func (s *situation) when(c *card) (at int64, imminent bool) {
	if c.deadline == 0 || c.asked >= c.deadline || s.hasty {
		return c.at, false
	}
	now, last := s.now.UnixNano(), max(c.deadline, c.floor)
	ahead := c.deadline - now
	if ahead <= 0 {
		return min(c.at, last), false
	}
	regular, open := c.at, int64(0)
	if ahead < int64(s.taken) {
		open = now + int64(s.spare)
		if ahead < int64(s.pollInterval) {
			regular = max(regular, now+int64(s.plenty))
		}
	}
	before := c.deadline - s.leadTime(c.deadline)
	if c.asked >= before {
		return min(regular, last), false
	}
	look := max(before, c.floor, open)
	return min(regular, look, last), look <= now
}

// leadTime is how long before a deadline the question about its task must leave
// for its answer to be there at it: what a call takes for each round of calls that
// the deadlines until then need, as many at once as the vendor takes, and for the
// one before that may be under way. Of a deadline that is far it is as long as it
// can become.
func (s *situation) leadTime(deadline int64) int64 {
	if deadline-s.now.UnixNano() > int64(mostLead) {
		return int64(mostLead)
	}
	n, _ := slices.BinarySearch(s.near, deadline+1)
	atOnce := max(1, s.caps.MaxInFlight)
	rounds := 1 + (n+atOnce-1)/atOnce
	return int64(min(mostLead, max(leastLead, time.Duration(rounds)*s.latency)))
}

// countDeadlines finds out which deadlines pass before a call that leaves now is
// free again, and whether the budget has one to spare: beside those that the tasks
// of these deadlines need until then, at the deadline and by the poll interval
// after it. It has plenty if there is one besides for the look before each.
func (s *situation) countDeadlines() {
	now, again, kept := s.now.UnixNano(), int64(max(s.pollInterval, s.slot, 1)), 0
	for i := range s.cards {
		c := &s.cards[i]
		ahead := c.deadline - now
		if !c.unsettled || ahead <= 0 || c.asked >= c.deadline || ahead >= int64(max(s.taken, mostLead)) {
			continue
		}
		if ahead <= int64(mostLead) {
			s.near = append(s.near, c.deadline)
		}
		if ahead >= int64(s.taken) || c.floor > c.deadline {
			continue // a call that leaves now is free again, or it cannot be asked then
		}
		s.deadlines++
		kept += 1 + int((int64(s.taken)-ahead)/again)
		if s.nextDeadline.IsZero() || c.deadline < s.nextDeadline.UnixNano() {
			s.nextDeadline = time.Unix(0, c.deadline)
		}
	}
	slices.Sort(s.near)
	if s.deadlines > 0 && s.budget != nil {
		s.spare = s.budget.spare(kept, s.present)
		s.plenty = s.budget.spare(kept+s.deadlines, s.present)
	}
}

// reserve is how many calls stay free for the deadlines that pass before what
// leaves now is free again: no more than three of four. The only call that there
// is stays free for the last poll interval.
func (s *situation) reserve(calls int) int {
	const kept, of = 3, 4
	if calls == 1 && !s.nextDeadline.IsZero() && s.nextDeadline.Sub(s.now) < s.pollInterval {
		return 1
	}
	return min(s.deadlines, calls*kept/of)
}
