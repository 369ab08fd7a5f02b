package planner

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/match"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// glimpse is the part of a task's worth that a window has which shows its
	// rows but cannot prove that they are all.
	glimpse = 0.1
)

// windowAt is from when on, by our clock, a window may be asked for the task's
// sake: when it can tell of the task, and no sooner than the poll interval after
// the last one that could have.
func (s *Round) windowAt(t *Candidate, c *match.Claim) time.Time {
	return clock.Later(c.Tellable().Add(-s.Offset), s.again(t.windowed))
}

// again is when a window like one that left at a time may be asked for again.
func (s *Round) again(left time.Time) time.Time {
	if left.After(s.Now) {
		return time.Time{} // the clock was set back: what was reckoned by it is void
	}
	return left.Add(s.PollInterval)
}

// Leaves notes that a question leaves. Until the poll interval is over no
// window like it is asked for the sake of the same tasks, whatever it tells: one
// that told nothing would tell nothing again, and could take the whole quota.
func (s *Round) Leaves(q *Question) {
	if q.Task != nil {
		q.Task.InFlight = true
		q.Task.LastAsked, q.Task.RetryAt = s.Now, time.Time{}
		s.board.changed(q.Task)
		return
	}
	near := s.board.between(q.Query.From, q.Query.To)
	for i := range near {
		t := near[i].task
		c := t.claim()
		switch {
		case !c.MayShow(q.Query), q.Query.Kind == vendorapi.QueryCount:
			continue
		case q.Query.Status != nil:
			t.scouted = s.Now
		default:
			t.windowed = s.Now
		}
		s.board.changed(t)
	}
}

// stretch is a window from one task's creation to another's.
type stretch struct {
	from, to *card
	priority Priority
	told     int
}

// slide finds the window that goes first of those that tell of a task
// and can be asked for, with no more rows than there is room for: those of its
// tasks, and so many others a second.
func (s *Round) slide(room, others float64, shareOf func(*card) share) (best stretch) {
	oldest, newest, span := s.Oldest().UnixNano(), s.VendorNow().Add(dialect.Pad+match.Drift).UnixNano(), int64(s.Capabilities.MaxSpan)
	first, total := 0, sum{}
	for i := range s.cards {
		c := &s.cards[i]
		add := shareOf(c)
		if c.first() < oldest || c.last() > newest || add.rows > room {
			first, total = i+1, sum{}
			continue
		}
		total.add(add, 1)
		for ; first < i; first++ {
			d := &s.cards[first]
			length := c.created - d.created + int64(match.Narrowest)
			if length <= span && total.rows+others*time.Duration(length).Seconds() <= room {
				break
			}
			total.add(shareOf(d), -1)
		}
		if total.told == 0 || add.class == idleClass {
			continue
		}
		if p := total.priority(); p.compare(best.priority) > 0 {
			best = stretch{&s.cards[first], c, p, total.told}
		}
	}
	return best
}

// window is the question for everything created in the stretch, with the margins
// of all its tasks: one that it does not show whole could be asked for again and
// again. It leaves out the first tasks if nothing is wanted of them.
func (s *Round) window(w stretch, shareOf func(*card) share) vendorapi.Query {
	cards := s.cards[w.from.task.place : w.to.task.place+1]
	for len(cards) > 1 && shareOf(&cards[0]).class == idleClass {
		cards = cards[1:]
	}
	first, last := cards[0].first(), w.to.last()
	for i := range cards {
		first, last = min(first, cards[i].first()), max(last, cards[i].last())
	}
	q := vendorapi.Query{Kind: vendorapi.QueryWindow, Page: 1, PageSize: s.PageSize()}
	q.From, q.To = s.Clamp(time.Unix(0, first), time.Unix(0, last))
	return q
}

// bestWindow is the window of creation time that is worth the most among those
// whose rows fit one page, as far as is known what rows there are. told is of how
// many tasks it tells; none if there is no such window.
func (s *Round) bestWindow() (best Question, told int) {
	if !s.Capabilities.Windows || s.NoWindows {
		return Question{}, 0
	}
	shareOf := func(c *card) share {
		switch {
		case c.joinable && c.class != idleClass:
			return share{c.priority(), float64(c.rows), 1}
		case c.class > ordinary:
			return share{rows: float64(c.rows)} // only an answer helps
		default:
			return share{Priority: Priority{class: c.class, Worth: glimpse * c.worth}, rows: float64(c.rows)}
		}
	}
	w := s.slide(float64(s.PageSize()), s.learned.strangers(s.Now), shareOf)
	if w.told == 0 {
		return Question{}, 0
	}
	return Question{
		Query: s.window(w, shareOf), Priority: w.priority, Pressing: w.priority.presses(),
		Why: "one answer tells of " + tasks(w.told),
	}, w.told
}

// hint is what a window showed of a task without proving it, and when.
type hint struct {
	match.Hint

	at time.Time
	// scouted: the window was limited to rows that run.
	scouted bool
}
