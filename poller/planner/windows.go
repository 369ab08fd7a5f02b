package planner

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/match"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/tuning"
	"prefetch_exporter/poller/planner/why"
	vendorapi "prefetch_exporter/vendor_api"
)

// again is when a window like one that left at a time may be asked for again.
func (s *Round) again(left time.Time) time.Time {
	if left.After(s.Now) {
		return time.Time{} // the clock was set back: what was reckoned by it is void
	}
	return left.Add(s.PollInterval)
}

// untold reports whether the last window that should have told of the task did not: a
// page may have been cut before it. Then only a question about the task itself helps.
func (s *Round) untold(t *Candidate) bool { return t.shown && t.windowed.After(t.AskedAt()) }

// Leaves notes that a question leaves. Until the poll interval is over no
// window like it is asked for the sake of the same tasks, whatever it tells: one
// that told nothing would tell nothing again, and could take the whole quota.
func (s *Round) Leaves(q *Question) {
	for _, t := range q.Tasks() {
		t.InFlight = true
		t.LastAsked, t.RetryAt = s.Now, time.Time{}
		s.appraisals.Changed(t)
	}
	if q.Task != nil {
		return
	}
	near := s.appraisals.between(q.Query.From, q.Query.To)
	for i := range near {
		t := near[i].task
		c := s.claim(t)
		switch {
		case !c.MayShow(q.Query), c.ID != "" && !c.Within(q.Query), q.Query.Kind == vendorapi.QueryCount:
			continue
		case q.Query.Status != nil:
			t.scouted = s.Now
		default:
			t.windowed = s.Now
			if s.Names() && !t.InFlight {
				q.Shown, t.InFlight = append(q.Shown, t), true
			}
		}
		s.appraisals.Changed(t)
	}
}

// Ended notes that a question that left is not under way any more, and whether it was
// answered.
func (p *Planner) Ended(q *Question, answered bool) {
	for _, t := range q.Tasks() {
		t.InFlight = false
	}
	for _, t := range q.Shown {
		t.InFlight, t.shown = false, answered
		p.Changed(t) // the answer may not have told of it
	}
}

// bounds are those of a window with no more rows than there is room for: those of its
// tasks, and so many others a second.
func (s *Round) bounds(room, others float64) priority.Bounds {
	return priority.Bounds{
		Oldest: s.Oldest(), Newest: s.VendorNow().Add(dialect.Pad + match.Drift),
		Most: s.Capabilities.MaxSpan, Around: match.Narrowest, Room: room, Others: others,
	}
}

// spread is how much farther than its margin other rows of a named task may be.
func (s *Round) spread() int64 {
	if s.Names() && s.Capabilities.Gradual {
		return int64(dialect.Proof)
	}
	return 0
}

// window is the question for everything created in the window, with the margins
// of all its tasks: one that it does not show whole could be asked for again and
// again. It leaves out the first tasks if nothing is wanted of them.
func (s *Round) window(w priority.Window, shares []priority.Share) vendorapi.Query {
	for w.First < w.Last && shares[w.First].Class == priority.Idle && shares[w.First].Open == 0 {
		w.First++
	}
	first, last := s.all[w.First].first(), s.all[w.Last].last()
	for i := w.First; i <= w.Last; i++ {
		first, last = min(first, s.all[i].first()), max(last, s.all[i].last())
	}
	spread := s.spread()
	first, last = first-spread, last+spread
	q := vendorapi.Query{Kind: vendorapi.QueryWindow, Page: 1, PageSize: s.Room()}
	if s.Capabilities.Lists {
		// What was created since costs nothing more, and neither does what may be older.
		q.Kind, last = vendorapi.QueryList, s.VendorNow().Add(dialect.Pad).UnixNano()
		for i := w.First; i <= w.Last; i++ {
			if c := s.claim(s.all[i].task); !c.Earliest.IsZero() {
				first = min(first, c.Earliest.UnixNano())
			}
		}
	}
	q.From, q.To = s.Clamp(time.Unix(0, first), time.Unix(0, last))
	return q
}

// bestWindow is the window of creation time that is worth the most among those
// whose rows fit one page, as far as is known what rows there are. told is of how
// many tasks it tells; none if there is no such window.
func (s *Round) bestWindow() (best Question, told int) {
	if !s.Tells() || s.NoWindows {
		return Question{}, 0
	}
	shares, spread := s.appraisals.shares(), s.spread()
	for i := range s.all {
		c, x := &s.all[i], &shares[i]
		*x = priority.Share{Created: c.created, Margin: c.margin + spread, Rows: float64(c.rows)}
		switch {
		case c.joinable && c.class != priority.Idle:
			x.Priority, x.Told = c.priority(), 1
		case c.open:
			x.Open = 1
		case c.class <= priority.Ordinary: // else only an answer helps
			x.Class, x.Worth = c.class, tuning.Glimpse*c.worth
		}
	}
	others := s.learned.unwatched(s.Now)
	if s.Capabilities.Lists {
		others = 0 // a list has room
	}
	bounds := s.bounds(float64(s.Room()), others)
	w := priority.Best(shares, bounds)
	if w.Told == 0 {
		return Question{}, 0
	}
	// It costs nothing, and then they are asked for together from now on.
	if s.Names() && !w.Widen(shares, bounds) {
		return Question{}, 0
	}
	return Question{
		Query: s.window(w, shares), Priority: w.Priority, Pressing: w.Presses(),
		Why: "one answer tells of " + why.Tasks(w.Told),
	}, w.Told
}

// Reach has a question for everything that was created of late tell of open tasks from
// before as well, as far as there is room beside what is new.
func (s *Round) Reach(q *vendorapi.Query) {
	if q.Page > 1 || q.To.Before(s.VendorNow()) {
		return // it is for what was overslept
	}
	earliest := clock.Later(s.Oldest(), q.To.Add(-s.Capabilities.MaxSpan)).UnixNano()
	from, room := q.From.UnixNano(), tuning.Roomy*float64(s.Room())
	for i := len(s.all) - 1; i >= 0; i-- {
		c := &s.all[i]
		if room -= float64(c.rows); room < 0 || c.first() < earliest {
			break
		}
		if c.open {
			from = min(from, c.first())
		}
	}
	q.From = time.Unix(0, from)
}

// hint is what a window showed of a task without proving it, and when.
type hint struct {
	match.Hint

	at time.Time
	// scouted: the window was limited to rows that run.
	scouted bool
}
