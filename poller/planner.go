package poller

import (
	"cmp"
	"math"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/survival"
	"prefetch_exporter/prefetch"
)

// knowledge is what answers have taught of how this account's tasks behave.
type knowledge struct {
	// Strangers is how many rows a second of a window had that belong to no
	// task that is watched, as the last window showed, at StrangersAt.
	Strangers   float64   `json:"strangers,omitempty"`
	StrangersAt time.Time `json:"strangers_at,omitzero"`
	// Crowd is how many rows run for each that is expected to; 0 stands for 1.
	Crowd float64 `json:"crowd,omitempty"`

	Durations survival.Observations `json:"durations,omitzero"`
}

// situation is all that decides what to ask next.
type situation struct {
	dialect.Terms

	learned      *knowledge
	pollInterval time.Duration
	// slot is the time between two calls when the whole quota is used, taken how
	// long it is until a call that leaves now is free again, and latency how long
	// one is under way.
	slot, taken, latency time.Duration
	// watched is how many tasks are pending or active.
	watched int
	// longestRowless bounds the gaps between questions about a task that waits for
	// rows that were never shown.
	longestRowless time.Duration
	// budget is asked what it has to spare at present; nil if nothing is.
	budget  *quota.Budget
	present clock.Stamp
	// board is all tasks by creation, and cards what is on it.
	board *board
	cards []card
	// cursor is the place after that of the last card that was made anew though
	// it could have been used still.
	cursor *int
	// hasty: there is no later call to wait for. What was not asked for since begun
	// is, whenever it was asked before.
	hasty bool
	begun time.Time
	// paged: the last call that left was for the next page of a task.
	paged bool
	// foreseen: what is to be decided then is asked for now, when the calls under way
	// have not ended.
	foreseen bool
	// noWindows: windows were refused lately.
	noWindows bool

	// What learned amounts to at present.
	curve       *survival.Curve
	failureRate float64
	typicalSize int

	// unsettled is how many tasks are watched and not settled, calls how many
	// calls it takes to answer for each of them once.
	unsettled int
	calls     float64
	// round is how long it takes to ask for every unsettled task once.
	round time.Duration
	// asks is how many tasks are to be asked now.
	asks int
	// deadlines is how many deadlines pass before a call that leaves now is free
	// again, nextDeadline the first of them, zero if there is none, and kept how many
	// calls their tasks need until then. spare is how long it is until the budget has
	// a call for a look before a deadline, and plenty until it has one for any other
	// about these tasks.
	deadlines, kept int
	nextDeadline    time.Time
	// pressed is when the next task comes that its deadline may have asked; zero if
	// there is none.
	pressed       time.Time
	spare, plenty time.Duration
	// near are the deadlines that are so near that an answer is wanted before, in
	// order.
	near []int64
	// alone and shared are the hurries, added up, of the tasks that only a
	// question of their own tells of, and of those that windows tell of too.
	alone, shared float64
}

// newSituation works out what learned amounts to.
func newSituation(s situation) *situation {
	s.failureRate = s.learned.Durations.FailureRate()
	s.typicalSize = s.learned.Durations.TypicalSize()
	return &s
}

// class is what kind of question is to be asked about a task.
type class uint8

const (
	continueReading class = iota // the next page of what was begun
	unsettled
	hopeless // lost, or only statuses left that nobody understands
)

// plan picks the next question. Without one, wake is when there may be one;
// zero if only a change can bring one.
//
// Each question is worth the sum of what looking at each of its tasks is worth
// (see weigh): one task for a question by id, every task whose rows are known
// for a window. A window of rows that run only is asked where to know more is
// worth more than what the other questions may prove (see bestScout). The next
// page of a task that is read in pages takes turns with all of these: to have read
// some is worth nothing until all are, but others want calls too.
func (s *situation) plan() (best question, found bool, wake time.Time) {
	first, page, next := s.rank()
	if next != math.MaxInt64 {
		wake = time.Unix(0, next)
	}
	if page != nil && (first == nil || !s.paged && first.worth < imminent) {
		return s.ask(page), true, wake
	}
	if first == nil {
		return question{}, false, wake
	}
	best, told := s.bestWindow()
	if told == 0 || best.worth <= first.worth {
		best = s.ask(first)
	}
	if scout, ok := s.bestScout(best.worth, told); ok {
		return scout, true, wake
	}
	return best, true, wake
}

// rank brings the cards up to date, and returns that of the task which is worth
// the most alone, that of the task whose next page is wanted the most, nil if there
// is none to be asked, and when the next one is.
func (s *situation) rank() (first, page *card, next int64) {
	now := s.Now.UnixNano()
	next = math.MaxInt64
	s.board.sort()
	s.cards = s.board.cards
	s.count()
	refills, start := 0, *s.cursor
	for n := range s.cards {
		i := (start + n) % len(s.cards)
		c := &s.cards[i]
		switch {
		case now >= c.until || now < c.made || c.asking && s.foreseen:
			s.fill(c)
		case now >= c.fading && refills < mostRefills:
			s.fill(c)
			refills++
			*s.cursor = i + 1
		}
		s.calls += float64(c.calls)
		if !c.askable {
			continue
		}
		if at := s.next(c); !c.due {
			next = min(next, at)
			continue
		}
		s.asks++
		if c.joinable {
			s.shared += float64(c.hurry)
		} else {
			s.alone += float64(c.hurry)
		}
		if c.class == continueReading && c.worth < imminent {
			page = s.nearerToTheEnd(page, c)
		} else {
			first = better(first, c)
		}
	}
	return first, page, next
}

