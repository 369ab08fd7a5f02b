package planner

import (
	"fmt"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/planner/why"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// asksWaiting reports whether it is time to count how many of a task's URLs wait: that
// is not known, or some did when it was looked at before.
func (s *Round) asksWaiting(t *Candidate) bool {
	c := t.Counted
	old := c.WaitingAt.IsZero() || c.Waiting > 0 && c.WaitingAt.Before(clock.Later(c.SucceededAt, c.FailedAt))
	return old && c.Left() > 0 && s.CanCountWaiting()
}

// waitWindow is the question how many rows wait of all large tasks that were
// submitted about when this one was, and of which that is not known: none is the
// usual answer, and tells it of all of them. It reports false if it is better asked
// of the task alone.
func (s *Round) waitWindow(t *Candidate) (q Question, ok bool) {
	if !s.Capabilities.Windows || s.NoWindows || !s.unsplit(t) {
		return Question{}, false
	}
	n, from, to := 0, t.CreatedAt().Add(-dialect.Pad), t.CreatedAt().Add(dialect.Pad)
	near := s.appraisals.between(from.Add(-dialect.Lead), to.Add(dialect.Lead))
	for i := range near {
		if o := near[i].task; s.unsplit(o) {
			n++
			from, to = clock.Earlier(from, o.CreatedAt().Add(-dialect.Pad)), clock.Later(to, o.CreatedAt().Add(dialect.Pad))
		}
	}
	q.Query = vendorapi.Query{Kind: vendorapi.QueryCount, Status: new(prefetch.Waiting), Page: 1, PageSize: s.CountPage()}
	q.Query.From, q.Query.To = s.Clamp(from, to)
	q.Why = fmt.Sprintf("how many URLs of %s still wait", why.Tasks(n))
	claim := s.claim(t)
	return q, n > 1 && claim.Within(q.Query)
}

// unsplit reports whether a window around the task's creation that shows no row that
// waits would tell something of it: every row must have appeared by now. Those that
// appeared gradually may lie elsewhere.
func (s *Round) unsplit(t *Candidate) bool {
	c := t.Counted
	return t.Unsettled() && c != nil && c.WaitingAt.IsZero() && !t.OthersWait && s.age(&t.Task, s.Now) >= dialect.Proof+dialect.Pad &&
		!c.Gradual && !t.VendorCreated.IsZero() && t.VendorCreated.Equal(t.NewestRow)
}

// Unsplit are the tasks of which a window shows all rows that wait, and of which that
// is not known.
func (s *Round) Unsplit(q vendorapi.Query) (found []*Candidate) {
	tasks, claims := s.claims(q, s.unsplit)
	for i, t := range tasks {
		if claims[i].Within(q) {
			found = append(found, t)
		}
	}
	return found
}
