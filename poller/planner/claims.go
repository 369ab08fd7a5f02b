package planner

import (
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// claim is what is known of the task for whoever asks whose rows are its.
func (s *Round) claim(t *Candidate) match.Claim {
	c := match.Claim{
		Created: t.CreatedAt(), Configured: t.Created, Reach: match.Drift, NewestRow: t.NewestRow,
		Expected: t.Expected, Rows: t.Rows.URLs, RowsKnown: t.KnowsRows(), Exclusive: t.State == task.Exclusive,
		Ambiguous: t.Ambiguous, Counted: t.Counted != nil,
	}
	if !t.VendorCreated.IsZero() {
		c.Reach = 0
	}
	if s.Names() {
		// Who submits knows when to the second. If not, the task is asked for alone.
		c.Reach = min(c.Reach, dialect.Pad)
		c.ID, c.Dated = t.ID, !t.VendorCreated.IsZero() || !t.Created.IsZero() && !t.Overlooked
		if t.Answered() {
			c.Total = t.Counts.Total() - t.Rowless
		}
		if s.Capabilities.Lists && !c.Dated {
			c.Dated, c.Earliest = true, s.Oldest() // a list may reach as far back
		}
	}
	return c
}

// joinable reports whether a window can tell of the task.
func (s *Round) joinable(t *Candidate) bool {
	c := s.claim(t)
	return c.Joinable()
}

// rowsOf is how much of an answer that tells of all tasks the task takes.
func (s *Round) rowsOf(t *Candidate) int {
	if s.Capabilities.Lists {
		return 1
	}
	return s.sizeOf(t)
}

// claims are the tasks whose rows may be in a window, as far as they are wanted,
// and what is known of them.
func (s *Round) claims(q vendorapi.Query, wanted func(*Candidate) bool) (tasks []*Candidate, claims []match.Claim) {
	near := s.appraisals.between(q.From, q.To)
	for i := range near {
		t := near[i].task
		if c := s.claim(t); wanted(t) && c.MayShow(q) {
			tasks, claims = append(tasks, t), append(claims, c)
		}
	}
	return tasks, claims
}

// Heard is an answer, for what it tells of tasks and teaches of them.
type Heard struct {
	*Round

	Life   task.Moment
	Vendor *dialect.Dialect
}

// Join finds out whose rows are in a page of a window, and notes what it tells of
// tasks that it proves nothing of.
func (h *Heard) Join(q vendorapi.Query, ans vendorapi.Answer) ([]*Candidate, match.Result) {
	tasks, claims := h.claims(q, func(t *Candidate) bool { return t.Unsettled() })
	find := match.Window
	if h.Names() {
		find = match.Named
	}
	r := find(h.page(q, ans), claims)
	h.matched(tasks, r)
	for _, shown := range r.Hints {
		t := tasks[shown.Claim]
		t.hint = &hint{Hint: shown, at: h.Now}
		h.appraisals.Changed(t)
	}
	return tasks, r
}

// Listed are the tasks that a list may tell of, and the places of those that it should
// have told of and did not.
func (h *Heard) Listed(q vendorapi.Query, ans vendorapi.Answer) (tasks []*Candidate, missed []int) {
	tasks, claims := h.claims(q, func(t *Candidate) bool { return t.Unsettled() })
	return tasks, match.Listed(h.page(q, ans), claims)
}

// Scouted does so for a page of rows that run.
func (h *Heard) Scouted(q vendorapi.Query, ans vendorapi.Answer) ([]*Candidate, match.Result) {
	tasks, claims := h.claims(q, func(t *Candidate) bool { return t.Phase != prefetch.Settled && !t.Ended })
	expected := 0.0
	for _, t := range tasks {
		expected += float64(h.appraisals.all[t.place].running)
	}
	h.learned.learnRunning(h.Now, expected, ans.Count)
	find := match.Running
	if h.Names() {
		find = match.NamedRunning
	}
	r := find(h.page(q, ans), claims)
	h.matched(tasks, r)
	for _, shown := range r.Hints {
		h.note(tasks[shown.Claim], shown)
	}
	return tasks, r
}

func (h *Heard) page(q vendorapi.Query, ans vendorapi.Answer) match.Page {
	return match.Page{Answer: ans, Query: q, Asked: h.Life.Surely(), Unordered: h.Vendor.Unordered, Gradual: h.Capabilities.Gradual}
}

// matched notes what a page shows of the vendor, and of whom nothing can be told.
func (h *Heard) matched(tasks []*Candidate, r match.Result) {
	h.Vendor.Unordered = r.Unordered
	for _, i := range r.Doubted {
		tasks[i].BecomeAmbiguous()
		h.appraisals.Changed(tasks[i])
	}
}
