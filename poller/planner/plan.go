// Package planner decides which question is worth the most, or when there will be
// one. It is pure: the same calls give the same choices.
//
// What a look at a task is worth is a restless bandit's index (Whittle's), see
// index; when URLs end is told by a life table, see package survival. A scout is a
// window limited to rows that run: it proves nothing, and tells whom to ask next.
//
// A task of 20 URLs, asked 10 minutes ago when 3 were left, each of which has ended
// since with a chance of 1/2, has settled with a chance p of 1/8. If p was 1/50 on
// the mean, the lag A is 0.2 minutes; if p grows by 1/40 a minute, a look is worth
// p²/p' - A = 0.4 minutes.
//
// The words: an appraisal is what was worked out of a candidate. A window is a
// question for all rows created in some span. A slot is the time from one call to
// the next when the whole quota is used. The look-back is how far back a vendor can
// be asked. The root rate of a task is the root of how many times a minute it would
// settle. Unwatched rows belong to no task; the running ratio is how many rows run
// for each that is expected to.
package planner

import (
	"cmp"
	"math"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/planner/ask"
	"prefetch_exporter/poller/planner/deadlines"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/tuning"
	"prefetch_exporter/poller/survival"
	"prefetch_exporter/poller/task"
)

// Knowledge is what answers have taught of how this account's tasks behave.
type Knowledge struct {
	// Unwatched is how many rows a second of a window had that belong to no
	// task that is watched, as the last window showed, at UnwatchedAt.
	Unwatched   float64   `json:"strangers,omitempty"`
	UnwatchedAt time.Time `json:"strangers_at,omitzero"`
	// RunningRatio is how many rows ran for each that was expected to, as the last
	// scouts showed until RunningAt.
	RunningRatio float64   `json:"crowd,omitempty"`
	RunningAt    time.Time `json:"crowd_at,omitzero"`

	Durations survival.Observations `json:"durations,omitzero"`
}

// Planner chooses what to ask next about an account's tasks.
type Planner struct {
	Knowledge
	appraisals // what was worked out of the tasks

	// cursor is the place after that of the last appraisal that was made anew though it
	// could have been used still.
	cursor int
	ahead  *Planner // see Ahead
	// copied: it tells what will be chosen later. Every choice begins at the front.
	copied bool
}

// Moment is what a choice depends on besides.
type Moment struct {
	dialect.Terms

	// PollInterval is the least time between two questions about a task, and Slot
	// that between two calls when the whole quota of so many Calls is used. Taken is
	// how long it is until a call that leaves now is free again, Latency how long one
	// is under way.
	PollInterval, Slot, Taken, Latency time.Duration
	Calls                              int
	// Watched is how many tasks are pending or active.
	Watched int
	// LongestRowless bounds the gaps between questions about a task that waits for
	// rows that were never shown.
	LongestRowless time.Duration
	// Hasty: there is no later call to wait for. What was not asked for since Begun
	// is, whenever it was asked before.
	Hasty bool
	Begun time.Time
	// Paged: the last call that left was for the next page of a task.
	Paged bool
	// Foreseen: what is to be decided then is asked for now, when the calls under way
	// have not ended.
	Foreseen bool
	// NoWindows: windows were refused lately.
	NoWindows bool
	// Spare is how long it is until the budget has a call beside so many others; nil if
	// nobody knows.
	Spare func(others int) time.Duration
}

// Round is one choice, and what is worked out for it.
type Round struct {
	Moment

	terms      ask.Terms // what asking about one task depends on
	learned    *Knowledge
	appraisals *appraisals // all tasks by creation
	all        []appraisal // what is on it
	cursor     *int

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
	// deadlines are those that are to come, and pressed is when the next task comes that
	// its own may have asked; zero if there is none.
	deadlines deadlines.Ahead
	pressed   time.Time
	// alone and shared are the root rates, added up, of the tasks that only a
	// question of their own tells of, and of those that windows tell of too.
	alone, shared float64
}

// At begins a choice.
func (p *Planner) At(m Moment) *Round {
	if p.copied {
		p.cursor = 0
	}
	s := &Round{
		Moment: m, learned: &p.Knowledge, appraisals: &p.appraisals, cursor: &p.cursor, curve: p.Durations.Curve(),
		failureRate: p.Durations.FailureRate(), typicalSize: p.Durations.TypicalSize(),
	}
	s.terms = ask.Terms{LongestRowless: m.LongestRowless, Means: task.Means{Watched: m.Watched, Moment: dialect.Moment{
		Terms: m.Terms, PollInterval: m.PollInterval, Slot: m.Slot, Hasty: m.Hasty, Begun: m.Begun,
	}}}
	s.deadlines.Terms = deadlines.Terms{
		Now: m.Now, PollInterval: m.PollInterval, Slot: m.Slot, Taken: m.Taken, Latency: m.Latency, Calls: m.Calls,
		AtOnce: m.Capabilities.MaxInFlight, Hasty: m.Hasty, Spare: m.Spare,
	}
	return s
}

