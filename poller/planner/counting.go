package planner

import (
	"time"

	"prefetch_exporter/poller/planner/estimate"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// gapAt is what may have become of the URLs in neither count of a task, both of
// whose counts are known, at a moment after both.
func (s *Round) gapAt(t *Candidate, at time.Time) estimate.Gap {
	alive := func(at time.Time) float64 {
		if h := t.hint; h != nil && h.Left == 0 && !at.Before(h.at) {
			return 0 // none ran any more
		}
		return s.curve.Survive(0, s.age(&t.Task, at))
	}
	return estimate.GapOf(s.failureRate, alive(t.Counted.SucceededAt), alive(t.Counted.FailedAt), alive(at))
}

// oneCount is the chance that one more count proves a task settled, if it is: 1
// for one that is not counted.
func (s *Round) oneCount(t *Candidate) float64 {
	if !t.Counted.Both() {
		return 1
	}
	return s.gapAt(t, s.Now).OneCount(t.Counted.Left())
}

// countNext is which of a large task's URLs to count: those that succeeded, or
// those that failed. Both together prove it settled, however long ago the other
// was counted. Those that wait are counted after each look, until none does.
func (s *Round) countNext(t *Candidate) prefetch.Status {
	c := t.Counted
	switch {
	case c.FailedAt.IsZero():
		return prefetch.Failed
	case c.SucceededAt.IsZero():
		return prefetch.Succeeded
	case s.asksWaiting(t):
		return prefetch.Waiting
	case c.Repeats >= task.MostRepeats:
		return prefetch.Failed
	}
	if g := s.gapAt(t, s.Now); g.Failed > g.Succeeded && c.SucceededAt.After(c.FailedAt) {
		return prefetch.Failed
	}
	return prefetch.Succeeded
}
