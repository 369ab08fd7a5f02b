package task

import (
	"fmt"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// MostRepeats is how often what succeeded is counted before what failed is again:
// that a URL failed is rare, but then no count of what succeeded ever tells. Range:
// doubled nothing moves beyond chance; at one launch night is 37 % later.
const MostRepeats = 3

// Counted is what is known of a task whose URLs are counted.
type Counted struct {
	// Total is how many rows there are: what was submitted, or else what the
	// vendor counted when it had taken everything in.
	Total int `json:"total"`
	// Rowless is how many of them the vendor had no row for when it was asked for all.
	Rowless int `json:"rowless,omitempty"`
	// Succeeded and Failed are the vendor's counts, and when it gave them.
	Succeeded   int       `json:"succeeded"`
	Failed      int       `json:"failed"`
	SucceededAt time.Time `json:"succeeded_at,omitzero"`
	FailedAt    time.Time `json:"failed_at,omitzero"`
	// Waiting is how many waited at WaitingAt; zero if the vendor did not say yet.
	Waiting   int       `json:"waiting,omitempty"`
	WaitingAt time.Time `json:"waiting_at,omitzero"`
	// Repeats is how often those that succeeded were counted since the others.
	Repeats int `json:"repeats,omitempty"`
	// Same is how many counts in a row said what was known.
	Same int `json:"same,omitempty"`
	// Since is when the vendor first said that there are so many, in its time.
	// Confirmed: it said so again, long enough after it.
	Since     time.Time `json:"since,omitzero"`
	Confirmed bool      `json:"confirmed,omitempty"`
	// Gradual: rows may have appeared after those that were seen, so only a
	// confirmed total is all of them.
	Gradual bool `json:"gradual,omitempty"`
}

// tooLarge turns to counting a task whose rows do not fit one page. The answer
// was to its first page.
func (t *Task) tooLarge(ans vendorapi.Answer, m *Moment) {
	t.known()
	// What was thrown away before counts until the counts fit.
	t.Up, t.LastError = true, nil
	switch {
	case t.Phase != prefetch.Lost:
	case t.Answered():
		t.Phase = prefetch.Active
	default:
		t.Phase = prefetch.Pending
	}
	before := t.NewestRow
	t.summarize(ans.URLs)
	// The rest of the rows may have other rates, and may not have ended.
	t.EdgeRatio, t.HasEdgeRatio, t.VendorFinished = 0, false, time.Time{}
	t.Progress, t.HasProgress = 0, false
	total := max(ans.Count, len(t.Expected))
	switch c := t.Counted; {
	case c != nil && c.Total == total:
		t.NewestRow = clock.Later(before, t.NewestRow)
		t.confirm(total-ans.Count, m)
	case t.provenWhole(m):
		c := &Counted{Total: total, Rowless: total - ans.Count, Since: m.Sent, Gradual: t.gradual(ans, m)}
		if t.noneWaits(total) {
			c.WaitingAt = t.LastRefresh
		}
		t.BecomeCounted(c)
		t.RetryAt = m.Now
	default:
		t.StopCounting()
	}
}

// gradual reports whether there may be more rows than the vendor counted. Those of
// one submission have one creation, and are there a minute later. But those of a
// page with several may be the oldest, while others still appear.
func (t *Task) gradual(ans vendorapi.Answer, m *Moment) bool {
	if !m.Gradual || len(t.Expected) > 0 && ans.Count <= len(t.Expected) {
		return false
	}
	return !dated(ans.URLs) || !t.VendorCreated.Equal(t.NewestRow)
}

// confirm notes that the vendor says again that a task has so many URLs.
func (t *Task) confirm(rowless int, m *Moment) {
	c := *t.Counted
	c.Rowless = rowless
	c.Same, c.Confirmed = 0, !m.Surely().Before(c.Since.Add(dialect.Proof))
	t.Counted = &c
	if c.Both() {
		t.tally(m)
	}
	if !c.Confirmed {
		t.RetryAt = m.Now.Add(c.Since.Add(dialect.Proof).Sub(m.Sent))
	}
}

// tallied applies the count of a large task's URLs of one status. Of those that
// failed the rows come along. It returns a complaint if the count cannot be, and
// then has the task read anew.
func (t *Task) tallied(status prefetch.Status, ans vendorapi.Answer, m *Moment) (complaint string) {
	c := t.Counted
	if c == nil {
		return "" // it was read whole meanwhile
	}
	t.Up, t.LastError = true, nil
	next := *c
	counted, at := next.of(status)
	before, first := *counted, at.IsZero()
	*counted, *at = ans.Count, m.Now
	switch {
	case status == prefetch.Waiting: // fewer and fewer
	case ans.Count < before:
		complaint = fmt.Sprintf("%d URLs %v, where %d had; reading it anew", ans.Count, status, before)
	case next.Left() < 0:
		complaint = fmt.Sprintf("%d URLs succeeded and %d failed, of %d; reading it anew",
			next.Succeeded, next.Failed, next.Total)
	}
	if complaint != "" {
		t.Recount(m.Now)
		t.misread(complaint, m)
		return complaint
	}
	if status != prefetch.Waiting {
		next.Same++
		if first || ans.Count != before {
			next.Same = 0
		}
	}
	switch status {
	case prefetch.Succeeded:
		next.Repeats++
	case prefetch.Failed:
		next.Repeats = 0
		t.Rows, t.Observations = t.Rows.Merge(ans.URLs, t.Observations)
		t.HasCauses = m.Causes
	default:
	}
	t.Counted = &next
	if !next.Both() {
		t.RetryAt = m.Now // both or nothing: the counts appear together
		return ""
	}
	t.tally(m)
	return ""
}

// tally publishes the counts of a task, once it is known how many of those that
// are not final wait: nobody is shown a split that the vendor did not give.
func (t *Task) tally(m *Moment) {
	c, asOf := t.Counted, clock.Earlier(t.Counted.SucceededAt, t.Counted.FailedAt)
	if c.Left() > 0 && c.WaitingAt.IsZero() && !m.Capabilities.NeverWaits {
		t.known()
		t.Failures = 0
		t.unfinished(asOf)
		if m.CanCountWaiting() {
			t.RetryAt = m.Now
		}
		return
	}
	t.found(m)
	t.Counts = prefetch.Counts{}
	t.Counts[prefetch.Succeeded], t.Counts[prefetch.Failed] = c.Succeeded, c.Failed
	// Those that waited are no more by now than there are left; what was submitted and
	// has no row yet waits as well.
	t.Counts[prefetch.Waiting] = min(c.Waiting+c.Rowless, c.Left())
	t.Counts[prefetch.Running] = c.Left() - t.Counts[prefetch.Waiting]
	t.awaitRows(min(c.Rowless, c.Left()), m.Now)
	t.VendorFinished = time.Time{}
	t.judge(c.Confirmed || !c.Gradual, asOf, m)
}

// Recount has the task read anew: what was counted is not to be believed.
func (t *Task) Recount(now time.Time) {
	t.StopCounting()
	t.RetryAt = now
}

// Doubtful reports whether the vendor should say again how many URLs there are:
// all that it counted are final, but there may be more; or its counts do not change
// any more and do not make up the total, which was an error then.
func (c *Counted) Doubtful() bool {
	return c.Both() && !c.Confirmed && (c.Left() == 0 || c.Same > MostRepeats)
}

// LastCounted reports whether the last look at the task were its two counts.
func (t *Task) LastCounted(at time.Time) bool {
	return t.Counted.Both() && at.Equal(clock.Later(t.Counted.SucceededAt, t.Counted.FailedAt))
}

// CountedAt is when the last answer came that tells more than a hint that so many
// rows are left. What none of a large task's rows running means is not known
// before it was counted what succeeded and what failed.
func (t *Task) CountedAt(left int) time.Time {
	c := t.Counted
	switch {
	case c == nil:
		return t.LastRefresh
	case left > 0:
		return clock.Later(c.SucceededAt, c.FailedAt)
	case c.SucceededAt.Before(c.FailedAt):
		return c.SucceededAt
	default:
		return c.FailedAt
	}
}

// Left is how many URLs are in neither count.
func (c *Counted) Left() int { return c.Total - c.Succeeded - c.Failed }

// of is the count of a status, and when the vendor gave it.
func (c *Counted) of(status prefetch.Status) (n *int, at *time.Time) {
	switch status {
	case prefetch.Succeeded:
		return &c.Succeeded, &c.SucceededAt
	case prefetch.Waiting:
		return &c.Waiting, &c.WaitingAt
	default:
		return &c.Failed, &c.FailedAt
	}
}

// Both reports whether both counts are known.
func (c *Counted) Both() bool { return c != nil && !c.SucceededAt.IsZero() && !c.FailedAt.IsZero() }

// Means are what a task is read or counted by: what the vendor can be asked, and how
// scarce its calls are.
type Means struct {
	dialect.Moment

	// Watched is how many tasks are pending or active.
	Watched int
}

// affords reports whether calls are not scarce: if every unsettled task had as many
// pages, all could be read within the poll interval.
func (m *Means) affords(pages int) bool {
	return time.Duration(pages*max(1, m.Watched))*m.Slot <= m.PollInterval
}

// tooMany reports whether so many pages cannot be read at this limit.
func (m *Means) tooMany(pages int) bool {
	return pages > mostPages || readingTime(pages, m.Slot) > longestReading
}

// CountsRather reports whether a task of so many rows, more than fit a page, is
// counted instead of read. Only its pages tell how many wait where the vendor does
// not count those.
func (t *Task) CountsRather(total, page int, m *Means) bool {
	pages := PagesOf(total, page)
	switch {
	case !m.CanCount():
		return false
	case t.Failures > 0, t.Doubted == total:
		return true // it could not be read
	case m.affords(pages):
		return false
	default:
		return m.CanCountWaiting() || m.Capabilities.NeverWaits || t.noneWaits(total) || m.tooMany(pages)
	}
}

// noneWaits reports whether an answer showed that none of the task's so many URLs
// waits any more: then none ever will.
func (t *Task) noneWaits(total int) bool {
	if c := t.Counted; c != nil && c.Total == total && (c.Both() && c.Left() == 0 || !c.WaitingAt.IsZero()) {
		return c.Left() == 0 || c.Waiting == 0
	}
	return t.Answered() && t.Counts.Total() == total && t.Counts[prefetch.Waiting]+t.Counts[prefetch.Unknown] == 0
}
