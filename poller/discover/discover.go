// Package discover finds the tasks that a vendor lists and that nobody named: which
// span of creation is asked for next, and which tasks were in it.
//
// Everything up to some time is known, and what was created since is asked for, page
// by page. What is done with the tasks is no matter of its own.
package discover

import (
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	vendorapi "prefetch_exporter/vendor_api"
)

// overlap is how long after its creation a task may appear in a list: so much of what
// is known is asked for again.
const overlap = 2 * time.Minute

// Listing is how far the tasks of a vendor are known.
type Listing struct {
	// Until is up to which creation, in the vendor's time; zero at first.
	Until time.Time `json:"until,omitzero"`

	// askedAt is when the last question left, whatever came of it.
	askedAt time.Time
	// next is the question for the page after the last one, nil if there is none, and
	// seen how much the pages before it had.
	next *vendorapi.Query
	seen int
	// underWay: a question is. turn: the last call that left was for this. vain: the
	// last answer was of no use, and to ask again at once would be of none.
	underWay, turn, vain bool
}

// Moment is what the choice depends on besides.
type Moment struct {
	dialect.Moment

	// Age is how old the tasks may be that are wanted.
	Age time.Duration
}

// oldest is the earliest creation that is wanted.
func (m *Moment) oldest() time.Time {
	return clock.Later(m.VendorNow().Add(-m.Age), m.Oldest())
}

// from is where the next question begins.
func (l *Listing) from(m *Moment) time.Time {
	if l.Until.IsZero() {
		return m.oldest()
	}
	return clock.Later(m.oldest(), clock.Earlier(l.Until, m.VendorNow()).Add(-overlap))
}

// Next is the question to ask next, and from when on.
func (l *Listing) Next(m *Moment) (q vendorapi.Query, due time.Time) {
	// More is to be asked for than what was created since the last question.
	behind := l.next != nil || l.Until.Before(l.askedAt.Add(m.Offset-overlap))
	switch {
	case l.askedAt.IsZero(), l.askedAt.After(m.Now), m.Hasty && l.askedAt.Before(m.Begun), !l.vain && behind:
	default:
		due = l.askedAt.Add(m.PollInterval)
	}
	if n := l.next; n != nil {
		gone := n.From.Before(m.Oldest().Add(-dialect.Edge / 2))
		if !gone && n.PageSize <= m.Room() {
			return *n, due
		}
		// The vendor does not take it any more. What was created about when it began
		// would be out of reach again before all is read.
		if l.next = nil; gone {
			l.Until = clock.Later(l.Until, m.Oldest().Add(dialect.Lead+overlap))
		}
	}
	q = vendorapi.Query{Kind: vendorapi.QueryWindow, From: l.from(m), To: m.VendorNow().Add(dialect.Pad), Page: 1, PageSize: m.Room()}
	if m.Capabilities.Lists {
		q.Kind = vendorapi.QueryList
	}
	if end := q.From.Add(m.Capabilities.MaxSpan); end.Before(q.To) {
		q.To = end
	}
	return q, due
}

// Widen has a question for a list, which somebody else asks, tell which tasks are new.
func (l *Listing) Widen(q *vendorapi.Query, m *Moment) { q.From = clock.Earlier(q.From, l.from(m)) }

// Leaves notes that a call leaves: for this, or for something else.
func (l *Listing) Leaves(own bool, now time.Time) {
	l.turn = own
	if own {
		l.askedAt, l.underWay = now, true
	}
}

// UnderWay reports whether a question is.
func (l *Listing) UnderWay() bool { return l.underWay }

// Yields reports whether the next call is for others, if they want one.
func (l *Listing) Yields() bool { return l.turn }

// Ended notes that the question is not under way any more.
func (l *Listing) Ended() { l.underWay = false }

// Move moves what was dated by our clock, which was set.
func (l *Listing) Move(move func(at *time.Time)) { move(&l.askedAt) }

// Saw takes in an answer to a question about everything in some span, whoever asked
// it, and returns the tasks in it. sent is when it left, in the vendor's time.
func (l *Listing) Saw(q vendorapi.Query, ans *vendorapi.Answer, sent time.Time, m *Moment) []vendorapi.TaskSummary {
	follows := l.next != nil && q.From.Equal(l.next.From) && q.Page == l.next.Page
	known := l.Until
	if known.After(sent) {
		known = sent // the vendor's clock was set back
	}
	anew := q.Page == 1 && !q.From.After(l.from(m)) && !q.To.Before(known)
	if follows || anew && (l.next == nil || ans.Whole()) {
		l.proceed(q, ans, sent)
		l.askedAt = clock.Later(l.askedAt, sent.Add(-m.Offset))
	}
	return found(ans)
}

// proceed works out how far everything is known by now, and what comes next.
func (l *Listing) proceed(q vendorapi.Query, ans *vendorapi.Answer, sent time.Time) {
	rows := max(len(ans.URLs), len(ans.Tasks))
	if q.Page == 1 {
		l.seen = 0
	}
	l.seen += rows
	switch l.vain = false; {
	case ans.Next != "" && ans.Next == q.Cursor, ans.Next == "" && l.seen == 0 && ans.Count > 0:
		l.next, l.vain = nil, true // it never ends, or does not show what it counts
		return
	case ans.Next == "" && (rows == 0 || l.seen >= ans.Count):
		l.next, l.Until = nil, clock.Earlier(q.To, sent)
		return
	}
	next := q
	next.Page, next.Cursor = q.Page+1, ans.Next
	l.next = &next
}

// found are the tasks in an answer. Where it has their rows, a task was created when
// the first of these was, and has no counts.
func found(ans *vendorapi.Answer) []vendorapi.TaskSummary {
	tasks := slices.Clone(ans.Tasks)
	places := map[string]int{}
	for i, id := range ans.RowTasks {
		created := ans.URLs[i].Created
		switch at, known := places[id]; {
		case id == "":
		case known:
			if !created.IsZero() {
				tasks[at].Created = clock.Earlier(tasks[at].Created, created)
			}
		default:
			places[id] = len(tasks)
			tasks = append(tasks, vendorapi.TaskSummary{ID: id, Created: created})
		}
	}
	return tasks
}
