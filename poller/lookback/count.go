package lookback

import (
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Count is a segment that is being counted, which may take several calls. Until
// never moves meanwhile and lies so far back that no more rows can appear before
// it. So rows only become final while it lasts: what was counted first stays
// true, and nothing is counted twice.
type Count struct {
	At    time.Time `json:"at,omitzero"` // of its first call
	Until time.Time `json:"until"`

	// By reading: Next is where the next window begins, Piece its longest span
	// (0 for no limit), Counts what those before it had.
	Next   time.Time       `json:"next,omitzero"`
	Piece  time.Duration   `json:"piece,omitempty"`
	Counts prefetch.Counts `json:"counts"`

	// By asking how many rows have a status.
	Step      Step `json:"step,omitempty"`
	Total     int  `json:"total,omitempty"`
	Succeeded int  `json:"succeeded,omitempty"`
}

// Step is what is asked for next of a segment that is being counted.
type Step uint8

const (
	stepRead Step = iota
	stepAll
	stepSucceeded
	stepFailed
)

// Question is what to ask about a segment, and why in a few words for people.
type Question struct {
	Query vendorapi.Query
	Why   string

	segment *Segment
	count   Count
}

// Sent is when a question left: by our clock, and the earliest in the vendor's time.
type Sent struct{ Left, Asked time.Time }

// Outcome is what came of an answer.
type Outcome struct {
	// Whole: it shows all rows of its window, which may be those of tasks.
	Whole bool
	// Trouble is what went wrong, and About tells troubles apart; empty if nothing
	// did. Args are keys and values for the log.
	Trouble, About string
	Args           []any
}

// begin is a count of the segment that has not begun.
func (s *Segment) begin(m *dialect.Moment) Count {
	c := Count{Until: s.To, Next: s.From}
	if until := countable(m); until.Before(s.To) {
		c.Until = until
	}
	switch {
	case !m.CanCount():
		c.Piece = s.Piece
	case s.Large && s.Until.Equal(s.To) && !s.doubted:
		c.Step, c.Total = stepSucceeded, s.Counts.Total() // all have appeared
	case s.Large:
		c.Step = stepAll
	}
	return c
}

// Question is the next question about the segment.
func (s *Segment) Question(m *dialect.Moment) *Question {
	var c Count
	if s.Count != nil {
		c = *s.Count
	} else {
		c = s.begin(m)
	}
	if c.Step != stepRead && !m.CanCount() {
		// Refused since it was begun. It is known not to fit one page.
		c.Step, c.Next, c.Counts = stepRead, s.From, prefetch.Counts{}
		c.Piece = halve(c.Until.Sub(s.From) + dialect.Tick)
	}
	q := vendorapi.Query{Kind: vendorapi.QueryCount, From: s.From, To: c.Until, Page: 1, PageSize: m.CountPage()}
	what := "every URL"
	switch c.Step {
	case stepRead:
		q.Kind, q.From, q.PageSize = vendorapi.QueryWindow, c.Next, m.PageSize()
		if c.Piece > 0 {
			q.To = clock.Earlier(c.Until, c.Next.Add(c.Piece-dialect.Tick))
		}
	case stepAll:
	case stepSucceeded:
		q.Status, what = new(prefetch.Succeeded), "what succeeded"
	case stepFailed:
		q.Status, what = new(prefetch.Failed), "what failed"
	}
	return &Question{
		Query: q, segment: s, count: c,
		Why: fmt.Sprintf("watch_window: %s of %s to %s", what, clockTime(q.From), clockTime(q.To)),
	}
}

// clockTime is a moment of the vendor's for people.
func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func halve(span time.Duration) time.Duration {
	return max(dialect.Tick, (span / 2).Truncate(dialect.Tick))
}

// Discard throws away what was counted of a segment so far: it is counted anew.
func (q *Question) Discard() { q.segment.Count = nil }

// Answered applies an answer.
func (l *LookBack) Answered(q *Question, ans vendorapi.Answer, sent Sent, m *dialect.Moment) (out Outcome) {
	s, c := q.segment, q.count
	if !slices.Contains(l.Segments, s) {
		return Outcome{} // it left the look-back meanwhile
	}
	s.Count = nil
	if sent.Asked.Sub(c.Until) < dialect.Proof-dialect.Tolerance {
		return Outcome{} // the vendor's clock is not what it seemed: more rows may appear
	}
	if c.At.IsZero() {
		c.At = sent.Left
	}
	if c.Step == stepRead {
		return s.read(q.Query, c, ans, m)
	}
	whole, consistent := s.tally(&c, ans.Count)
	switch {
	case !consistent:
		s.retryAt, s.doubted = m.Now.Add(clock.LongestRetry), true
		return Outcome{
			About: "counts", Trouble: "counts of a window do not fit each other; it is counted anew",
			Args: []any{"from", s.From, "to", c.Until, "total", c.Total, "succeeded", c.Succeeded, "count", ans.Count},
		}
	case whole:
		s.take(c)
	default:
		s.Count = &c
	}
	return Outcome{}
}

// tally takes the answer to how many rows have a status. It reports whether all
// of the segment is known now, and whether what is known can be.
func (s *Segment) tally(c *Count, n int) (whole, consistent bool) {
	var failed int
	switch c.Step {
	case stepSucceeded:
		c.Succeeded, c.Step = n, stepFailed
		// What failed stays so: the rest may be known to be just that.
		if !s.doubted {
			failed = s.Counts[prefetch.Failed]
		}
		if c.Total > c.Succeeded+failed {
			return false, true
		}
	case stepFailed:
		failed = n
	case stepAll, stepRead:
		c.Total, c.Step = n, stepSucceeded
		return false, true
	}
	c.Counts = prefetch.Counts{prefetch.Succeeded: c.Succeeded, prefetch.Failed: failed}
	// Not final: the vendor was not asked how many of them wait.
	c.Counts[prefetch.Running] = c.Total - c.Succeeded - failed
	return true, c.Counts[prefetch.Running] >= 0
}

// read takes the rows of a window.
func (s *Segment) read(window vendorapi.Query, c Count, ans vendorapi.Answer, m *dialect.Moment) Outcome {
	span := window.To.Sub(window.From) + dialect.Tick
	if !ans.Whole() {
		switch {
		case m.CanCount():
			c.Step, c.Total = stepSucceeded, ans.Count
		case span > dialect.Tick:
			c.Piece = halve(span)
		default:
			s.At, s.TooLarge = time.Time{}, m.PageSize()
			return Outcome{
				About: "too large", Trouble: "watch_window cannot count: more URLs were created within one second " +
					"than fit a page, and the vendor refuses to count by status; a larger page_size may help",
				Args: []any{"created", window.From, "urls", ans.Count, "page_size", window.PageSize},
			}
		}
		s.Count = &c
		return Outcome{}
	}
	for status, n := range prefetch.CountURLs(ans.URLs) {
		c.Counts[status] += n
	}
	if ans.Count <= window.PageSize/2 { // so rows come in crowds, with little between them
		c.Piece *= 2
	}
	c.Next = window.To.Add(dialect.Tick)
	if c.Next.After(c.Until) {
		s.take(c)
	} else {
		s.Count = &c
	}
	return Outcome{Whole: span > dialect.Tick}
}

// take replaces what is known of the segment.
func (s *Segment) take(c Count) {
	s.Counts, s.At, s.Until = c.Counts, c.At, c.Until
	s.Large, s.Piece, s.TooLarge, s.doubted = c.Step != stepRead, c.Piece, 0, false
}
