package poller

import (
	"fmt"
	"math"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// likelySettled is the chance to have settled from which on it is asked whether a
// task has, before those are counted that wait.
const likelySettled = 0.3

// means are what tasks are read or counted by.
func (s *situation) means() task.Means {
	return task.Means{
		PollInterval: s.pollInterval, Slot: s.slot, Watched: s.watched,
		CanCount: s.CanCount(), CanCountWaiting: !s.NoWaitFilter,
	}
}

// byCount reports whether the next question about a task that is counted, or was,
// is for a count.
func (s *situation) byCount(t *entry) bool {
	return t.Counted != nil && t.CountsRather(t.Counted.Total, s.PageSize(), s.means())
}

// asksWaiting reports whether it is time to count how many of a task's URLs wait: that
// is not known, or some did when it was looked at before.
func (s *situation) asksWaiting(t *entry) bool {
	c := t.Counted
	old := c.WaitingAt.IsZero() || c.Waiting > 0 && c.WaitingAt.Before(clock.Later(c.SucceededAt, c.FailedAt))
	return old && c.Left() > 0 && !s.NoWaitFilter && s.chance(t) < likelySettled
}

// waitWindow is the question how many rows wait of all large tasks that were
// submitted about when this one was, and of which that is not known: none is the
// usual answer, and tells it of all of them. It reports false if it is better asked
// of the task alone.
func (s *situation) waitWindow(t *entry) (q question, ok bool) {
	if !s.Capabilities.Windows || s.noWindows || !s.unsplit(t) {
		return question{}, false
	}
	n, from, to := 0, t.CreatedAt().Add(-dialect.Pad), t.CreatedAt().Add(dialect.Pad)
	near := s.board.between(from.Add(-dialect.Lead), to.Add(dialect.Lead))
	for i := range near {
		if o := near[i].task; s.unsplit(o) {
			n++
			from, to = clock.Earlier(from, o.CreatedAt().Add(-dialect.Pad)), clock.Later(to, o.CreatedAt().Add(dialect.Pad))
		}
	}
	q.query = vendorapi.Query{Kind: vendorapi.QueryCount, Status: new(prefetch.Waiting), Page: 1, PageSize: s.CountPage()}
	q.query.From, q.query.To = s.Clamp(from, to)
	q.why = fmt.Sprintf("how many URLs of %s still wait", tasks(n))
	claim := t.claim()
	return q, n > 1 && claim.Within(q.query)
}

// unsplit reports whether a window around the task's creation that shows no row that
// waits would tell something of it. Rows that appeared gradually may lie elsewhere.
func (s *situation) unsplit(t *entry) bool {
	c := t.Counted
	return t.Unsettled() && c != nil && c.WaitingAt.IsZero() && !t.crowded && s.age(&t.Task, s.Now) >= newborn &&
		!c.Gradual && !t.VendorCreated.IsZero() && t.VendorCreated.Equal(t.NewestRow)
}

// waitAnswered applies the answer to how many rows of a window wait, and returns the
// tasks that it told of.
func (a *account) waitAnswered(q vendorapi.Query, ans vendorapi.Answer, m *moment) (told []*entry) {
	near := m.board.between(q.From, q.To)
	ignored := a.ignored(q, ans, math.MaxInt, m.Now)
	for i := range near {
		t := near[i].task
		if claim := t.claim(); !m.unsplit(t) || !claim.Within(q) || ignored {
			continue
		}
		told = append(told, t)
		if ans.Count > 0 {
			t.crowded = true // another's, it may be
			continue
		}
		a.tell(t, m, func() ([]prefetch.URL, string) { return t.Apply(q, ans, &m.life) })
	}
	return told
}
