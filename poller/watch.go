package poller

import (
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
)

const (
	// oneIn is the part of the calls that the look-back gets when tasks want
	// all of them: one in so many.
	oneIn = 12
	// patience is for how many times as many calls the look-back waits behind
	// questions that are pressing.
	patience = 2
	// partsOfLookBack is how many parts the look-back is cut into, unless the
	// vendor's windows are shorter. A part is counted whole or not at all: more
	// parts follow the look-back more closely, and cost more calls.
	partsOfLookBack = 6
	// leastSpan is the shortest part.
	leastSpan = time.Minute
)

// watch counts everything in the look-back, configured or not. The look-back is
// cut into parts that follow each other without gap or overlap, at instants that
// never move. A part of which nothing can change any more is not asked for
// again; one that begins to leave the look-back cannot be, and is left out.
type watch struct {
	Parts []*part `json:"parts,omitempty"` // the oldest first
	// Since is how many calls were made for tasks since the last one for the
	// look-back.
	Since int `json:"since,omitempty"`

	// inFlight: a call for the look-back is under way.
	inFlight bool
	// retryAt is when to ask again after a refusal, and yielded when the last
	// call was left to another account.
	retryAt, yielded time.Time
}

// part is a span of creation time and the rows in it. Its counts are replaced
// by others that are whole, never bit by bit.
type part struct {
	// From and To are whole seconds of the vendor's time, both in the part.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Counts are of the rows created until Until, as the vendor counted them
	// from At on, by our clock; zero if it never did.
	Counts prefetch.Counts `json:"counts"`
	At     time.Time       `json:"at,omitzero"`
	Until  time.Time       `json:"until,omitzero"`
	// Large: the rows did not fit a page the last time.
	Large bool `json:"large,omitempty"`
	// Piece is the span of a window whose rows did, where they cannot be counted.
	Piece time.Duration `json:"piece,omitempty"`
	// TooLarge is the size of a page that the rows of one second did not fit.
	TooLarge int    `json:"too_large,omitempty"`
	Survey   *count `json:"survey,omitempty"`

	// retryAt is when to count again what made no sense, and doubted is set then:
	// nothing of it is taken from an earlier count.
	retryAt time.Time
	doubted bool
}

// final reports whether nothing about the part can change any more.
func (p *part) final() bool {
	return !p.At.IsZero() && p.Until.Equal(p.To) && p.Counts.Final() == p.Counts.Total()
}

// orWatch returns the question that was found for tasks, or one about the
// look-back where that is its turn: where tasks want nothing now and nothing
// before the next call after this one, and else once in a while.
func (a *account) orWatch(s *situation, q question, found bool, wake time.Time) (next question, ok bool, at time.Time) {
	w := s.watch
	if !a.options.WatchWindow || !s.HasLookBack() || w.inFlight {
		return q, found, wake
	}
	w.advance(s)
	p, due := w.next(s)
	due = clock.AfterRetry(due, clock.Later(w.retryAt, a.noWindow), s.Now)
	soon := !wake.IsZero() && !s.hasty && wake.Before(s.Now.Add(s.slot))
	switch {
	case due.After(s.Now):
		return q, found, clock.Earlier(wake, due)
	case (found || soon) && !w.turn(found && q.pressing):
		return q, found, wake
	case !found && !w.turn(false) && a.budget.Wanted(a.name.Name):
		return q, false, clock.Earlier(wake, w.yield(s))
	default:
		return p.question(s), true, wake
	}
}

// turn reports whether the look-back waited long enough for a call that tasks
// want, too, though their question may be pressing.
func (w *watch) turn(pressing bool) bool {
	if pressing {
		return w.Since >= patience*oneIn-1
	}
	return w.Since >= oneIn-1
}

// pauseWindows is told that a question without a task was refused for a reason
// that will be the same again at once. Tasks do without windows for a while; but
// if the question was about the look-back that is no matter of theirs.
func (a *account) pauseWindows(q question, m *moment) {
	until := m.Now.Add(clock.LongestRetry)
	if q.survey != nil {
		a.watch.retryAt = until
		return
	}
	a.noWindow = until
}

// yield leaves a call to an account that shares the budget, which counts like
// one for a task of its own. It returns when to look again.
func (w *watch) yield(s *situation) time.Time {
	if s.Now.Sub(w.yielded).Abs() >= s.slot {
		w.Since, w.yielded = w.Since+1, s.Now
	}
	return w.yielded.Add(s.slot)
}

// left is told that a call leaves.
func (w *watch) left(q *question) {
	if q.survey == nil {
		if len(w.Parts) == 0 {
			return
		}
		// Beyond the patience the number has nothing to tell.
		w.Since = min(w.Since+1, patience*oneIn)
		return
	}
	w.Since, w.inFlight = 0, true
}

