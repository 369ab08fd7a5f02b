package poller

import (
	"fmt"
	"math"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// count is a part that is being counted, which may take several calls. Until
// never moves meanwhile and lies so far back that no more rows can appear before
// it. So rows only become final while it lasts: what was counted first stays
// true, and nothing is counted twice.
type count struct {
	At    time.Time `json:"at,omitzero"` // of its first call
	Until time.Time `json:"until"`

	// By reading: Next is where the next window begins, Piece its longest span
	// (0 for no limit), Counts what those before it had.
	Next   time.Time       `json:"next,omitzero"`
	Piece  time.Duration   `json:"piece,omitempty"`
	Counts prefetch.Counts `json:"counts"`

	// By asking how many rows have a status.
	Step      step `json:"step,omitempty"`
	Total     int  `json:"total,omitempty"`
	Succeeded int  `json:"succeeded,omitempty"`
}

// step is what is asked for next of a part that is being counted.
type step uint8

const (
	stepRead step = iota
	stepAll
	stepSucceeded
	stepFailed
)

// survey is a question about a part, with what its answer adds to.
type survey struct {
	part  *part
	count count
}

// begin is a count of the part that has not begun.
func (p *part) begin(s *situation) count {
	c := count{Until: p.To, Next: p.From}
	if until := s.countable(); until.Before(p.To) {
		c.Until = until
	}
	switch {
	case !s.CanCount():
		c.Piece = p.Piece
	case p.Large && p.Until.Equal(p.To) && !p.doubted:
		c.Step, c.Total = stepSucceeded, p.Counts.Total() // all have appeared
	case p.Large:
		c.Step = stepAll
	}
	return c
}

// question is the next question about the part.
func (p *part) question(s *situation) question {
	var c count
	if p.Survey != nil {
		c = *p.Survey
	} else {
		c = p.begin(s)
	}
	if c.Step != stepRead && !s.CanCount() {
		// Refused since it was begun. It is known not to fit one page.
		c.Step, c.Next, c.Counts = stepRead, p.From, prefetch.Counts{}
		c.Piece = halve(c.Until.Sub(p.From) + dialect.Tick)
	}
	q := vendorapi.Query{Kind: vendorapi.QueryCount, From: p.From, To: c.Until, Page: 1, PageSize: s.CountPage()}
	what := "every URL"
	switch c.Step {
	case stepRead:
		q.Kind, q.From, q.PageSize = vendorapi.QueryWindow, c.Next, s.PageSize()
		if c.Piece > 0 {
			q.To = clock.Earlier(c.Until, c.Next.Add(c.Piece-dialect.Tick))
		}
	case stepAll:
	case stepSucceeded:
		q.Status, what = new(prefetch.Succeeded), "what succeeded"
	case stepFailed:
		q.Status, what = new(prefetch.Failed), "what failed"
	}
	return question{
		query: q, survey: &survey{p, c},
		why: fmt.Sprintf("watch_window: %s of %s to %s", what, clockTime(q.From), clockTime(q.To)),
	}
}

// clockTime is a moment of the vendor's for people.
func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func halve(span time.Duration) time.Duration {
	return max(dialect.Tick, (span / 2).Truncate(dialect.Tick))
}

// watchAnswered applies an answer about the look-back. It returns the tasks that
// a window told of, too.
func (a *account) watchAnswered(q question, ans vendorapi.Answer, m *moment) []*entry {
	p, c := q.survey.part, q.survey.count
	if !slices.Contains(a.watch.Parts, p) {
		return nil // it left the look-back meanwhile
	}
	p.Survey = nil
	if m.life.Surely().Sub(c.Until) < dialect.Proof-dialect.Tolerance {
		return nil // the vendor's clock is not what it seemed: more rows may appear
	}
	if c.At.IsZero() {
		c.At = m.life.Left
	}
	if c.Step == stepRead {
		return a.watchRead(q, c, ans, m)
	}
	if a.ignored(q.query, ans, math.MaxInt, m.Now) {
		return nil // it is counted anew, by reading
	}
	whole, consistent := p.tally(&c, ans.Count)
	switch {
	case !consistent:
		p.retryAt, p.doubted = m.Now.Add(clock.LongestRetry), true
		a.journal.warn(warnWindow, "counts", "counts of a window do not fit each other; it is counted anew",
			"from", p.From, "to", c.Until, "total", c.Total, "succeeded", c.Succeeded, "count", ans.Count)
	case whole:
		p.take(c)
	default:
		p.Survey = &c
	}
	return nil
}

// tally takes the answer to how many rows have a status. It reports whether all
// of the part is known now, and whether what is known can be.
func (p *part) tally(c *count, n int) (whole, consistent bool) {
	var failed int
	switch c.Step {
	case stepSucceeded:
		c.Succeeded, c.Step = n, stepFailed
		// What failed stays so: the rest may be known to be just that.
		if !p.doubted {
			failed = p.Counts[prefetch.Failed]
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

// watchRead takes the rows of a window.
func (a *account) watchRead(q question, c count, ans vendorapi.Answer, m *moment) []*entry {
	p, window := q.survey.part, q.query
	span := window.To.Sub(window.From) + dialect.Tick
	if ans.Count > len(ans.URLs) {
		switch {
		case m.CanCount():
			c.Step, c.Total = stepSucceeded, ans.Count
		case span > dialect.Tick:
			c.Piece = halve(span)
		default:
			p.At, p.TooLarge = time.Time{}, m.PageSize()
			a.journal.warn(warnWindow, "too large", "watch_window cannot count: more URLs were created within one second "+
				"than fit a page, and the vendor refuses to count by status; a larger page_size may help",
				"created", window.From, "urls", ans.Count, "page_size", window.PageSize)
			return nil
		}
		p.Survey = &c
		return nil
	}
	for status, n := range prefetch.CountURLs(ans.URLs) {
		c.Counts[status] += n
	}
	if ans.Count <= window.PageSize/2 { // so rows come in crowds, with little between them
		c.Piece *= 2
	}
	c.Next = window.To.Add(dialect.Tick)
	if c.Next.After(c.Until) {
		p.take(c)
	} else {
		p.Survey = &c
	}
	if span <= dialect.Tick {
		return nil
	}
	return a.windowAnswered(window, ans, m)
}

// take replaces what is known of the part.
func (p *part) take(c count) {
	p.Counts, p.At, p.Until = c.Counts, c.At, c.Until
	p.Large, p.Piece, p.TooLarge, p.doubted = c.Step != stepRead, c.Piece, 0, false
}
