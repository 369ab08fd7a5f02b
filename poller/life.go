package poller

import (
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// lostAfter and lostMisses are how long and how often the vendor must not
	// know a task before it counts as lost.
	lostAfter  = 15 * time.Minute
	lostMisses = 3
)

// moment is what the life of a task depends on besides the answer.
type moment struct {
	situation

	// left is when the question left, and sent the same in the vendor's time.
	left, sent time.Time
	// moved is by how much the answer itself put the vendor's clock ahead.
	moved time.Duration
	// vendor is what is learned of the vendor, where the situation is a copy.
	vendor *dialect.Dialect
	// jitter returns a number in [0, 1).
	jitter func() float64
}

// surely is the earliest that the question can have left, in the vendor's time. A
// Date that does not fit those before it may be another server's: what it puts
// ahead proves nothing until another one fits it.
func (m *moment) surely() time.Time { return m.sent.Add(-max(0, m.moved)) }

// backoff is the gap after the n-th failure in a row: base doubled n-1 times,
// at most 15 minutes, less up to a quarter at random, but never below base.
func (m *moment) backoff(base time.Duration, n int) time.Duration {
	const most = 20 // doublings beyond any limit
	d := min(base<<min(max(n-1, 0), most), clock.LongestRetry)
	if d <= 0 {
		d = clock.LongestRetry
	}
	return max(base, d-time.Duration(m.jitter()*float64(d)/4))
}

// answered applies a whole answer that has rows.
func (t *task) answered(urls []prefetch.URL, m *moment) {
	t.learn(urls, m)
	t.checkScout(urls, m)
	t.found(m)

	t.Sole = t.Sole && sameRows(t.Rows.urls, urls)
	var found []observation
	t.Rows, found = t.Rows.replace(urls)
	t.observations = append(t.observations, found...)

	t.Counts = prefetch.CountURLs(urls)
	// What was submitted and has no row yet waits.
	t.Counts[prefetch.Waiting] += max(0, len(t.Expected)-len(urls))
	t.Counted = nil
	t.summarize(urls)
	whole := t.provenWhole(m)
	t.Whole = whole && len(urls) >= len(t.Expected) && m.Capabilities.Windows && dated(urls)
	t.judge(whole, m.left, m)
}

// found notes a good answer to all of the task.
func (t *task) found(m *moment) {
	t.Answered = true
	if t.Counted == nil {
		t.hint = nil
	}
	t.LastRefresh, t.told = m.Now, m.left
	t.Up, t.LastError, t.Failures = true, nil, 0
	t.known()
}

// known forgets that the vendor did not know the task.
func (t *task) known() {
	t.Misses, t.RetryAt = 0, time.Time{}
	t.FirstMiss, t.LostAt, t.Search = time.Time{}, time.Time{}, time.Time{}
}

// judge settles the task if every URL is final and there are no more. What is known
// of the rows is what the vendor knew at a time after asOf.
func (t *task) judge(whole bool, asOf time.Time, m *moment) {
	t.Phase = prefetch.Active
	if t.Counts.AllFinal() && whole {
		t.settle(m)
		return
	}
	t.unfinished(asOf)
}

// unfinished notes that the task was not settled at a time after asOf.
func (t *task) unfinished(asOf time.Time) {
	t.SeenActive, t.LastUnfinished = true, clock.Later(t.LastUnfinished, asOf)
}

// dated reports whether every row has its creation.
func dated(urls []prefetch.URL) bool {
	return !slices.ContainsFunc(urls, func(u prefetch.URL) bool { return u.Created.IsZero() })
}

// provenWhole reports whether the answer shows every row that there will be.
// Where rows appear gradually, only an answer some time after the newest one
// tells.
func (t *task) provenWhole(m *moment) bool {
	if !m.Capabilities.RowTimes {
		return true
	}
	newest := t.NewestRow
	if newest.IsZero() {
		newest = t.FirstSeen
	}
	return !m.surely().Before(newest.Add(dialect.Proof))
}

func (t *task) settle(m *moment) {
	t.Phase, t.SettledAt = prefetch.Settled, m.Now
	// A task that was settled when it was first asked for took nobody knows how
	// long, unless the vendor says when it ended.
	known := !t.VendorFinished.IsZero() || t.SeenActive
	if took := t.finished().Sub(t.created()); known && took >= 0 && !t.Timed {
		t.observations = append(t.observations, observation{took: took})
	}
	t.Timed = true
	t.Warmed, t.Rows = t.warmed(), t.Rows.failed()
}

