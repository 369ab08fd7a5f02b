package poller

import (
	"fmt"
	"math"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// mostRepeats is how often what succeeded is counted before what failed is again:
// that a URL failed is rare, but then no count of what succeeded ever tells.
const mostRepeats = 3

// tooLarge turns to counting a task whose rows do not fit one page. The answer
// was to its first page.
func (t *task) tooLarge(ans vendorapi.Answer, m *moment) {
	t.known()
	// What was thrown away before counts until the counts fit.
	t.Up, t.LastError = true, nil
	switch {
	case t.Phase != prefetch.Lost:
	case t.Answered:
		t.Phase = prefetch.Active
	default:
		t.Phase = prefetch.Pending
	}
	before := t.NewestRow
	t.summarize(ans.URLs)
	// The rest of the rows may have other rates, and may not have ended.
	t.EdgeRatio, t.HasEdgeRatio, t.VendorFinished = 0, false, time.Time{}
	t.Whole, t.Sole = false, false
	total := max(ans.Count, len(t.Expected))
	switch c := t.Counted; {
	case c != nil && c.Total == total:
		t.NewestRow = clock.Later(before, t.NewestRow)
		t.confirm(m)
	case t.provenWhole(m):
		m.learned.Durations.sized(total)
		t.Counted = &counted{Total: total, Since: m.sent, Gradual: t.gradual(ans, m)}
		if t.noneWaits(total) {
			t.Counted.WaitingAt = t.LastRefresh
		}
		t.RetryAt = m.Now
	default:
		t.Counted = nil
	}
}

// gradual reports whether there may be more rows than the vendor counted. Those of
// one submission have one creation, and are there a minute later. But those of a
// page with several may be the oldest, while others still appear.
func (t *task) gradual(ans vendorapi.Answer, m *moment) bool {
	if !m.Capabilities.RowTimes || len(t.Expected) > 0 && ans.Count <= len(t.Expected) {
		return false
	}
	return !dated(ans.URLs) || !t.VendorCreated.Equal(t.NewestRow)
}

// confirm notes that the vendor says again that a task has so many URLs.
func (t *task) confirm(m *moment) {
	c := *t.Counted
	c.Same, c.Confirmed = 0, !m.surely().Before(c.Since.Add(dialect.Proof))
	t.Counted = &c
	if c.both() {
		t.tally(m)
	}
	if !c.Confirmed {
		t.RetryAt = m.Now.Add(c.Since.Add(dialect.Proof).Sub(m.sent))
	}
}

// tallied applies the count of a large task's URLs of one status. Of those that
// failed the rows come along. It returns a complaint if the count cannot be, and
// then has the task read anew.
func (t *task) tallied(status prefetch.Status, ans vendorapi.Answer, m *moment) (complaint string) {
	c := t.Counted
	if c == nil {
		return "" // it was read whole meanwhile
	}
	t.Up, t.LastError = true, nil
	next := *c
	counted, at := next.of(status)
	before, first := *counted, at.IsZero()
	*counted, *at = ans.Count, m.Now
	switch {
	case status == prefetch.Waiting: // fewer and fewer
	case ans.Count < before:
		complaint = fmt.Sprintf("%d URLs %v, where %d had; reading it anew", ans.Count, status, before)
	case next.left() < 0:
		complaint = fmt.Sprintf("%d URLs succeeded and %d failed, of %d; reading it anew",
			next.Succeeded, next.Failed, next.Total)
	}
	if complaint != "" {
		t.uncount(m)
		t.misread(complaint, m)
		return complaint
	}
	if status != prefetch.Waiting {
		next.Same++
		if first || ans.Count != before {
			next.Same = 0
		}
	}
	switch status {
	case prefetch.Succeeded:
		next.Repeats++
	case prefetch.Failed:
		next.Repeats = 0
		t.Rows, t.observations = t.Rows.merge(ans.URLs, t.observations)
	default:
	}
	t.Counted = &next
	t.learnCounts(c, m)
	if !next.both() {
		t.RetryAt = m.Now // both or nothing: the counts appear together
		return ""
	}
	t.tally(m)
	return ""
}

// tally publishes the counts of a task, once it is known how many of those that
// are not final wait: nobody is shown a split that the vendor did not give.
func (t *task) tally(m *moment) {
	c, asOf := t.Counted, clock.Earlier(t.Counted.SucceededAt, t.Counted.FailedAt)
	if c.left() > 0 && c.WaitingAt.IsZero() {
		t.known()
		t.Failures = 0
		t.unfinished(asOf)
		if !m.NoWaitFilter {
			t.RetryAt = m.Now
		}
		return
	}
	t.found(m)
	t.Counts = prefetch.Counts{}
	t.Counts[prefetch.Succeeded], t.Counts[prefetch.Failed] = c.Succeeded, c.Failed
	// Those that waited are no more by now than there are left.
	t.Counts[prefetch.Waiting] = min(c.Waiting, c.left())
	t.Counts[prefetch.Running] = c.left() - t.Counts[prefetch.Waiting]
	t.VendorFinished = time.Time{}
	t.judge(c.Confirmed || !c.Gradual, asOf, m)
}

// uncount has the task read anew.
func (t *task) uncount(m *moment) {
	t.Counted, t.hint, t.RetryAt = nil, nil, m.Now
}

// doubtful reports whether the vendor should say again how many URLs there are:
// all that it counted are final, but there may be more; or its counts do not change
// any more and do not make up the total, which was an error then.
func (c *counted) doubtful() bool {
	return c.both() && !c.Confirmed && (c.left() == 0 || c.Same > mostRepeats)
}

// lastCounted reports whether the last look at the task were its two counts.
func (t *task) lastCounted(at time.Time) bool {
	return t.Counted.both() && at.Equal(clock.Later(t.Counted.SucceededAt, t.Counted.FailedAt))
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
		return clock.Later(c.SucceededAt, c.FailedAt)
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
func (c *counted) left() int { return c.Total - c.Succeeded - c.Failed }

// of is the count of a status, and when the vendor gave it.
func (c *counted) of(status prefetch.Status) (n *int, at *time.Time) {
	switch status {
	case prefetch.Succeeded:
		return &c.Succeeded, &c.SucceededAt
	case prefetch.Waiting:
		return &c.Waiting, &c.WaitingAt
	default:
		return &c.Failed, &c.FailedAt
	}
}

// both reports whether both counts are known.
func (c *counted) both() bool { return c != nil && !c.SucceededAt.IsZero() && !c.FailedAt.IsZero() }

// oneCount is the chance that one more count proves a task settled, if it is: 1
// for one that is not counted.
func (s *situation) oneCount(t *task) float64 {
	if !t.Counted.both() {
		return 1
	}
	g := s.gapAt(t, s.Now)
	final := g.succeeded + g.failed
	if final <= 0 {
		return 1
	}
	return math.Pow(max(g.succeeded, g.failed)/final, float64(t.Counted.left()))
}

// countNext is which of a large task's URLs to count: those that succeeded, or
// those that failed. Both together prove it settled, however long ago the other
// was counted. While it has probably not settled, those that wait are counted after
// each look, until none does.
func (s *situation) countNext(t *task) prefetch.Status {
	c := t.Counted
	switch {
	case c.FailedAt.IsZero():
		return prefetch.Failed
	case c.SucceededAt.IsZero():
		return prefetch.Succeeded
	case s.asksWaiting(t):
		return prefetch.Waiting
	case c.Repeats >= mostRepeats:
		return prefetch.Failed
	}
	if g := s.gapAt(t, s.Now); g.failed > g.succeeded && c.SucceededAt.After(c.FailedAt) {
		return prefetch.Failed
	}
	return prefetch.Succeeded
}
