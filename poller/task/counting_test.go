package task_test

import (
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// count applies the count of a status, with the rows that come along.
func count(a *task.Task, status prefetch.Status, n int, m *task.Moment) (complaint string) {
	_, complaint = a.Apply(vendorapi.Query{Kind: vendorapi.QueryCount, Status: &status}, vendorapi.Answer{
		URLs: rows(status, min(n, 100)), Count: n,
	}, m)
	return complaint
}

// large is a task whose first page was read: it has more rows.
func large(t *testing.T, status prefetch.Status, total int, m *task.Moment) *task.Task {
	t.Helper()
	a := fresh()
	apply(t, a, vendorapi.Answer{URLs: rows(status, 100), Count: total}, m)
	return a
}

// A large task is counted: shown when both counts are known and how many of the rest
// wait, settled when the counts make up the total.
func TestCounting(t *testing.T) {
	t.Parallel()
	a := large(t, prefetch.Succeeded, 150, at(0))
	if a.State != task.BeingCounted || a.Counted.Total != 150 || a.Answered() || !a.RetryAt.Equal(now) || a.HasEdgeRatio {
		t.Fatalf("state %d, %+v", a.State, a.Counted)
	}
	if count(a, prefetch.Failed, 10, at(time.Minute)); a.Answered() || a.Counted.Both() || !a.RetryAt.Equal(now.Add(time.Minute)) {
		t.Errorf("shown by one count: %+v", a.Counted)
	}
	if count(a, prefetch.Succeeded, 100, at(2*time.Minute)); a.Answered() || !a.RetryAt.Equal(now.Add(2*time.Minute)) {
		t.Errorf("shown without a split: %+v", a.Counts)
	}
	count(a, prefetch.Waiting, 30, at(2*time.Minute))
	want := prefetch.Counts{prefetch.Succeeded: 100, prefetch.Failed: 10, prefetch.Waiting: 30, prefetch.Running: 10}
	if a.Counts != want || a.Phase != prefetch.Active {
		t.Errorf("%v with %v", a.Phase, a.Counts)
	}
	if !a.LastUnfinished.Equal(now.Add(time.Minute)) || !a.LastCounted(now.Add(2*time.Minute)) || a.Counted.Left() != 40 {
		t.Errorf("unfinished at %v, %d left", a.LastUnfinished, a.Counted.Left())
	}
	if at := a.CountedAt(40); !at.Equal(now.Add(2 * time.Minute)) {
		t.Errorf("counted at %v", at)
	}
	if at := a.CountedAt(0); !at.Equal(now.Add(time.Minute)) {
		t.Errorf("the first count of both was at %v", at)
	}
	count(a, prefetch.Succeeded, 140, at(3*time.Minute))
	if a.Phase != prefetch.Settled || len(a.Rows.URLs) != 10 || !a.FinishedAt().Equal(now.Add(3*time.Minute)) {
		t.Errorf("%v with %v and %d rows", a.Phase, a.Counts, len(a.Rows.URLs))
	}
}

// Counts that cannot be are thrown away, and the task is read anew.
func TestCountsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		succeeded, failed int
		then              int // succeeded
		want              string
	}{
		{"fewer than before", 100, 0, 99, "99 URLs succeeded, where 100 had"},
		{"more than there are", 100, 10, 141, "141 URLs succeeded and 10 failed, of 150"},
		{"as many", 100, 10, 100, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := large(t, prefetch.Running, 150, at(0))
			count(a, prefetch.Failed, c.failed, at(0))
			count(a, prefetch.Succeeded, c.succeeded, at(0))
			got := count(a, prefetch.Succeeded, c.then, at(time.Minute))
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") || (a.Counted == nil) != (c.want != "") {
				t.Errorf("complaint %q, %+v", got, a.Counted)
			}
		})
	}
}