// summarize derives from the rows what is published of them.
func (t *task) summarize(urls []prefetch.URL) {
	var rates float64
	rated, finished := 0, 0
	t.VendorCreated, t.NewestRow, t.VendorFinished = time.Time{}, time.Time{}, time.Time{}
	for i := range urls {
		u := &urls[i]
		if u.HasRate {
			rates += u.Rate
			rated++
		}
		if !u.Finished.IsZero() {
			finished++
			if u.Finished.After(t.VendorFinished) {
				t.VendorFinished = u.Finished
			}
		}
		if u.Created.IsZero() {
			continue
		}
		if t.VendorCreated.IsZero() || u.Created.Before(t.VendorCreated) {
			t.VendorCreated = u.Created
		}
		if u.Created.After(t.NewestRow) {
			t.NewestRow = u.Created
		}
	}
	if finished < len(urls) {
		t.VendorFinished = time.Time{}
	}
	t.EdgeRatio, t.HasEdgeRatio = 0, rated > 0
	if rated > 0 {
		t.EdgeRatio = rates / float64(rated)
	}
}

// empty applies an answer without rows to q: it settles nothing.
func (t *task) empty(q vendorapi.Query, m *moment) {
	t.Up, t.LastError, t.Failures = true, nil, 0
	searching := !q.To.IsZero() && t.knownCreated().IsZero() && !t.Searched
	if !searching {
		t.notFound(m, "the vendor's answer has no URL of this task")
		t.missed(m)
		return
	}
	if q.From.After(m.Oldest()) {
		// Windows overlap by the padding of both.
		t.Search, t.RetryAt = q.From.Add(2*dialect.Pad), m.Now
		return
	}
	t.Search, t.Searched = time.Time{}, true
	t.notFound(m, "the vendor has no URL of this task in all of its look-back")
	t.lose(m)
}

// notFound says of an answer without rows what others say by an error: people see
// a mistyped id at once, long before the task counts as lost.
func (t *task) notFound(m *moment, why string) {
	t.LastError = &failure{
		Reason: prefetch.ReasonNotFound, Message: string(prefetch.ReasonNotFound) + ": " + why, Time: m.Now,
	}
}

// missed counts one more time that the vendor did not know the task.
func (t *task) missed(m *moment) {
	if t.Misses == 0 {
		t.FirstMiss = m.Now
	}
	t.Misses++
	switch {
	case t.Phase == prefetch.Lost:
		t.RetryAt = m.Now.Add(max(lostAfter, m.Now.Sub(t.LostAt)))
	case t.Misses >= lostMisses && m.Now.Sub(t.FirstMiss) >= lostAfter:
		t.lose(m)
	default:
		t.RetryAt = m.Now.Add(m.backoff(m.pollInterval, t.Misses))
		// The miss that decides should not wait for the longest gap.
		if decided := t.FirstMiss.Add(lostAfter); t.RetryAt.After(decided) {
			t.RetryAt = decided
			if soonest := m.Now.Add(m.pollInterval); soonest.After(decided) {
				t.RetryAt = soonest
			}
		}
	}
}

func (t *task) lose(m *moment) {
	if t.Phase != prefetch.Lost {
		t.Phase, t.LostAt = prefetch.Lost, m.Now
	}
	t.RetryAt = m.Now.Add(max(lostAfter, m.Now.Sub(t.LostAt)))
}

// failed applies a failed call. The last good answer stays.
func (t *task) failed(e *vendorapi.Error, m *moment) {
	t.Up = false
	t.LastError = &failure{Reason: e.Reason, Message: e.Error(), Time: m.Now}
	if !e.Reason.ConcernsTask() {
		return
	}
	t.Reading = nil
	t.Failures++
	if e.Reason == prefetch.ReasonNotFound {
		t.missed(m)
		return
	}
	t.RetryAt = m.Now.Add(m.backoff(m.pollInterval, t.Failures))
}

// expire ends the task's time: a settled task after the retention, a lost one
// likewise. It reports whether anything changed, and when it may next.
func (t *task) expire(now time.Time, retention time.Duration) (changed bool, next time.Time) {
	if t.Gone {
		return false, time.Time{}
	}
	end := t.end(retention)
	if end.IsZero() || now.Before(end) {
		return false, end
	}
	t.bury(retention)
	return true, time.Time{}
}

// end is when the task's time is over; zero if nobody knows yet.
func (r *record) end(retention time.Duration) time.Time {
	switch r.Phase {
	case prefetch.Settled:
		return r.SettledAt.Add(retention)
	case prefetch.Lost:
		return r.LostAt.Add(retention)
	default:
		return time.Time{}
	}
}

// bury leaves only a tombstone, so that a source which lists the task still, or
// again after a moment, neither revives it nor has it asked again. kept is how long
// it was kept after its end; 0 if it makes room for others. What is needed in case
// a clock that ran ahead decided that is kept along.
func (t *task) bury(kept time.Duration) {
	t.Gone, t.Kept = true, kept
	t.Rows = t.Rows.failed()
	if kept == 0 {
		t.Rows, t.Warmed = rows{}, nil
	}
	t.Reading, t.Expected, t.Labels = nil, nil, nil
}
