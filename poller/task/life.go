package task

import (
	"cmp"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// lostAfter and lostMisses are how long and how often the vendor must not
	// know a task before it counts as lost.
	lostAfter  = 15 * time.Minute
	lostMisses = 3
)

// Apply applies an answer to a question about the task. It returns all of its
// rows, if the answer was the last that it took to know them, and why what the
// vendor said was thrown away, if it was.
func (t *Task) Apply(q vendorapi.Query, ans vendorapi.Answer, m *Moment) (all []prefetch.URL, complaint string) {
	switch {
	case q.Kind == vendorapi.QueryCount:
		return nil, t.tallied(*q.Status, ans, m)
	case len(ans.URLs) == 0 && !q.To.IsZero() && m.Moved.Abs() > dialect.Edge:
		// The window was reckoned with a wrong idea of the vendor's time. It is asked
		// again, with the right one.
		t.Up, t.LastError = true, nil
		return nil, ""
	case t.Reading == nil && ans.Count > len(ans.URLs) && len(ans.URLs) > 0 && ans.Count <= rows.Most &&
		t.CountsRather(ans.Count, len(ans.URLs), &m.Means):
		t.tooLarge(ans, m)
		return nil, ""
	default:
		return t.page(q, ans, m)
	}
}

// Prove applies rows that are known to be the task's, and all of them.
func (t *Task) Prove(urls []prefetch.URL, m *Moment) {
	t.found(m)
	same := prefetch.SameRows(t.Rows.URLs, urls)
	t.Rows, t.Observations = t.Rows.Merge(urls, t.Observations)
	t.HasCauses = m.Causes

	t.Counts = prefetch.CountURLs(urls)
	// What was submitted and has no row yet waits.
	rowless := max(0, len(t.Expected)-len(urls))
	t.Counts[prefetch.Waiting] += rowless
	t.awaitRows(rowless, m.Now)
	t.summarize(urls)
	whole := t.provenWhole(m)
	t.BecomeShown(whole && len(urls) >= len(t.Expected) && m.Windows && dated(urls), same)
	t.judge(whole, m.Left, m)
}

// found notes a good answer to all of the task.
func (t *Task) found(m *Moment) {
	t.LastRefresh, t.toldAt = m.Now, m.Left
	t.Up, t.LastError, t.Failures = true, nil, 0
	t.known()
}

// known forgets that the vendor did not know the task.
func (t *Task) known() {
	t.Misses, t.RetryAt = 0, time.Time{}
	t.FirstMiss, t.LostAt, t.Search = time.Time{}, time.Time{}, time.Time{}
}

// judge settles the task if every URL is final and there are no more. What is known
// of the rows is what the vendor knew at a time after asOf.
func (t *Task) judge(whole bool, asOf time.Time, m *Moment) {
	t.Phase = prefetch.Active
	if t.Counts.AllFinal() && whole {
		t.settle(m)
		return
	}
	t.unfinished(asOf)
}

// unfinished notes that the task was not settled at a time after asOf.
func (t *Task) unfinished(asOf time.Time) {
	t.LastUnfinished = clock.Later(t.LastUnfinished, asOf)
}

// dated reports whether every row has its creation.
func dated(urls []prefetch.URL) bool {
	return !slices.ContainsFunc(urls, func(u prefetch.URL) bool { return u.Created.IsZero() })
}

// provenWhole reports whether the answer shows every row that there will be.
// Where rows appear gradually, only an answer some time after the newest one
// tells.
func (t *Task) provenWhole(m *Moment) bool {
	if !m.Gradual || m.Open {
		return !m.Open
	}
	return !m.Surely().Before(cmp.Or(t.NewestRow, t.FirstSeen).Add(dialect.Proof))
}

func (t *Task) settle(m *Moment) {
	t.Phase, t.SettledAt = prefetch.Settled, m.Now
	// A task that was settled when it was first asked for took nobody knows how
	// long, unless the vendor says when it ended.
	known := !t.VendorFinished.IsZero() || !t.LastUnfinished.IsZero()
	if took := t.FinishedAt().Sub(t.CreatedAt()); known && took >= 0 && !t.Timed {
		t.Observations = append(t.Observations, rows.Observation{Took: took})
	}
	t.Timed = true
	t.Warmed, t.Sample, t.Rows = t.warmed(), t.sample(), t.Rows.Failed()
}

// summarize derives from the rows what is published of them.
func (t *Task) summarize(urls []prefetch.URL) {
	var rates, progress float64
	rated, progressing, finished := 0, 0, 0
	t.VendorCreated, t.NewestRow, t.VendorFinished = time.Time{}, time.Time{}, time.Time{}
	for i := range urls {
		u := &urls[i]
		if u.HasRate {
			rates += u.Rate
			rated++
		}
		if u.HasProgress {
			progress += u.Progress
			progressing++
		}
		if !u.Finished.IsZero() {
			finished++
		}
		if !u.Created.IsZero() {
			t.VendorCreated = clock.Earlier(t.VendorCreated, u.Created)
		}
		t.VendorFinished = clock.Later(t.VendorFinished, u.Finished)
		t.NewestRow = clock.Later(t.NewestRow, u.Created)
	}
	if finished < len(urls) {
		t.VendorFinished = time.Time{}
	}
	t.EdgeRatio, t.HasEdgeRatio = mean(rates, rated)
	t.Progress, t.HasProgress = mean(progress, progressing)
}

