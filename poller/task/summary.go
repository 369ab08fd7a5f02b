package task

import (
	"cmp"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Summarize applies what a list says of the whole task. It settles a task none of
// whose URLs failed; which ones did, and why, only its rows tell.
func (t *Task) Summarize(s vendorapi.TaskSummary, m *Moment) {
	if s.Counts.Total() == 0 {
		t.Up, t.LastError = true, nil
		t.known()
		return // as with an answer without rows: it settles nothing
	}
	failures, misses, retry := t.Failures, t.Misses, t.RetryAt
	t.found(m)
	t.VendorCreated = cmp.Or(s.Created, t.VendorCreated)
	t.NewestRow = cmp.Or(t.NewestRow, s.Created)
	t.Counts, t.HasCauses = s.Counts, m.Causes
	rowless := max(0, len(t.Expected)-s.Counts.Total())
	t.Counts[prefetch.Waiting] += rowless
	t.awaitRows(rowless, m.Now)
	if prefetch.CountURLs(t.Rows.URLs) != t.Counts {
		// Of other rows only what is final is true still.
		t.Rows = t.Rows.Keep(prefetch.Status.Final)
	}
	over := s.Done && t.Counts.AllFinal() && t.provenWhole(m)
	if t.Reading == nil || !over || t.Reading.Begun.Before(t.LastUnfinished) {
		t.become(Evidence{State: Shown})
	}
	told := t.Counts[prefetch.Failed] == prefetch.CountURLs(t.Rows.URLs)[prefetch.Failed]
	t.judge(over && told, m.Left, m)
	if t.Phase != prefetch.Active || told {
		return
	}
	// What failed is known, and not why.
	if t.RetryAt = m.Now; failures+misses > 0 {
		// They were asked for in vain. The task is not lost: the list has it.
		t.Failures, t.RetryAt = failures, retry
		t.Misses, t.FirstMiss = min(misses, lostMisses-1), m.Now
	}
}
