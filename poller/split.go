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

// likelySettled is the chance to have settled from which on it is asked whether a
// task has, before those are counted that wait.
const likelySettled = 0.3

// noneWaits reports whether an answer showed that none of the task's so many URLs
// waits any more: then none ever will.
func (t *task) noneWaits(total int) bool {
	if c := t.Counted; c != nil && c.Total == total && (c.both() && c.left() == 0 || !c.WaitingAt.IsZero()) {
		return c.left() == 0 || c.Waiting == 0
	}
	return t.Answered && t.Counts.Total() == total && t.Counts[prefetch.Waiting]+t.Counts[prefetch.Unknown] == 0
}

// affords reports whether calls are not scarce: if every unsettled task had as many
// pages, all could be read within the poll interval.
func (s *situation) affords(pages int) bool {
	return time.Duration(pages*max(1, s.watched))*s.slot <= s.pollInterval
}

// countsRather reports whether a task of so many rows, more than fit a page, is
// counted instead of read. Only its pages tell how many wait where the vendor does
// not count those.
func (s *situation) countsRather(t *task, total, page int) bool {
	pages := pagesOf(total, page)
	switch {
	case !s.CanCount():
		return false
	case t.Failures > 0, t.Doubted == total:
		return true // it could not be read
	case s.affords(pages):
		return false
	default:
		return !s.NoWaitFilter || t.noneWaits(total) || s.tooManyPages(pages)
	}
}

// byCount reports whether the next question about a task that is counted, or was,
// is for a count.
func (s *situation) byCount(t *task) bool {
	return t.Counted != nil && s.countsRather(t, t.Counted.Total, s.PageSize())
}

// asksWaiting reports whether it is time to count how many of a task's URLs wait: that
// is not known, or some did when it was looked at before.
func (s *situation) asksWaiting(t *task) bool {
	c := t.Counted
	old := c.WaitingAt.IsZero() || c.Waiting > 0 && c.WaitingAt.Before(clock.Later(c.SucceededAt, c.FailedAt))
	return old && c.left() > 0 && !s.NoWaitFilter && s.chance(t) < likelySettled
}

// waitWindow is the question how many rows wait of all large tasks that were
// submitted about when this one was, and of which that is not known: none is the
// usual answer, and tells it of all of them. It reports false if it is better asked
// of the task alone.
func (s *situation) waitWindow(t *task) (q question, ok bool) {
	if !s.Capabilities.Windows || s.noWindows || !s.unsplit(t) {
		return question{}, false
	}
	n, from, to := 0, t.created().Add(-t.margin()), t.created().Add(t.margin())
	near := s.board.between(from.Add(-dialect.Lead), to.Add(dialect.Lead))
	for i := range near {
		if o := near[i].task; s.unsplit(o) {
			n++
			from, to = clock.Earlier(from, o.created().Add(-o.margin())), clock.Later(to, o.created().Add(o.margin()))
		}
	}
	q.query = vendorapi.Query{Kind: vendorapi.QueryCount, Status: new(prefetch.Waiting), Page: 1, PageSize: s.CountPage()}
	q.query.From, q.query.To = s.Clamp(from, to)
	q.why = fmt.Sprintf("how many URLs of %s still wait", tasks(n))
	return q, n > 1 && within(t, q.query)
}

// unsplit reports whether a window around the task's creation that shows no row that
// waits would tell something of it. Rows that appeared gradually may lie elsewhere.
func (s *situation) unsplit(t *task) bool {
	c := t.Counted
	return t.unsettled() && c != nil && c.WaitingAt.IsZero() && !t.crowded && s.age(t, s.Now) >= newborn &&
		!c.Gradual && !t.VendorCreated.IsZero() && t.VendorCreated.Equal(t.NewestRow)
}

// waitAnswered applies the answer to how many rows of a window wait, and returns the
// tasks that it told of.
func (a *account) waitAnswered(q vendorapi.Query, ans vendorapi.Answer, m *moment) (told []*task) {
	near := m.board.between(q.From, q.To)
	ignored := a.ignored(q, ans, math.MaxInt, m.Now)
	for i := range near {
		t := near[i].task
		if !m.unsplit(t) || !within(t, q) || ignored {
			continue
		}
		told = append(told, t)
		if ans.Count > 0 {
			t.crowded = true // another's, it may be
			continue
		}
		a.follow(t, m, func() { a.complain(t, t.tallied(prefetch.Waiting, ans, m)) })
	}
	return told
}