// mean is that of n numbers, if there are any.
func mean(sum float64, n int) (float64, bool) { return sum / float64(max(1, n)), n > 0 }

// empty applies an answer without rows to q: it settles nothing.
func (t *Task) empty(q vendorapi.Query, m *Moment) {
	t.Up, t.LastError, t.Failures = true, nil, 0
	searching := !q.To.IsZero() && t.KnownCreation().IsZero() && t.State != Missing
	if !searching {
		t.notFound(m, "the vendor's answer has no URL of this task")
		t.missed(m)
		return
	}
	if q.From.After(m.Oldest) {
		// Windows overlap by the padding of both.
		t.BecomeSearching(q.From.Add(2 * dialect.Pad))
		t.RetryAt = m.Now
		return
	}
	t.BecomeMissing()
	t.notFound(m, "the vendor has no URL of this task in all of its look-back")
	t.Lose(m.Now)
}

// notFound says of an answer without rows what others say by an error: people see
// a mistyped id at once, long before the task counts as lost.
func (t *Task) notFound(m *Moment, why string) {
	t.LastError = &Failure{
		Reason: prefetch.ReasonNotFound, Message: string(prefetch.ReasonNotFound) + ": " + why, Time: m.Now,
	}
}

// missed counts one more time that the vendor did not know the task.
func (t *Task) missed(m *Moment) {
	if t.Misses == 0 {
		t.FirstMiss = m.Now
	}
	t.Misses++
	switch {
	case t.Phase == prefetch.Lost, t.Misses >= lostMisses && m.Now.Sub(t.FirstMiss) >= lostAfter:
		t.Lose(m.Now)
	default:
		t.RetryAt = m.Now.Add(m.Backoff(m.PollInterval, t.Misses))
		// The miss that decides should not wait for the longest gap.
		if decided := t.FirstMiss.Add(lostAfter); t.RetryAt.After(decided) {
			t.RetryAt = clock.Later(decided, m.Now.Add(m.PollInterval))
		}
	}
}

// Lose notes that the vendor does not know the task.
func (t *Task) Lose(now time.Time) {
	if t.Phase != prefetch.Lost {
		t.Phase, t.LostAt = prefetch.Lost, now
	}
	t.RetryAt = now.Add(max(lostAfter, now.Sub(t.LostAt)))
}

// AskAgain has the task asked for anew at once: its last question was not one that
// the vendor takes.
func (t *Task) AskAgain(now time.Time) {
	t.Up, t.LastError = true, nil
	t.StopReading()
	t.RetryAt = now
}

// Fail applies a failed call. The last good answer stays.
func (t *Task) Fail(e *vendorapi.Error, m *Moment) {
	t.Up = false
	t.LastError = &Failure{Reason: e.Reason, Message: e.Error(), Time: m.Now}
	if !e.Reason.ConcernsTask() {
		return
	}
	t.StopReading()
	t.Failures++
	if e.Reason == prefetch.ReasonNotFound {
		t.missed(m)
		return
	}
	t.RetryAt = m.Now.Add(m.Backoff(m.PollInterval, t.Failures))
}

// Expire ends the task's time: that of a settled task after the retention, that of
// a lost one likewise. It reports whether anything changed, and when it may next.
func (t *Task) Expire(now time.Time, retention time.Duration) (changed bool, next time.Time) {
	if t.Ended {
		return false, time.Time{}
	}
	end := t.EndsAt(retention)
	if end.IsZero() || now.Before(end) {
		return false, end
	}
	t.End(retention)
	return true, time.Time{}
}

// EndsAt is when the task's time is over; zero if nobody knows yet.
func (t *Task) EndsAt(retention time.Duration) time.Time {
	switch t.Phase {
	case prefetch.Settled:
		return t.SettledAt.Add(retention)
	case prefetch.Lost:
		return t.LostAt.Add(retention)
	default:
		return time.Time{}
	}
}

// End ends the task's time, so that a source which lists the task still, or again
// after a moment, neither revives it nor has it asked again. kept is how long it
// was kept after its end; 0 if it makes room for others. What is needed in case a
// clock that ran ahead decided that is kept along.
func (t *Task) End(kept time.Duration) {
	t.Ended, t.Kept = true, kept
	t.Rows = t.Rows.Failed()
	if kept == 0 {
		t.Rows, t.Warmed, t.Sample = rows.Rows{}, nil, nil
	}
	t.StopReading()
	t.Expected, t.Labels = nil, nil
}
