package task_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	counts := func(waiting, running, succeeded, failed int) prefetch.Counts {
		return prefetch.Counts{waiting, running, succeeded, failed}
	}
	created := now.Add(-30 * time.Minute)
	for name, c := range map[string]struct {
		urls  []string
		rows  []prefetch.URL // read before
		says  vendorapi.TaskSummary
		phase prefetch.Phase
		want  prefetch.Counts
		kept  int
		again bool // it is asked for at once
	}{
		"running":      {says: vendorapi.TaskSummary{Counts: counts(1, 2, 3, 0)}, phase: prefetch.Active, want: counts(1, 2, 3, 0)},
		"settled":      {says: vendorapi.TaskSummary{Counts: counts(0, 0, 3, 0), Done: true}, phase: prefetch.Settled, want: counts(0, 0, 3, 0)},
		"not done":     {says: vendorapi.TaskSummary{Counts: counts(0, 0, 3, 0)}, phase: prefetch.Active, want: counts(0, 0, 3, 0)},
		"without URLs": {says: vendorapi.TaskSummary{Done: true}, phase: prefetch.Pending},
		"more are wanted": {
			urls: []string{"https://example.com/0", "https://example.com/1"}, says: vendorapi.TaskSummary{Counts: counts(0, 0, 1, 0), Done: true},
			phase: prefetch.Active, want: counts(1, 0, 1, 0),
		},
		"which ones failed is not known": {
			says: vendorapi.TaskSummary{Counts: counts(0, 0, 2, 1), Done: true}, phase: prefetch.Active, want: counts(0, 0, 2, 1), again: true,
		},
		"some failed while others run": {
			says: vendorapi.TaskSummary{Counts: counts(0, 1, 1, 1)}, phase: prefetch.Active, want: counts(0, 1, 1, 1), again: true,
		},
		"it is known": {
			rows: append(rows(prefetch.Running, 2), rows(prefetch.Failed, 1)...),
			says: vendorapi.TaskSummary{Counts: counts(0, 0, 2, 1), Done: true}, phase: prefetch.Settled, want: counts(0, 0, 2, 1), kept: 1,
		},
		"rows that ran are old": {
			rows: append(rows(prefetch.Running, 2), rows(prefetch.Succeeded, 1)...),
			says: vendorapi.TaskSummary{Counts: counts(0, 1, 2, 0)}, phase: prefetch.Active, want: counts(0, 1, 2, 0), kept: 1,
		},
		"nothing changed": {
			rows: rows(prefetch.Running, 2), says: vendorapi.TaskSummary{Counts: counts(0, 2, 0, 0)}, phase: prefetch.Active, want: counts(0, 2, 0, 0), kept: 2,
		},
	} {
		got := fresh(c.urls...)
		if c.rows != nil {
			apply(t, got, whole(c.rows), at(-time.Minute))
		}
		c.says.Created = created
		m := at(0)
		m.Gradual, m.Causes = false, true
		got.Summarize(c.says, m)
		if got.Phase != c.phase || got.Counts != c.want || len(got.Rows.URLs) != c.kept || !got.RetryAt.IsZero() != c.again || !got.Up {
			t.Errorf("%s: %v, %v, %d rows, again at %v", name, got.Phase, got.Counts, len(got.Rows.URLs), got.RetryAt)
		}
		if name != "without URLs" && (!got.VendorCreated.Equal(created) || got.State != task.Shown || !got.HasCauses) {
			t.Errorf("%s: created %v, %v", name, got.VendorCreated, got.State)
		}
	}
}

// Whose failed rows were asked for in vain is not asked at once again for every list.
func TestSummarizeInVain(t *testing.T) {
	t.Parallel()
	failed := vendorapi.TaskSummary{Created: now.Add(-time.Hour), Counts: prefetch.Counts{0, 0, 2, 1}, Done: true}
	got := fresh()
	got.Summarize(failed, at(0))
	apply(t, got, whole(nil), at(time.Second))
	retry := got.RetryAt
	got.Summarize(failed, at(time.Minute))
	if got.Misses != 1 || !got.RetryAt.Equal(retry) || !retry.After(now.Add(time.Second)) {
		t.Errorf("after %d answers without rows it is asked again at %v, not %v", got.Misses, got.RetryAt, retry)
	}
	got.Fail(&vendorapi.Error{Reason: prefetch.ReasonDecode}, at(2*time.Minute))
	retry = got.RetryAt
	got.Summarize(failed, at(3*time.Minute))
	if got.Failures != 1 || !got.RetryAt.Equal(retry) || got.Counts != failed.Counts || !got.Up {
		t.Errorf("after %d failures it is asked again at %v, not %v", got.Failures, got.RetryAt, retry)
	}
	for n := range 10 { // each list before an answer without rows
		then, least := got.RetryAt.Sub(now), time.Minute
		if n > 2 {
			least = 4 * time.Minute
		}
		apply(t, got, whole(nil), at(then))
		if got.Summarize(failed, at(then+time.Second)); got.Phase != prefetch.Active || got.RetryAt.Sub(now)-then < least {
			t.Errorf("after %d answers without rows it is %v, asked again after %v", n, got.Phase, got.RetryAt.Sub(now)-then)
		}
	}
}

// A list does not settle what may have more rows soon, and ends no reading that tells
// more.
func TestSummarizeWhileRowsAppear(t *testing.T) {
	t.Parallel()
	over := vendorapi.TaskSummary{Created: now.Add(-30 * time.Second), Counts: prefetch.Counts{0, 0, 3, 0}, Done: true}
	got, m := fresh(), at(0)
	m.Gradual = true
	if got.Summarize(over, m); got.Phase != prefetch.Active {
		t.Errorf("30 s after its creation it is %v", got.Phase)
	}
	m = at(time.Minute)
	m.Gradual = true
	if got.Summarize(over, m); got.Phase != prefetch.Settled {
		t.Errorf("later it is %v", got.Phase)
	}
	failed := vendorapi.TaskSummary{Created: now.Add(-time.Hour), Counts: prefetch.Counts{0, 0, 2, 1}, Done: true}
	first := vendorapi.Answer{URLs: rows(prefetch.Failed, 1), Count: 3}
	for name, c := range map[string]struct {
		says  vendorapi.TaskSummary
		state task.State
	}{
		"all that is missing":         {says: failed, state: task.BeingRead},
		"it went on when it was read": {says: vendorapi.TaskSummary{Counts: prefetch.Counts{0, 1, 1, 1}}, state: task.Shown},
	} {
		got, m = fresh(), at(0)
		m.NoStatusFilter = true
		apply(t, got, first, m)
		if got.Summarize(c.says, at(time.Second)); got.State != c.state || got.Counts != c.says.Counts {
			t.Errorf("%s: %v with %v", name, got.State, got.Counts)
		}
	}
}

// A vendor that says that a task is not over is believed, whatever its rows show.
func TestOpen(t *testing.T) {
	t.Parallel()
	got, m := fresh(), at(0)
	m.Open = true
	apply(t, got, whole(rows(prefetch.Succeeded, 2)), m)
	if got.Phase != prefetch.Active || got.Counts[prefetch.Succeeded] != 2 {
		t.Errorf("%v, %v", got.Phase, got.Counts)
	}
	apply(t, got, whole(rows(prefetch.Succeeded, 2)), at(time.Minute))
	if got.Phase != prefetch.Settled {
		t.Errorf("%v", got.Phase)
	}
}
