package poller

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// drift is how far a configured creation may be off the vendor's.
	drift = time.Minute
	// glimpse is the part of a task's worth that a window has which shows its
	// rows but cannot prove that they are all.
	glimpse = 0.1
	// narrowest is a window around one task whose rows are not known.
	narrowest = 2 * (dialect.Pad + drift)
	// gathering is how long it takes to submit the tasks of one launch.
	gathering = 10 * time.Second
)

// joinable reports whether a window can tell of the task: its rows are known by
// their URL and creation, or its URLs are given and when they were submitted.
func (t *entry) joinable() bool {
	if t.Ambiguous || t.Counted != nil {
		return false
	}
	return t.KnowsRows() || len(t.Expected) > 0 && !t.Created.IsZero()
}

// tellable is from when on, in the vendor's time, a window must be asked for to
// tell of the task. Where its rows are looked for by their URLs, all of them must
// have appeared by then: what is found before may be another submission's.
func (t *entry) tellable() time.Time {
	if t.KnowsRows() {
		return time.Time{}
	}
	return t.CreatedAt().Add(t.reach() + dialect.Proof)
}

// windowAt is from when on, by our clock, a window may be asked for the task's
// sake: when it can tell of the task, and no sooner than the poll interval after
// the last one that could have.
func (s *situation) windowAt(t *entry) time.Time {
	return clock.Later(t.tellable().Add(-s.Offset), s.again(t.windowed))
}

// again is when a window like one that left at a time may be asked for again.
func (s *situation) again(left time.Time) time.Time {
	if left.After(s.Now) {
		return time.Time{} // the clock was set back: what was reckoned by it is void
	}
	return left.Add(s.pollInterval)
}

// windowLeaves is told that a question leaves. Until the poll interval is over no
// window like it is asked for the sake of the same tasks, whatever it tells: one
// that told nothing would tell nothing again, and could take the whole quota.
func (s *situation) windowLeaves(q *question) {
	if q.task != nil || q.survey != nil {
		return
	}
	near := s.board.between(q.query.From, q.query.To)
	for i := range near {
		t := near[i].task
		switch {
		case !t.mayShow(q.query), q.query.Kind == vendorapi.QueryCount:
			continue
		case q.query.Status != nil:
			t.scouted = s.Now
		default:
			t.windowed = s.Now
		}
		s.board.changed(t)
	}
}

// margin is how far around the task's creation its rows are.
func (t *entry) margin() time.Duration { return dialect.Pad + t.reach() }

// reach is how far off the task's creation may be: not at all where the vendor
// told it.
func (t *entry) reach() time.Duration {
	if !t.VendorCreated.IsZero() {
		return 0
	}
	return drift
}

// share is what a task adds to a window: rows, and what it is worth that they are
// shown. told is 1 if the window tells of the task, else 0.
type share struct {
	rows, worth float64
	told        int
}

// stretch is a window from one task's creation to another's.
type stretch struct {
	from, to *card
	worth    float64
	told     int
}

// slide finds the window that is worth the most among those that tell of a task
// and can be asked for, with no more rows than there is room for: those of its
// tasks, and so many others a second.
func (s *situation) slide(room, others float64, shareOf func(*card) share) (best stretch) {
	oldest, newest, span := s.Oldest().UnixNano(), s.VendorNow().Add(dialect.Pad+drift).UnixNano(), int64(s.Capabilities.MaxSpan)
	first, sum := 0, share{}
	for i := range s.cards {
		c := &s.cards[i]
		add := shareOf(c)
		if c.first() < oldest || c.last() > newest || add.rows > room {
			first, sum = i+1, share{}
			continue
		}
		sum = share{sum.rows + add.rows, sum.worth + add.worth, sum.told + add.told}
		for ; first < i; first++ {
			d := &s.cards[first]
			length := c.created - d.created + int64(narrowest)
			if length <= span && sum.rows+others*time.Duration(length).Seconds() <= room {
				break
			}
			gone := shareOf(d)
			sum = share{sum.rows - gone.rows, sum.worth - gone.worth, sum.told - gone.told}
		}
		if sum.told > 0 && sum.worth > best.worth && add.worth > 0 {
			best = stretch{&s.cards[first], c, sum.worth, sum.told}
		}
	}
	return best
}

// window is the question for everything created in the stretch, with the margins
// of all its tasks: one that it does not show whole could be asked for again and
// again. It leaves out the first tasks if nothing is wanted of them.
func (s *situation) window(w stretch, shareOf func(*card) share) vendorapi.Query {
	cards := s.cards[w.from.task.place : w.to.task.place+1]
	for len(cards) > 1 && shareOf(&cards[0]).worth <= 0 {
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
func (s *situation) bestWindow() (best question, told int) {
	if !s.Capabilities.Windows || s.noWindows {
		return question{}, 0
	}
	shareOf := func(c *card) share {
		switch {
		case c.joinable && c.worth > 0:
			return share{float64(c.rows), c.worth, 1}
		case c.worth >= starvation:
			return share{rows: float64(c.rows)} // only an answer helps
		default:
			return share{float64(c.rows), glimpse * c.worth, 0}
		}
	}
	w := s.slide(float64(s.PageSize()), s.learned.strangers(s.Now), shareOf)
	if w.told == 0 {
		return question{}, 0
	}
	return question{
		query: s.window(w, shareOf), worth: w.worth, pressing: w.worth >= imminent,
		why: "one answer tells of " + tasks(w.told),
	}, w.told
}

// unknown reports whether nothing was told of the task yet, and a window can.
func (t *entry) unknown() bool { return t.Unsettled() && !t.Answered() && t.joinable() }

// together is when one window tells of the task and of others that were submitted
// with it, if that is so soon that a scarce call for the task alone should wait;
// else zero.
func (s *situation) together(c *card) time.Time {
	t := c.task
	at := s.windowAt(t).Add(gathering)
	soon := at.After(s.Now) && !at.After(s.Now.Add(s.slot))
	pressed := s.hasty || c.worth >= imminent || t.Deadline.After(s.Now) && t.Deadline.Before(at)
	if !soon || pressed || s.noWindows || s.slot < dialect.Proof || !t.unknown() {
		return time.Time{}
	}
	rows := s.sizeOf(t)
	near := s.board.between(t.Created, t.Created)
	for i := range near {
		o := near[i].task
		if o != t && o.unknown() && !s.windowAt(o).After(at) && rows+s.sizeOf(o) <= s.PageSize() {
			return at
		}
	}
	return time.Time{}
}

// glance is what a window showed of a task without proving it.
type glance struct {
	at         time.Time
	rows, left int
	// others is the chance that the rows that are left are all another's.
	others float64
	// scouted: the window was limited to rows that run.
	scouted bool
}
