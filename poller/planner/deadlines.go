package planner

import (
	"cmp"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
)

// Latency is how long calls take at most, as the last ones showed: the longest,
// of which each quicker one takes away an eighth. More than a lead can be is of no
// use. Zero stands for a second, until a call was made.
type Latency time.Duration

// Learn learns from a call.
func (l *Latency) Learn(took time.Duration) {
	*l = min(Latency(mostLead), max(Latency(took), Latency(l.Usual())/latencyOf*latencyKept))
}

// Usual is how long a call is believed to take.
func (l *Latency) Usual() time.Duration { return time.Duration(cmp.Or(*l, Latency(usualLatency))) }

// when is when the task of an appraisal may be asked, by its poll interval and its
// deadline, and whether it must be now for the answer to be there at the
// deadline. As other deadlines and the budget allow, that may change.
//
// A task is asked by the poll interval, once more just before its deadline, and
// at the deadline if it was not settled by then. A call before the deadline must
// not cost the one at it: it leaves if it is free again by then, or if the budget
// has others (see weighDeadlines). Else the task is held back for the last poll
// interval.
func (s *Round) when(c *appraisal) (at int64, imminent bool) {
	if c.deadline == 0 || c.asked >= c.deadline || s.Hasty {
		return c.at, false
	}
	now, last := s.Now.UnixNano(), max(c.deadline, c.floor)
	ahead := c.deadline - now
	if ahead <= 0 {
		return min(c.at, last), false
	}
	regular, open := c.at, int64(0)
	if ahead < int64(s.Taken) {
		open = now + int64(s.spare)
		if ahead < int64(s.PollInterval) {
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
// one before that may be under way.
func (s *Round) leadTime(deadline int64) int64 {
	n, _ := slices.BinarySearch(s.near, deadline+1)
	atOnce := max(1, s.Capabilities.MaxInFlight)
	rounds := 1 + (n+atOnce-1)/atOnce
	return int64(min(mostLead, max(leastLead, time.Duration(rounds)*s.Latency)))
}

// next is when the task of an appraisal may be asked, or when that is to be looked at
// again. It brings the appraisal up to date with what other deadlines and the budget
// allow for its own. It is small enough to be inlined.
func (s *Round) next(c *appraisal) int64 {
	if c.deadline == 0 {
		return c.at
	}
	return s.mindDeadline(c)
}

func (s *Round) mindDeadline(c *appraisal) int64 {
	now := s.Now.UnixNano()
	at, imminent := s.when(c)
	if c.due != (at <= now) || c.imminent != imminent {
		s.fill(c)
	}
	if far := c.deadline - int64(mostLead); far > now {
		at = min(at, far) // how many deadlines are near it is not known yet
	}
	if !c.due {
		s.pressed = clock.Earlier(s.pressed, time.Unix(0, at))
	}
	return at
}

// countDeadline counts a deadline that is to come, if it is near.
func (s *Round) countDeadline(c *appraisal) {
	ahead := time.Duration(c.deadline - s.Now.UnixNano())
	if c.asked >= c.deadline {
		return // the clock was set back
	}
	if ahead <= mostLead {
		s.near = append(s.near, c.deadline)
	}
	if ahead >= s.Taken || c.floor > c.deadline {
		return // a call that leaves now is free again, or the task cannot be asked then
	}
	s.deadlines++
	s.kept += 1 + int((s.Taken-ahead)/max(s.PollInterval, s.Slot, 1))
	if s.nextDeadline.IsZero() || c.deadline < s.nextDeadline.UnixNano() {
		s.nextDeadline = time.Unix(0, c.deadline)
	}
}

// weighDeadlines finds out whether the budget has a call to spare: beside those that
// the tasks need whose deadlines pass before it is free again, at the deadline and
// by the poll interval after it. It has plenty if there is one besides for the look
// before each.
func (s *Round) weighDeadlines() {
	slices.Sort(s.near)
	if s.deadlines > 0 && s.Spare != nil {
		s.spare, s.plenty = s.Spare(s.kept), s.Spare(s.kept+s.deadlines)
	}
}

// reserve is how many calls stay free for the deadlines that pass before what
// leaves now is free again: no more than three of four. The only call that there
// is stays free for the last poll interval.
func (s *Round) reserve() int {
	if s.Calls == 1 && !s.nextDeadline.IsZero() && s.nextDeadline.Sub(s.Now) < s.PollInterval {
		return 1
	}
	return min(s.deadlines, s.Calls*reserveKept/reserveOf)
}

// NextLook is when the task may be asked at the earliest, its budget aside; zero if
// it is not asked again.
func (s *Round) NextLook(t *Candidate) time.Time {
	c := newAppraisal(t)
	if !s.schedule(&c) {
		return time.Time{}
	}
	at, _ := s.when(&c)
	return clock.Later(time.Unix(0, at), t.FirstSeen)
}

// Held is how long the question must wait although the budget may allow it now: a call
// for each deadline that passes before what leaves now is free again stays in reserve.
// Nothing waits longer than until a deadline may want a call.
func (s *Round) Held(q *Question) (wait time.Duration) {
	reserve := s.reserve()
	if s.Hasty || q.Priority.Presses() || reserve == 0 {
		return 0
	}
	wait = s.Spare(reserve)
	for _, at := range []time.Time{s.nextDeadline, s.pressed} {
		if ahead := at.Sub(s.Now); !at.IsZero() && ahead > 0 {
			wait = min(wait, ahead)
		}
	}
	return wait
}