// countable is until when every row has appeared by now.
func (s *situation) countable() time.Time {
	return s.VendorNow().Add(-dialect.Proof).Truncate(dialect.Tick)
}

// partSpan is how long the parts are.
func (s *situation) partSpan() time.Duration {
	return max(leastSpan, min(s.LookBack()/partsOfLookBack, s.Capabilities.MaxSpan+dialect.Tick).Truncate(leastSpan))
}

// advance leaves out what begins to leave the look-back, and what has not begun:
// a clock that ran ahead made that. It adds what began since. A part that is added at the end follows what is known already: of that
// it is known that it held nothing at its beginning.
func (w *watch) advance(s *situation) {
	oldest, until, span := s.Oldest(), s.countable(), s.partSpan()
	w.Parts = slices.DeleteFunc(w.Parts, func(p *part) bool { return p.From.Before(oldest) || p.From.After(s.VendorNow()) })
	from := oldest.Add(span - 1).Truncate(span)
	if n := len(w.Parts); n > 0 {
		w.prepend(oldest, span)
		from = w.Parts[len(w.Parts)-1].To.Add(dialect.Tick)
		for ; !from.After(until); from = w.Parts[len(w.Parts)-1].To.Add(dialect.Tick) {
			p := newPart(from, span)
			p.At, p.Until = from.Add(dialect.Proof-s.Offset), from.Add(-dialect.Tick)
			w.Parts = append(w.Parts, p)
		}
		return
	}
	for ; !from.After(until); from = from.Add(span) {
		w.Parts = append(w.Parts, newPart(from, span))
	}
}

// date takes times from the future for now, as those of tasks are.
func (w *watch) date(now time.Time) (anew bool) {
	for _, p := range w.Parts {
		if p.At.After(now) {
			p.At, anew = now, true
		}
		if c := p.Survey; c != nil && c.At.After(now) {
			c.At, anew = now, true
		}
	}
	return anew
}

// newPart returns the part that begins at from and ends where the next one does
// that is cut at a multiple of span.
func newPart(from time.Time, span time.Duration) *part {
	return &part{From: from, To: from.Truncate(span).Add(span - dialect.Tick)}
}

// prepend adds parts before the first one, after the look-back grew. It takes
// room for two of them: a clock that is set back a little must not bring back
// what has just been left out.
func (w *watch) prepend(oldest time.Time, span time.Duration) {
	const enough = 2
	first := w.Parts[0].From
	if first.Add(-enough * span).Before(oldest) {
		return
	}
	var added []*part
	for from := first.Add(-span); !from.Before(oldest); from = from.Add(-span) {
		added = append(added, &part{From: from, To: from.Add(span - dialect.Tick)})
	}
	slices.Reverse(added)
	w.Parts = append(added, w.Parts...)
}

// next is the part to count next, and when: one that was begun, else one that
// was never counted, the newest first, else that counted longest ago. There is
// none until the next one begins if nothing can change in all of them.
func (w *watch) next(s *situation) (best *part, due time.Time) {
	interval := max(s.pollInterval, s.slot)
	for _, p := range slices.Backward(w.Parts) {
		if p.final() || p.From.After(s.countable()) || p.TooLarge >= s.PageSize() && !s.CanCount() {
			continue
		}
		if p.Survey != nil {
			return p, time.Time{}
		}
		at := time.Time{}
		if !p.At.IsZero() && !p.At.After(s.Now) && (!s.hasty || !p.At.Before(s.begun)) {
			at = p.At.Add(interval)
		}
		at = clock.AfterRetry(at, p.retryAt, s.Now)
		if best == nil || at.Before(due) {
			best, due = p, at
		}
	}
	if best == nil {
		return nil, s.following(w.Parts)
	}
	return best, due
}

// following is when the part begins that follows those there are.
func (s *situation) following(parts []*part) time.Time {
	if len(parts) == 0 {
		return s.Now.Add(leastSpan)
	}
	return clock.Later(parts[len(parts)-1].To.Add(dialect.Tick+dialect.Proof-s.Offset), s.Now.Add(dialect.Tick))
}

// sum is everything in the look-back, and since when that is known; nil if some
// part is not. What cannot change any more does not age.
func (w *watch) sum() (total *prefetch.Counts, at time.Time) {
	total = &prefetch.Counts{}
	for _, p := range w.Parts {
		if p.At.IsZero() {
			return nil, time.Time{}
		}
		for status, n := range p.Counts {
			total[status] += n
		}
		if !p.final() {
			at = clock.Earlier(at, p.At)
		}
	}
	if at.IsZero() && len(w.Parts) > 0 {
		// The part that comes next has not begun, or not been added yet.
		at = w.Parts[len(w.Parts)-1].At
	}
	if at.IsZero() {
		return nil, time.Time{}
	}
	return total, at
}
