// Package lookback counts everything in a vendor's look-back, configured or not.
//
// The look-back is cut into segments that follow each other without gap or overlap,
// at instants that never move. One of which nothing can change any more is not asked
// for again; one that begins to leave the look-back cannot be, and is left out.
package lookback

import (
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
)

const (
	// oneIn is how many calls there are for each one for the look-back when tasks
	// want all of them.
	oneIn = 12
	// patience is by how much longer it waits while the questions of tasks are
	// pressing: 24 calls instead of 12.
	patience = 2
	// segments is how many segments the look-back is cut into, unless the vendor's
	// windows are shorter. One is counted whole or not at all: more of them follow
	// the look-back more closely, and cost more calls.
	segments = 6
	// leastSpan is the shortest segment.
	leastSpan = time.Minute
)

// LookBack is what is known of the look-back.
type LookBack struct {
	Segments []*Segment `json:"parts,omitempty"` // the oldest first
	// Since is how many calls were made for tasks since the last one for the
	// look-back.
	Since int `json:"since,omitempty"`

	// underWay: a call for the look-back is.
	underWay bool
	// retryAt is when to ask again after a refusal, and yielded when the last
	// call was left to another account.
	retryAt, yielded time.Time
}

// Segment is a span of creation time and the rows in it. Its counts are replaced
// by others that are whole, never bit by bit.
type Segment struct {
	// From and To are whole seconds of the vendor's time, both in it.
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
	Count    *Count `json:"survey,omitempty"` // under way

	// retryAt is when to count again what made no sense, and doubted is set then:
	// nothing of it is taken from an earlier count.
	retryAt time.Time
	doubted bool
}

// final reports whether nothing about the segment can change any more.
func (s *Segment) final() bool {
	return !s.At.IsZero() && s.Until.Equal(s.To) && s.Counts.Final() == s.Counts.Total()
}

// Next brings the segments up to the moment, and returns the one to count next, and
// when; nil if nothing can change in any before the next one begins.
func (l *LookBack) Next(m *dialect.Moment) (s *Segment, due time.Time) {
	l.advance(m)
	s, due = l.next(m)
	return s, clock.AfterRetry(due, l.retryAt, m.Now)
}

// Turn reports whether the look-back waited long enough for a call that tasks
// want, too, though their question may be pressing.
func (l *LookBack) Turn(pressing bool) bool {
	if pressing {
		return l.Since >= patience*oneIn-1
	}
	return l.Since >= oneIn-1
}

// Yield leaves a call to an account that shares the budget, which counts like one
// for a task of this account. It returns when to look again.
func (l *LookBack) Yield(m *dialect.Moment) time.Time {
	if m.Now.Sub(l.yielded).Abs() >= m.Slot {
		l.Since, l.yielded = l.Since+1, m.Now
	}
	return l.yielded.Add(m.Slot)
}

// Leaves notes that a call leaves: for the look-back, or for tasks.
func (l *LookBack) Leaves(own bool) {
	switch {
	case own:
		l.Since, l.underWay = 0, true
	case len(l.Segments) > 0:
		// Beyond the patience the number has nothing to tell.
		l.Since = min(l.Since+1, patience*oneIn)
	}
}

// UnderWay reports whether a call for the look-back is.
func (l *LookBack) UnderWay() bool { return l.underWay }

// Ended notes that the call for the look-back is not under way any more.
func (l *LookBack) Ended() { l.underWay = false }

// Refused notes that a question was refused for a reason that will be the same
// until a time.
func (l *LookBack) Refused(until time.Time) { l.retryAt = until }

// Clone is a copy whose choices change nothing.
func (l *LookBack) Clone() *LookBack {
	c := *l
	c.Segments = slices.Clone(l.Segments)
	return &c
}

// countable is until when every row has appeared by now.
func countable(m *dialect.Moment) time.Time {
	return m.VendorNow().Add(-dialect.Proof).Truncate(dialect.Tick)
}

// span is how long the segments are.
func span(m *dialect.Moment) time.Duration {
	return max(leastSpan, min(m.LookBack()/segments, m.Capabilities.MaxSpan+dialect.Tick).Truncate(leastSpan))
}