// Asking is what the vendor can be asked, and how often it is.
func (s *Round) Asking() *dialect.Moment { return &s.terms.Moment }

// Means are what tasks are read or counted by.
func (s *Round) Means() task.Means { return s.terms.Means }

// Ahead is a copy that tells what will be chosen later, and changes nothing. It
// holds until the next one is made.
func (p *Planner) Ahead() *Planner {
	if p.ahead == nil {
		p.ahead = &Planner{copied: true}
	}
	p.sort() // here, since it tells each task its place
	p.ahead.Knowledge = p.Knowledge
	p.ahead.all = append(p.ahead.all[:0], p.all...)
	return p.ahead
}

// Backlog is how long the limit needs to ask for every unsettled task once that is
// not lost, and how many are unsettled. It is known when the choice was made.
func (s *Round) Backlog() (needs time.Duration, unsettled int) {
	return time.Duration(s.calls * float64(s.Slot)).Round(time.Millisecond), s.unsettled
}

// Worth is what a question about the task alone is worth, in minutes of lag, as
// far as the last choice had to know; 0 if it was not to be asked.
func (s *Round) Worth(t *Candidate) float64 { return s.appraisals.all[t.place].worth }

// Plan picks the next question. Without one, wake is when there may be one;
// zero if only a change can bring one.
//
// Each question is worth the sum of what looking at each of its tasks is worth
// (see weigh): one task for a question by id, every task whose rows are known
// for a window. A window of rows that run only is asked where to know more is
// worth more than what the other questions may prove (see bestScout). The next
// page of a task that is read in pages takes turns with all of these: to have read
// some is worth nothing until all are, but others want calls too.
func (s *Round) Plan() (best Question, found bool, wake time.Time) {
	first, page, next := s.rank()
	if next != math.MaxInt64 {
		wake = time.Unix(0, next)
	}
	if page != nil && (first == nil || !s.Paged && first.class < priority.Imminent) {
		return s.ask(page), true, wake
	}
	if first == nil {
		return Question{}, false, wake
	}
	best, told := s.bestWindow()
	alone := s.ask(first)
	s.together(&alone)
	// Where tasks are named a window tells of no less for as much.
	if order := best.Priority.Compare(alone.Priority); told == 0 || order < 0 || order == 0 && !s.Names() {
		best = alone
	}
	if scout, ok := s.bestScout(best.Priority, told); ok {
		return scout, true, wake
	}
	return best, true, wake
}

// rank brings the appraisals up to date, and returns that of the task which is worth
// the most alone, that of the task whose next page is wanted the most, nil if there
// is none to be asked, and when the next one is.
func (s *Round) rank() (first, page *appraisal, next int64) {
	now := s.Now.UnixNano()
	next = math.MaxInt64
	s.appraisals.sort()
	s.all = s.appraisals.all
	s.count()
	refills, start := 0, *s.cursor
	for n := range s.all {
		i := (start + n) % len(s.all)
		c := &s.all[i]
		switch {
		case now >= c.until || now < c.made || c.asking && s.Foreseen:
			s.fill(c)
		case now >= c.fading && refills < tuning.MostRefills:
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
		if c.joinable {
			s.shared += float64(c.rootRate)
		} else {
			s.alone += float64(c.rootRate)
		}
		if c.kind == ask.NextPage && c.class < priority.Imminent {
			page = nearerToTheEnd(page, c)
		} else {
			first = better(first, c)
		}
	}
	return first, page, next
}

// better is the appraisal whose task goes first alone.
func better(a, b *appraisal) *appraisal {
	switch {
	case a == nil || b.class > a.class:
		return b
	case b.class < a.class || b.class == priority.Ordinary && b.worth < a.worth:
		return a // of many tasks most end here, where little memory was touched
	}
	order := a.priority().Compare(b.priority())
	if order == 0 {
		order = compareTasks(b.task, a.task)
	}
	if order < 0 {
		return b
	}
	return a
}

// count works out how long a round of the unsettled tasks takes, and which deadlines
// are near.
func (s *Round) count() {
	now := s.Now.UnixNano()
	for i := range s.all {
		c := &s.all[i]
		if c.until == 0 { // it says what was, or nothing yet
			c.unsettled = c.task.Unsettled()
			s.schedule(c)
		}
		if !c.unsettled {
			continue
		}
		s.unsettled++
		if c.deadline > now {
			s.deadlines.Count(c.look())
		}
	}
	s.round = time.Duration(s.unsettled) * max(s.Slot, time.Second)
	s.deadlines.Weigh()
}

// nearerToTheEnd is the one of two tasks that are being read which has fewer pages
// left.
func nearerToTheEnd(a, b *appraisal) *appraisal {
	if a == nil || cmp.Or(cmp.Compare(b.task.Reading.Left(), a.task.Reading.Left()), compareTasks(b.task, a.task)) < 0 {
		return b
	}
	return a
}

func compareTasks(a, b *Candidate) int {
	return cmp.Or(
		a.LastAsked.Compare(b.LastAsked),
		a.CreatedAt().Compare(b.CreatedAt()),
		cmp.Compare(a.ID, b.ID),
	)
}
