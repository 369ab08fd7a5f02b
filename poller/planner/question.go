package planner

import (
	"fmt"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Question is what to ask, and why in a few words for people.
type Question struct {
	// Task is nil for a window.
	Task  *Candidate
	Query vendorapi.Query
	Why   string
	// Pressing: a deadline passed, or nothing is known of the task yet. It need
	// not wait for an even pace.
	Pressing bool
	// Follows: it is for the next page of a task that takes turns with others.
	Follows  bool
	Priority Priority
}

// TaskID is the task that is asked for; empty for a window.
func (q *Question) TaskID() string {
	if q.Task == nil {
		return ""
	}
	return q.Task.ID
}

// ask is the question about one task.
func (s *Round) ask(c *card) Question {
	t := c.task
	q := Question{Task: t, Query: vendorapi.Query{Kind: vendorapi.QueryTask}, Priority: c.priority()}
	if s.counts(c) && !t.Counted.Doubtful() {
		status := s.countNext(t)
		if status == prefetch.Waiting {
			if all, ok := s.waitWindow(t); ok {
				all.Priority, all.Pressing = q.Priority, q.Priority.presses()
				return all
			}
		}
		q.Query.Kind, q.Query.Status = vendorapi.QueryCount, &status
	}
	never := t.LastAsked.IsZero() && !t.Answered()
	q.Pressing = q.Priority.presses() || c.kind == regular && never && t.Counted == nil
	q.Follows = c.kind == nextPage && !q.Priority.presses()
	q.Why = s.reason(c, q.Query.Status)
	q.Query = s.taskQuery(t, q.Query)
	return q
}

// counts reports whether the task's URLs are counted instead of read.
func (s *Round) counts(c *card) bool {
	return c.kind == regular && s.byCount(c.task)
}

// reason is why a task is asked, for people: what comes after "because", or what
// is asked for.
func (s *Round) reason(c *card, status *prefetch.Status) string {
	t := c.task
	switch {
	case c.class == overdue:
		return "its deadline passed since the last answer"
	case c.class == imminent:
		return "its deadline is near"
	case c.kind == nextPage:
		r := t.Reading
		return fmt.Sprintf("its next page, %d of %d", r.Page+1, r.Pages())
	case c.kind == vain && t.Phase == prefetch.Lost:
		return "lost, in case the vendor knows it after all"
	case c.kind == vain:
		return "only statuses are left that no page documents"
	case status != nil:
		return fmt.Sprintf("how many of its URLs %s, %s", past(*status), likely(c.chance))
	case s.counts(c):
		return "to be sure how many URLs it has"
	case t.LastAsked.IsZero() && !t.Answered():
		return "never asked before"
	case c.class == starved:
		return "it waited for long"
	default:
		return likely(c.chance)
	}
}

func tasks(n int) string {
	if n == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", n)
}

func past(s prefetch.Status) string {
	switch s {
	case prefetch.Failed:
		return "have failed"
	case prefetch.Waiting:
		return "still wait"
	default:
		return "have succeeded"
	}
}

// likely tells a chance that a task has finished without a number.
func likely(chance float32) string {
	const even, little = 0.5, 0.1
	switch {
	case chance >= even:
		return "likely to have finished"
	case chance >= little:
		return "may have finished"
	default:
		return "to see how far it is"
	}
}

// taskQuery completes the question about one task: by id alone where the vendor
// takes that, else with a window around its creation, else day by day from the
// newest.
func (s *Round) taskQuery(t *Candidate, q vendorapi.Query) vendorapi.Query {
	q.TaskID = t.ID
	if !s.Capabilities.Paged {
		return q
	}
	if s.continues(t) {
		r := t.Reading
		q.From, q.To, q.Page, q.PageSize = r.From, r.To, r.Page+1, r.PageSize
		if oldest := s.Oldest(); !q.From.IsZero() && q.From.Before(oldest) {
			q.From = oldest
		}
		if q.From.Before(q.To) || q.To.IsZero() {
			return q
		}
		// All of the window has left the look-back.
		q.From, q.To = time.Time{}, time.Time{}
	}
	q.Page, q.PageSize = 1, s.PageSize()
	if q.Status != nil && *q.Status != prefetch.Failed {
		q.PageSize = s.CountPage() // the count tells; of those that failed the rows are wanted
	}
	if s.NeedWindow {
		q.From, q.To = s.taskWindow(t)
	}
	return q
}

// taskWindow is the span of creation to ask for a task in. It lies within what
// the vendor can be asked for.
func (s *Round) taskWindow(t *Candidate) (from, to time.Time) {
	end := s.VendorNow().Add(dialect.Pad)
	switch created := t.KnownCreation(); {
	case !created.IsZero():
		from = created.Add(-dialect.Lead)
		to = from.Add(s.Capabilities.MaxSpan)
	case !t.Search.IsZero():
		from, to = t.Search.Add(-s.Capabilities.MaxSpan), t.Search
	default:
		from, to = end.Add(-s.Capabilities.MaxSpan), end
	}
	return s.Clamp(from, to)
}
