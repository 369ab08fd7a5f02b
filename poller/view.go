package poller

import (
	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// claim is what is known of the task for whoever asks whose rows are its.
func (t *entry) claim() match.Claim {
	c := match.Claim{
		Created: t.CreatedAt(), Configured: t.Created, Reach: match.Drift, NewestRow: t.NewestRow,
		Expected: t.Expected, Rows: t.Rows.URLs, RowsKnown: t.KnowsRows(), Exclusive: t.State == task.Exclusive,
		Ambiguous: t.Ambiguous, Counted: t.Counted != nil,
	}
	if !t.VendorCreated.IsZero() {
		c.Reach = 0
	}
	return c
}

// joinable reports whether a window can tell of the task.
func (t *entry) joinable() bool {
	c := t.claim()
	return c.Joinable()
}

// claims are the tasks whose rows may be in a window, as far as they are wanted,
// and what is known of them.
func (s *situation) claims(q vendorapi.Query, wanted func(*entry) bool) (tasks []*entry, claims []match.Claim) {
	near := s.board.between(q.From, q.To)
	for i := range near {
		t := near[i].task
		if c := t.claim(); wanted(t) && c.MayShow(q) {
			tasks, claims = append(tasks, t), append(claims, c)
		}
	}
	return tasks, claims
}

// join finds out whose rows are in a page of a window, and notes what it tells of
// tasks that it proves nothing of.
func (m *moment) join(q vendorapi.Query, ans vendorapi.Answer) ([]*entry, match.Result) {
	tasks, claims := m.claims(q, func(t *entry) bool { return t.Unsettled() })
	r := match.Window(m.page(q, ans), claims)
	m.matched(tasks, r)
	for _, h := range r.Hints {
		t := tasks[h.Claim]
		t.hint = &hint{Hint: h, at: m.Now}
		m.board.changed(t)
	}
	return tasks, r
}

// scouted does so for a page of rows that run.
func (m *moment) scouted(q vendorapi.Query, ans vendorapi.Answer) ([]*entry, match.Result) {
	tasks, claims := m.claims(q, func(t *entry) bool { return t.Phase != prefetch.Settled && !t.Ended })
	expected := 0.0
	for _, t := range tasks {
		expected += float64(m.board.cards[t.place].running)
	}
	m.learned.crowded(expected, ans.Count)
	r := match.Running(m.page(q, ans), claims)
	m.matched(tasks, r)
	for _, h := range r.Hints {
		m.note(tasks[h.Claim], h)
	}
	return tasks, r
}

func (m *moment) page(q vendorapi.Query, ans vendorapi.Answer) match.Page {
	return match.Page{Answer: ans, Query: q, Asked: m.life.Surely(), Unordered: m.vendor.Unordered}
}

// matched notes what a page shows of the vendor, and of whom nothing can be told.
func (m *moment) matched(tasks []*entry, r match.Result) {
	m.vendor.Unordered = r.Unordered
	for _, i := range r.Doubted {
		tasks[i].BecomeAmbiguous()
		m.board.changed(tasks[i])
	}
}
