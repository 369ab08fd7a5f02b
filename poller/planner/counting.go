package planner

import (
	"math"
	"time"

	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// gap is what may have become of a URL of a large task that was in neither of
// its counts. It succeeded since those were counted that did, or failed since
// those were counted that failed, or is under way. These are weights, not
// chances.
type gap struct{ succeeded, failed, alive float64 }

// gapAt is the gap of a task both of whose counts are known, at a moment after
// both.
func (s *Round) gapAt(t *Candidate, at time.Time) gap {
	alive := func(at time.Time) float64 {
		if h := t.hint; h != nil && h.Left == 0 && !at.Before(h.at) {
			return 0 // none ran any more
		}
		return s.curve.Survive(0, s.age(&t.Task, at))
	}
	left := alive(at)
	return gap{
		succeeded: (1 - s.failureRate) * max(0, alive(t.Counted.SucceededAt)-left),
		failed:    s.failureRate * max(0, alive(t.Counted.FailedAt)-left),
		alive:     left,
	}
}

// part is the chance that all n URLs of the gap are among that part of it.
func (g gap) part(part float64, n int) float64 {
	total := g.succeeded + g.failed + g.alive
	if total <= 0 {
		return 0
	}
	return math.Pow(part/total, float64(n))
}

// oneCount is the chance that one more count proves a task settled, if it is: 1
// for one that is not counted.
func (s *Round) oneCount(t *Candidate) float64 {
	if !t.Counted.Both() {
		return 1
	}
	g := s.gapAt(t, s.Now)
	final := g.succeeded + g.failed
	if final <= 0 {
		return 1
	}
	return math.Pow(max(g.succeeded, g.failed)/final, float64(t.Counted.Left()))
}

// countNext is which of a large task's URLs to count: those that succeeded, or
// those that failed. Both together prove it settled, however long ago the other
// was counted. While it has probably not settled, those that wait are counted after
// each look, until none does.
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
	if g := s.gapAt(t, s.Now); g.failed > g.succeeded && c.SucceededAt.After(c.FailedAt) {
		return prefetch.Failed
	}
	return prefetch.Succeeded
}
