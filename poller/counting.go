package poller

import (
	"math"
	"time"

	"prefetch_exporter/prefetch"
)

// mostRepeats is how often what succeeded is counted before what failed is again:
// that a URL failed is rare, but then no count of what succeeded ever tells.
const mostRepeats = 3

// lastCounted reports whether the last look at the task were its two counts.
func (t *task) lastCounted(at time.Time) bool {
	return t.Counted.both() && at.Equal(later(t.Counted.SucceededAt, t.Counted.FailedAt))
}

// counted is when the last answer came that tells more than a hint that so many
// rows are left. What none of a large task's rows running means is not known
// before it was counted what succeeded and what failed.
func (t *task) counted(left int) time.Time {
	c := t.Counted
	switch {
	case c == nil:
		return t.LastRefresh
	case left > 0:
		return later(c.SucceededAt, c.FailedAt)
	case c.SucceededAt.Before(c.FailedAt):
		return c.SucceededAt
	default:
		return c.FailedAt
	}
}

// gap is what may have become of a URL of a large task that was in neither of
// its counts. It succeeded since those were counted that did, or failed since
// those were counted that failed, or is under way. These are weights, not
// chances.
type gap struct{ succeeded, failed, alive float64 }

// gapAt is the gap of a task both of whose counts are known, at a moment after
// both.
func (s *situation) gapAt(t *task, at time.Time) gap {
	alive := func(at time.Time) float64 {
		if h := t.hint; h != nil && h.left == 0 && !at.Before(h.at) {
			return 0 // none ran any more
		}
		return s.curve.survive(0, s.age(t, at))
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

// left is how many URLs are in neither count.
func (c *counted) left() int { return max(1, c.Total-c.Succeeded-c.Failed) }

// both reports whether both counts are known.
func (c *counted) both() bool { return c != nil && !c.SucceededAt.IsZero() && !c.FailedAt.IsZero() }

// oneCount is the chance that one more count proves a task settled, if it is: 1
// for one that is not counted.
func (s *situation) oneCount(t *task) float64 {
	if !t.Counted.both() {
		return 1
	}
	g := s.gapAt(t, s.now)
	final := g.succeeded + g.failed
	if final <= 0 {
		return 1
	}
	return math.Pow(max(g.succeeded, g.failed)/final, float64(t.Counted.left()))
}

// countNext is which of a large task's URLs to count: those that succeeded, or
// those that failed. Both together prove it settled, however long ago the other
// was counted.
func (s *situation) countNext(t *task) prefetch.Status {
	c := t.Counted
	switch {
	case c.FailedAt.IsZero():
		return prefetch.Failed
	case c.SucceededAt.IsZero():
		return prefetch.Succeeded
	case c.Repeats >= mostRepeats:
		return prefetch.Failed
	}
	if g := s.gapAt(t, s.now); g.failed > g.succeeded && c.SucceededAt.After(c.FailedAt) {
		return prefetch.Failed
	}
	return prefetch.Succeeded
}