// advance leaves out what begins to leave the look-back, and what has not begun by
// the vendor's clock: that was added when the clock ran ahead. It adds what began
// since. A segment that is added at the end follows what is known already: it is
// known to have held nothing at its beginning.
func (l *LookBack) advance(m *dialect.Moment) {
	oldest, until, span := m.Oldest(), countable(m), span(m)
	l.Segments = slices.DeleteFunc(l.Segments, func(s *Segment) bool { return s.From.Before(oldest) || s.From.After(m.VendorNow()) })
	known := len(l.Segments) > 0
	from := oldest.Add(span - 1).Truncate(span)
	if known {
		l.prepend(oldest, span)
		from = l.end().Add(dialect.Tick)
	}
	for ; !from.After(until); from = l.end().Add(dialect.Tick) {
		// It ends where the next one does that is cut at a multiple of span.
		s := &Segment{From: from, To: from.Truncate(span).Add(span - dialect.Tick)}
		if known {
			s.At, s.Until = from.Add(dialect.Proof-m.Offset), from.Add(-dialect.Tick)
		}
		l.Segments = append(l.Segments, s)
	}
}

// end is where the last segment ends.
func (l *LookBack) end() time.Time { return l.Segments[len(l.Segments)-1].To }

// prepend adds segments before the first one, after the look-back grew. It takes
// room for two of them: a clock that is set back a little must not bring back
// what has just been left out.
func (l *LookBack) prepend(oldest time.Time, span time.Duration) {
	const enough = 2
	first := l.Segments[0].From
	if first.Add(-enough * span).Before(oldest) {
		return
	}
	var added []*Segment
	for from := first.Add(-span); !from.Before(oldest); from = from.Add(-span) {
		added = append(added, &Segment{From: from, To: from.Add(span - dialect.Tick)})
	}
	slices.Reverse(added)
	l.Segments = append(added, l.Segments...)
}

// next is the segment to count next, and when: one that was begun, else one that
// was never counted, the newest first, else that counted longest ago.
func (l *LookBack) next(m *dialect.Moment) (best *Segment, due time.Time) {
	interval := max(m.PollInterval, m.Slot)
	for _, s := range slices.Backward(l.Segments) {
		if s.final() || s.From.After(countable(m)) || s.TooLarge >= m.PageSize() && !m.CanCount() {
			continue
		}
		if s.Count != nil {
			return s, time.Time{}
		}
		at := time.Time{}
		if !s.At.IsZero() && !s.At.After(m.Now) && (!m.Hasty || !s.At.Before(m.Begun)) {
			at = s.At.Add(interval)
		}
		at = clock.AfterRetry(at, s.retryAt, m.Now)
		if best == nil || at.Before(due) {
			best, due = s, at
		}
	}
	if best == nil {
		due = l.following(m)
	}
	return best, due
}

// following is when the next segment begins.
func (l *LookBack) following(m *dialect.Moment) time.Time {
	if len(l.Segments) == 0 {
		return m.Now.Add(leastSpan)
	}
	return clock.Later(l.end().Add(dialect.Tick+dialect.Proof-m.Offset), m.Now.Add(dialect.Tick))
}

// Move moves what this process dated by as much as the clock was set.
func (l *LookBack) Move(move func(at *time.Time)) {
	for _, s := range l.Segments {
		move(&s.At)
		move(&s.retryAt)
		if s.Count != nil {
			move(&s.Count.At)
		}
	}
	move(&l.retryAt)
	move(&l.yielded)
}

// Clamp takes times from the future for now, as those of tasks are. It reports
// whether there was one.
func (l *LookBack) Clamp(now time.Time) (anew bool) {
	for _, s := range l.Segments {
		if s.At.After(now) {
			s.At, anew = now, true
		}
		if c := s.Count; c != nil && c.At.After(now) {
			c.At, anew = now, true
		}
	}
	return anew
}

// Sum is everything in the look-back, and since when that is known; nil if some
// segment is not. What cannot change any more does not age.
func (l *LookBack) Sum() (total *prefetch.Counts, at time.Time) {
	total = &prefetch.Counts{}
	for _, s := range l.Segments {
		if s.At.IsZero() {
			return nil, time.Time{}
		}
		for status, n := range s.Counts {
			total[status] += n
		}
		if !s.final() {
			at = clock.Earlier(at, s.At)
		}
	}
	if at.IsZero() && len(l.Segments) > 0 {
		// The one that comes next has not begun, or not been added yet.
		at = l.Segments[len(l.Segments)-1].At
	}
	if at.IsZero() {
		return nil, time.Time{}
	}
	return total, at
}