// While rows appear still, a task is not counted; and where they may have appeared
// after those that were seen, only a confirmed total is all of them.
func TestTotals(t *testing.T) {
	t.Parallel()
	young := rows(prefetch.Running, 100)
	for i := range young {
		young[i].Created = now.Add(-time.Second)
	}
	a := fresh()
	apply(t, a, vendorapi.Answer{URLs: young, Count: 150}, at(0))
	if a.Counted != nil || a.State != task.Unknown {
		t.Errorf("counted while rows appear: %+v", a.Counted)
	}
	spread := rows(prefetch.Succeeded, 100)
	spread[0].Created = spread[0].Created.Add(-time.Minute)
	apply(t, a, vendorapi.Answer{URLs: spread, Count: 150}, at(10*time.Minute))
	if a.Counted == nil || !a.Counted.Gradual {
		t.Fatalf("not counted, or all at once: %+v", a.Counted)
	}
	count(a, prefetch.Failed, 0, at(10*time.Minute))
	count(a, prefetch.Succeeded, 150, at(10*time.Minute))
	if a.Phase != prefetch.Active || !a.Counted.Doubtful() {
		t.Errorf("%v with an unconfirmed total", a.Phase)
	}
	apply(t, a, vendorapi.Answer{URLs: spread, Count: 150}, at(10*time.Minute+30*time.Second))
	if a.Counted.Confirmed || !a.RetryAt.Equal(now.Add(11*time.Minute)) {
		t.Errorf("confirmed at once, or next at %v", a.RetryAt)
	}
	apply(t, a, vendorapi.Answer{URLs: spread, Count: 150}, at(11*time.Minute))
	if a.Phase != prefetch.Settled || !a.Counted.Confirmed {
		t.Errorf("%v with a confirmed total", a.Phase)
	}
	// Another total is another task, as it were.
	apply(t, a, vendorapi.Answer{URLs: spread, Count: 160}, at(12*time.Minute))
	if a.Counted.Total != 160 || a.Counted.Both() {
		t.Errorf("%+v", a.Counted)
	}
	if a.Recount(now); a.Counted != nil || a.State != task.Shown {
		t.Errorf("state %d", a.State)
	}
	if complaint := count(a, prefetch.Failed, 1, at(12*time.Minute)); complaint != "" || a.Counted != nil {
		t.Errorf("a count of nothing: %q", complaint)
	}
}

// A lost task that turns out to be large is lost no more.
func TestALostTaskIsLarge(t *testing.T) {
	t.Parallel()
	a := fresh()
	a.Lose(now)
	apply(t, a, vendorapi.Answer{URLs: rows(prefetch.Running, 100), Count: 150}, at(0))
	if a.Phase != prefetch.Pending || a.Counted == nil {
		t.Errorf("%v, %+v", a.Phase, a.Counted)
	}
	count(a, prefetch.Failed, 0, at(0))
	count(a, prefetch.Succeeded, 0, at(0))
	count(a, prefetch.Waiting, 0, at(0))
	a.Lose(now)
	apply(t, a, vendorapi.Answer{URLs: rows(prefetch.Running, 100), Count: 150}, at(0))
	if a.Phase != prefetch.Active {
		t.Errorf("%v", a.Phase)
	}
}

// A large task is read where calls are not scarce, or where only its pages tell how
// many of its URLs wait; else it is counted.
func TestCountsRather(t *testing.T) {
	t.Parallel()
	const rows, page = 1000, 100
	with := func(change func(*task.Means)) task.Means {
		m := means()
		change(&m)
		return m
	}
	noWait := with(func(m *task.Means) { m.NoWaitFilter = true })
	none := prefetch.Counts{prefetch.Running: rows}
	for _, c := range []struct {
		name string
		task task.Record
		m    task.Means
		want bool
	}{
		{"where calls are scarce", task.Record{}, means(), true},
		{"where they are not", task.Record{}, with(func(m *task.Means) { m.PollInterval = 10 * time.Minute }), false},
		{"where they are not for one task", task.Record{}, with(func(m *task.Means) { m.PollInterval, m.Watched = 10*time.Minute, 2 }), true},
		{"where the vendor cannot count", task.Record{}, with(func(m *task.Means) { m.NoStatusFilter = true }), false},
		{"that could not be read", task.Record{Failures: 1}, with(func(m *task.Means) { m.PollInterval = 10 * time.Minute }), true},
		{"whose count the pages did not bear out", task.Record{Doubted: rows}, noWait, true},
		{"where only pages tell how many wait", task.Record{}, noWait, false},
		{"of which none waits", task.Record{LastRefresh: now, Counts: none}, noWait, true},
		{"of which none waited when that was counted", task.Record{Evidence: task.Evidence{
			State: task.BeingCounted, Counted: &task.Counted{Total: rows, WaitingAt: now},
		}}, noWait, true},
		{"of which some waited when that was counted", task.Record{Evidence: task.Evidence{
			State: task.BeingCounted, Counted: &task.Counted{Total: rows, Waiting: 1, WaitingAt: now},
		}}, noWait, false},
		{"of too many pages", task.Record{}, with(func(m *task.Means) { m.NoWaitFilter, m.Slot = true, time.Hour }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := task.Task{Record: c.task}
			if got := a.CountsRather(rows, page, &c.m); got != c.want {
				t.Errorf("counted rather: %v", got)
			}
		})
	}
}