// better is the card that is worth more alone.
func better(a, b *card) *card {
	if a == nil || b.worth > a.worth || b.worth == a.worth && compareTasks(b.task, a.task) < 0 {
		return b
	}
	return a
}

// count works out how long a round of the unsettled tasks takes, and which deadlines
// are near.
func (s *situation) count() {
	now := s.Now.UnixNano()
	for i := range s.cards {
		c := &s.cards[i]
		if c.until == 0 { // it says what was, or nothing yet
			c.unsettled = c.task.Unsettled()
			s.schedule(c)
		}
		if !c.unsettled {
			continue
		}
		s.unsettled++
		if c.deadline > now {
			s.countDeadline(c)
		}
	}
	s.round = time.Duration(s.unsettled) * max(s.slot, time.Second)
	s.weighDeadlines()
}

// continues reports whether the next question is for the next page of what was
// begun.
func (s *situation) continues(t *entry) bool {
	return t.Reading != nil && s.Now.Before(t.Reading.Until(t.LastAsked, s.slot))
}

// nearerToTheEnd is the one of two tasks that are being read which has fewer pages
// left. It counts the calls that the second needs.
func (s *situation) nearerToTheEnd(a, b *card) *card {
	left := b.task.Reading.Left()
	s.asks += left - 1
	if a == nil {
		return b
	}
	if cmp.Or(cmp.Compare(left, a.task.Reading.Left()), compareTasks(b.task, a.task)) < 0 {
		return b
	}
	return a
}

func compareTasks(a, b *entry) int {
	return cmp.Or(
		a.LastAsked.Compare(b.LastAsked),
		a.CreatedAt().Compare(b.CreatedAt()),
		cmp.Compare(a.ID, b.ID),
	)
}

// timing is when a task may be asked, its deadline aside.
type timing struct {
	class class
	// at is by the poll interval. No deadline has the task asked before floor: until
	// then it backs off, or an answer could prove nothing.
	at, floor time.Time
}

// due says when the task may be asked, and with what priority; false if it is
// not to be asked at all.
func (s *situation) due(t *entry) (d timing, ok bool) {
	if !t.Unsettled() || t.inFlight && !s.foreseen || s.OutOfReach(t.KnownCreation()) {
		return timing{}, false
	}
	d.class = s.class(t)
	switch {
	case t.LastAsked.After(s.Now):
		d.at = s.Now // the clock was set back: what was reckoned by it is void
		return d, true
	case s.hasty && clock.Later(t.LastAsked, t.LastRefresh).Before(s.begun):
	case d.class == continueReading || !t.RetryAt.IsZero():
		d.floor = t.RetryAt
	case !t.LastAsked.IsZero():
		d.at = clock.Later(t.LastAsked, t.LastRefresh).Add(max(s.pollInterval, t.RowlessGap(s.slot, s.longestRowless)))
	}
	if s.Capabilities.RowTimes && d.class != continueReading {
		// A row from the vendor's future must not keep the task from being asked.
		proven, latest := s.provable(t), clock.Later(t.LastAsked, t.FirstSeen).Add(max(s.pollInterval, clock.LongestRetry))
		if proven.After(latest) {
			proven = latest
		}
		d.floor = clock.Later(d.floor, proven)
	}
	d.at = clock.Later(d.at, d.floor)
	return d, true
}

// class is the priority of the task's next question. A reading whose last page
// failed has none over other tasks: it would starve them if it fails for ever.
func (s *situation) class(t *entry) class {
	switch {
	case t.Up && s.continues(t):
		return continueReading
	case s.byCount(t):
		return unsettled
	case t.Phase == prefetch.Lost || t.Answered() && t.Counts.OnlyUnknownLeft():
		return hopeless
	default:
		return unsettled
	}
}

// provable is when an answer can prove at the earliest that it shows every row
// of the task. Asked before that, a scarce call would be wasted; where calls are
// not scarce, or there will be no later one, only an answer that shows everything
// final must wait, or one that would prove it before the next call leaves. A task whose creation nobody told may be old: it is asked at
// once.
func (s *situation) provable(t *entry) time.Time {
	newest := t.NewestRow
	switch {
	case !newest.IsZero():
	case t.Created.IsZero() && !t.Answered():
		return time.Time{}
	case !t.Created.IsZero() && t.Created.Before(t.FirstSeen):
		newest = t.Created
	default:
		newest = t.FirstSeen.Add(s.Offset)
	}
	at := newest.Add(dialect.Proof + dialect.Pad - s.Offset)
	soon := t.Answered() && at.Sub(s.Now) < s.slot
	if (s.hasty || s.slot < dialect.Proof && !soon) && !t.Counts.AllFinal() {
		return time.Time{}
	}
	return at
}
