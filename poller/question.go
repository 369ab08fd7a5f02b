package poller

import (
	"fmt"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// question is what to ask, and why in a few words.
type question struct {
	// task is nil for a window.
	task  *task
	query vendorapi.Query
	// survey is set if the question is about the look-back.
	survey *survey
	why    string
	// pressing: a deadline passed, or nothing is known of the task yet. It need
	// not wait for an even pace.
	pressing bool
	// worth is what its answer is worth, in minutes of lag.
	worth float64
}

// id is the task that is asked for; empty for a window.
func (q *question) id() string {
	if q.task == nil {
		return ""
	}
	return q.task.id
}

// ask is the question about one task.
func (s *situation) ask(c *card) question {
	t := c.task
	q := question{task: t, query: vendorapi.Query{Kind: vendorapi.QueryTask}, worth: c.worth}
	switch {
	case c.class == continueReading:
		q.why, q.pressing = "next page of a task that is being read", true
	case c.class == hopeless && t.Phase == prefetch.Lost:
		q.why = "lost task, in case the vendor knows it after all"
	case c.class == hopeless:
		q.why = "only statuses left that no page documents"
	case t.Counted != nil && s.canCount() && t.Counted.doubtful():
		q.why = "making sure how many URLs a large task has"
	case t.Counted != nil && s.canCount():
		status := s.countNext(t)
		q.query.Kind, q.query.Status = vendorapi.QueryCount, &status
		q.why = fmt.Sprintf("counting the %s URLs of a large task, settled with chance %.2f", status, c.chance)
	case t.LastAsked.IsZero() && !t.Answered:
		q.why, q.pressing = "never asked before", true
	default:
		q.why = fmt.Sprintf("settled with chance %.2f", c.chance)
	}
	if c.class == unsettled && c.worth >= overdue {
		q.why, q.pressing = "the deadline passed since the last answer", true
	}
	q.query = s.taskQuery(t, q.query)
	return q
}

// reachable reports whether the vendor can be asked for the task at all: where
// it wants a window, the task's creation must lie within the look-back.
func (s *situation) reachable(t *task) bool {
	if !s.caps.Windows || !s.learned.NeedWindow {
		return true
	}
	c := t.knownCreated()
	return c.IsZero() || c.Add(s.caps.MaxSpan-lead).After(s.oldest().Add(pad))
}

// taskQuery completes the question about one task: by id alone where the vendor
// takes that, else with a window around its creation, else day by day from the
// newest.
func (s *situation) taskQuery(t *task, q vendorapi.Query) vendorapi.Query {
	q.TaskID = t.id
	if !s.caps.Paged {
		return q
	}
	if s.continues(t) {
		r := t.Reading
		q.From, q.To, q.Page, q.PageSize = r.From, r.To, r.Page+1, r.PageSize
		if oldest := s.oldest(); !q.From.IsZero() && q.From.Before(oldest) {
			q.From = oldest
		}
		if q.From.Before(q.To) || q.To.IsZero() {
			return q
		}
		// All of the window has left the look-back.
		q.From, q.To = time.Time{}, time.Time{}
	}
	q.Page, q.PageSize = 1, s.pageSize()
	if q.Status != nil && *q.Status == prefetch.Succeeded {
		q.PageSize = s.countPage() // the count tells; of those that failed the rows are wanted
	}
	if s.learned.NeedWindow {
		q.From, q.To = s.taskWindow(t)
	}
	return q
}

// taskWindow is the span of creation to ask for a task in. It lies within what
// the vendor can be asked for.
func (s *situation) taskWindow(t *task) (from, to time.Time) {
	end := s.vendorNow().Add(pad)
	switch created := t.knownCreated(); {
	case !created.IsZero():
		from = created.Add(-lead)
		to = from.Add(s.caps.MaxSpan)
	case !t.Search.IsZero():
		from, to = t.Search.Add(-s.caps.MaxSpan), t.Search
	default:
		from, to = end.Add(-s.caps.MaxSpan), end
	}
	return s.clamp(from, to)
}

// clamp keeps a window within what the vendor can be asked for.
func (s *situation) clamp(from, to time.Time) (earliest, latest time.Time) {
	end := s.vendorNow().Add(pad)
	if to.After(end) {
		to = end
	}
	from = later(from, s.oldest())
	if !from.Before(to) {
		// Created in the future, as it seems: the newest day tells.
		from, to = later(end.Add(-s.caps.MaxSpan), s.oldest()), end
	}
	return from, to
}
