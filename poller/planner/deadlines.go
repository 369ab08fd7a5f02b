package planner

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/planner/deadlines"
	"prefetch_exporter/poller/planner/tuning"
)

// look is when the task of an appraisal wants to be looked at.
func (c *appraisal) look() deadlines.Look {
	return deadlines.Look{At: c.at, Deadline: c.deadline, Floor: c.floor, Asked: c.asked}
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
	at, imminent := s.deadlines.When(c.look())
	if c.due != (at <= now) || c.imminent != imminent {
		s.fill(c)
	}
	if far := c.deadline - int64(tuning.MostLead); far > now {
		at = min(at, far) // how many deadlines are near it is not known yet
	}
	if !c.due {
		s.pressed = clock.Earlier(s.pressed, time.Unix(0, at))
	}
	return at
}

// NextLook is when the task may be asked at the earliest, its budget aside; zero if
// it is not asked again.
func (s *Round) NextLook(t *Candidate) time.Time {
	c := newAppraisal(t)
	if !s.schedule(&c) {
		return time.Time{}
	}
	at, _ := s.deadlines.When(c.look())
	return clock.Later(time.Unix(0, at), t.FirstSeen)
}

// Held is how long the question must wait although the budget may allow it now: a call
// for each deadline that passes before what leaves now is free again stays in reserve.
// Nothing waits longer than until a deadline may want a call.
func (s *Round) Held(q *Question) (wait time.Duration) {
	if q.Priority.Presses() {
		return 0
	}
	return s.deadlines.Held(s.pressed)
}
