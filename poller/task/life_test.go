package task_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller/task"
	taskrows "prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// at is a moment of a vendor that does everything, a while after now, for an
// answer that took no time.
func at(after time.Duration) *task.Moment {
	n := now.Add(after)
	return &task.Moment{
		Now: n, Left: n, Sent: n, Oldest: n.Add(-7 * 24 * time.Hour), Means: means(),
		Gradual: true, Windows: true, Jitter: func() float64 { return 0 },
	}
}

// means are those of a vendor that counts every status, at a call a minute.
func means() (m task.Means) {
	m.PollInterval, m.Slot = time.Minute, time.Minute
	m.Capabilities.FilterWords = vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed)
	return m
}

// fresh is a task that was first seen now, and submitted an hour ago.
func fresh(urls ...string) *task.Task {
	t := task.New(prefetch.Task{ID: "a", Created: now.Add(-time.Hour), URLs: urls}, now)
	return &t
}

// rows are so many rows of one submission an hour ago.
func rows(status prefetch.Status, n int) []prefetch.URL {
	urls := make([]prefetch.URL, n)
	for i := range urls {
		urls[i] = prefetch.URL{URL: fmt.Sprint("https://example.com/", i), Status: status, Created: now.Add(-time.Hour)}
		if status != prefetch.Waiting {
			urls[i].Started = urls[i].Created.Add(10 * time.Second)
		}
		if status.Final() {
			urls[i].Finished = urls[i].Started.Add(20 * time.Second)
		}
	}
	return urls
}

func whole(urls []prefetch.URL) vendorapi.Answer {
	return vendorapi.Answer{URLs: urls, Count: len(urls)}
}

func ask() vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a", Page: 1, PageSize: 100}
}

func apply(t *testing.T, got *task.Task, ans vendorapi.Answer, m *task.Moment) {
	t.Helper()
	if _, complaint := got.Apply(ask(), ans, m); complaint != "" {
		t.Fatalf("complaint: %s", complaint)
	}
}

// Pending, active, settled, ended.
func TestLife(t *testing.T) {
	t.Parallel()
	a := fresh()
	if a.Answered() || !a.CreatedAt().Equal(now.Add(-time.Hour)) || !a.FinishedAt().IsZero() {
		t.Errorf("a new task: %+v", a)
	}
	apply(t, a, whole(append(rows(prefetch.Succeeded, 2), prefetch.URL{URL: "x", Status: prefetch.Running})), at(0))
	if a.Phase != prefetch.Active || a.State != task.Shown || a.Counts.Total() != 3 || !a.LastUnfinished.Equal(now) {
		t.Errorf("%v with %v, state %d", a.Phase, a.Counts, a.State)
	}
	apply(t, a, whole(rows(prefetch.Failed, 3)), at(time.Minute))
	if a.Phase != prefetch.Settled || a.State != task.RowsKnown || len(a.Rows.URLs) != 3 || !a.FinishedAt().Equal(now.Add(-time.Hour+30*time.Second)) {
		t.Errorf("%v at %v, state %d", a.Phase, a.FinishedAt(), a.State)
	}
	var took []taskrows.Observation
	for _, o := range a.Observations {
		if o.What == 0 {
			took = append(took, o)
		}
	}
	if len(a.Observations) != 2*2+1+2*1 || len(took) != 1 || took[0].Took != 30*time.Second {
		t.Errorf("observed %v", a.Observations)
	}
	const retention = time.Hour
	if changed, next := a.Expire(now.Add(time.Hour), retention); changed || !next.Equal(now.Add(time.Hour+time.Minute)) {
		t.Errorf("expired %v, next %v", changed, next)
	}
	if changed, _ := a.Expire(now.Add(time.Hour+time.Minute), retention); !changed || !a.Ended || a.Watched() || len(a.Rows.URLs) != 3 {
		t.Errorf("not expired: %+v", a)
	}
	if changed, _ := a.Expire(now.Add(2*time.Hour), retention); changed {
		t.Error("ended twice")
	}
	if a.End(0); len(a.Rows.URLs) != 0 {
		t.Error("one that makes room keeps its rows")
	}
}

// A task is settled by an answer that shows everything final and was asked for so
// late that no more rows can appear.
func TestSettledIsProven(t *testing.T) {
	t.Parallel()
	created := func(ago time.Duration) []prefetch.URL {
		urls := rows(prefetch.Succeeded, 1)
		urls[0].Created = now.Add(-ago)
		return urls
	}
	timeless := at(0)
	timeless.Gradual = false
	ahead := at(0)
	ahead.Sent, ahead.Moved = now.Add(time.Hour), time.Hour
	for _, c := range []struct {
		name    string
		urls    []prefetch.URL
		m       *task.Moment
		settled bool
	}{
		{"a minute old", created(time.Minute), at(0), true},
		{"less than a minute old", created(time.Minute - 1), at(0), false},
		{"as a date says that does not fit those before", created(0), ahead, false},
		{"without times", []prefetch.URL{{Status: prefetch.Succeeded}}, timeless, true},
		{"without a creation, just seen", []prefetch.URL{{Status: prefetch.Succeeded}}, at(0), false},
		{"not final", rows(prefetch.Unknown, 1), at(0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := fresh()
			if apply(t, a, whole(c.urls), c.m); (a.Phase == prefetch.Settled) != c.settled {
				t.Errorf("%v", a.Phase)
			}
		})
	}
}

// What was submitted and has no row waits.
func TestURLsWithoutRowsWait(t *testing.T) {
	t.Parallel()
	a := fresh("https://example.com/0", "https://example.com/1", "https://example.com/2")
	apply(t, a, whole(rows(prefetch.Succeeded, 2)), at(0))
	if want := (prefetch.Counts{prefetch.Succeeded: 2, prefetch.Waiting: 1}); a.Counts != want || a.Phase != prefetch.Active || a.KnowsRows() {
		t.Errorf("%v with %v", a.Phase, a.Counts)
	}
}

// Three misses within a quarter of an hour lose a task, and an answer finds it.
func TestLost(t *testing.T) {
	t.Parallel()
	notFound := &vendorapi.Error{Reason: prefetch.ReasonNotFound}
	for name, miss := range map[string]func(*task.Task, *task.Moment){
		"by empty answers": func(a *task.Task, m *task.Moment) { a.Apply(ask(), whole(nil), m) },
		"by errors":        func(a *task.Task, m *task.Moment) { a.Fail(notFound, m) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := fresh()
			var gaps []time.Duration
			m := at(0)
			for a.Phase != prefetch.Lost {
				before := m.Now
				miss(a, m)
				gaps = append(gaps, a.RetryAt.Sub(before))
				m = at(a.RetryAt.Sub(now))
			}
			want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute}
			if diff := cmp.Diff(want, gaps); diff != "" {
				t.Error(diff)
			}
			if a.LastError == nil || a.LastError.Reason != prefetch.ReasonNotFound || a.Misses != 5 {
				t.Errorf("%+v after %d misses", a.LastError, a.Misses)
			}
			miss(a, at(time.Hour))
			if gap := a.RetryAt.Sub(now.Add(time.Hour)); gap != 45*time.Minute {
				t.Errorf("asked again after %v", gap)
			}
			apply(t, a, whole(rows(prefetch.Running, 1)), at(2*time.Hour))
			if a.Phase != prefetch.Active || a.Misses != 0 || !a.LostAt.IsZero() || a.LastError != nil {
				t.Errorf("found: %+v", a)
			}
		})
	}
}

// A task of unknown creation is looked for day by day where the vendor wants a
// window, until the look-back ends.
func TestSearch(t *testing.T) {
	t.Parallel()
	day := func(ago int) vendorapi.Query {
		q := ask()
		q.From, q.To = now.Add(time.Duration(-ago-1)*24*time.Hour), now.Add(time.Duration(-ago)*24*time.Hour)
		return q
	}
	lookFor := func(a *task.Task) {
		for n := range 7 {
			if a.State == task.Missing {
				t.Fatalf("lost on day %d", n)
			}
			a.Apply(day(n), whole(nil), at(0))
		}
	}
	a := fresh()
	a.Created = time.Time{}
	if a.Apply(day(0), whole(nil), at(0)); a.State != task.Searching || !a.RetryAt.Equal(now) || a.Search.Before(day(0).From) {
		t.Errorf("state %d, next window before %v at %v", a.State, a.Search, a.RetryAt)
	}
	if lookFor(a); a.State != task.Missing || a.Phase != prefetch.Lost {
		t.Errorf("%v, state %d", a.Phase, a.State)
	}
	if a.Apply(day(0), whole(nil), at(time.Hour)); a.State != task.Missing || a.Misses != 1 {
		t.Errorf("searched again: state %d", a.State)
	}
	// A window that a wrong clock made says nothing.
	b := fresh()
	b.Created = time.Time{}
	m := at(0)
	m.Moved = 8 * time.Hour
	if b.Apply(day(0), whole(nil), m); b.State != task.Unknown || b.LastError != nil || !b.Up {
		t.Errorf("state %d, %v", b.State, b.LastError)
	}
}

// A failure of the task's own backs off; one of the account's does not.
func TestFail(t *testing.T) {
	t.Parallel()
	a := fresh()
	apply(t, a, whole(rows(prefetch.Running, 2)), at(0))
	a.BecomeRead(&task.Reading{})
	a.Fail(&vendorapi.Error{Reason: prefetch.ReasonUnavailable}, at(0))
	if a.Up || a.LastError.Reason != prefetch.ReasonUnavailable || a.Failures != 0 || a.State != task.BeingRead {
		t.Errorf("after the account's: %+v", a)
	}
	var gaps []time.Duration
	for range 6 {
		a.Fail(&vendorapi.Error{Reason: prefetch.ReasonInvalid}, at(0))
		gaps = append(gaps, a.RetryAt.Sub(now)/time.Minute)
	}
	if diff := cmp.Diff([]time.Duration{1, 2, 4, 8, 15, 15}, gaps); diff != "" || a.Reading != nil {
		t.Error(diff)
	}
	if a.Counts.Total() != 2 || a.Phase != prefetch.Active {
		t.Errorf("the last good answer is %v", a.Counts)
	}
	if a.AskAgain(now); !a.Up || a.LastError != nil || !a.RetryAt.Equal(now) {
		t.Errorf("asked again: %+v", a)
	}
}

// Jitter shortens a gap by up to a quarter, never below its base.
func TestBackoff(t *testing.T) {
	t.Parallel()
	m := at(0)
	m.Jitter = func() float64 { return 1 }
	for n, want := range []time.Duration{time.Minute, time.Minute, 90 * time.Second, 3 * time.Minute} {
		if got := m.Backoff(time.Minute, n); got != want {
			t.Errorf("gap %d is %v, want %v", n, got, want)
		}
	}
	if got := at(0).Backoff(100*time.Hour, 30); got < 100*time.Hour {
		t.Errorf("a gap of %v", got)
	}
}

// What a clock that ran ahead wrote is as old as now.
func TestDate(t *testing.T) {
	t.Parallel()
	a := fresh()
	apply(t, a, whole(rows(prefetch.Succeeded, 1)), at(time.Hour))
	a.LastError = &task.Failure{Time: now.Add(time.Hour)}
	a.BecomeCounted(&task.Counted{SucceededAt: now.Add(time.Hour)})
	a.Expire(now.Add(2*time.Hour), time.Hour)
	if !a.Ended || !a.Date(now) || a.Ended || !a.SettledAt.Equal(now) || !a.LastRefresh.Equal(now) ||
		!a.LastError.Time.Equal(now) || !a.Counted.SucceededAt.Equal(now) || !a.AskedAt().Equal(now) {
		t.Errorf("%+v", a)
	}
	if a.Date(now) {
		t.Error("dated twice")
	}
	a.Redate(func(at *time.Time) { *at = at.Add(-time.Minute) }, now)
	if !a.SettledAt.Equal(now.Add(-time.Minute)) {
		t.Errorf("settled at %v", a.SettledAt)
	}
}

// A source may list a task otherwise, not at all, and again.
func TestDescribe(t *testing.T) {
	t.Parallel()
	spec := prefetch.Task{ID: "a", Labels: map[string]string{"title": "launch"}}
	a := task.New(spec, now)
	if a.Describe(spec) || !a.Watched() || !a.Unsettled() || a.Remembered() {
		t.Error("the same is another")
	}
	if a.Unlist(now); !a.Remembered() || a.Unsettled() {
		t.Error("it is watched still")
	}
	if !a.Describe(spec) || !a.Watched() {
		t.Error("coming back is no change")
	}
	for name, change := range map[string]func(*prefetch.Task){
		"urls":     func(s *prefetch.Task) { s.URLs = []string{"x"} },
		"deadline": func(s *prefetch.Task) { s.Deadline = now },
		"labels":   func(s *prefetch.Task) { s.Labels = nil },
	} {
		a, changed := task.New(spec, now), spec
		if change(&changed); !a.Describe(changed) {
			t.Errorf("other %s are no change", name)
		}
	}
}

func TestPublished(t *testing.T) {
	t.Parallel()
	a := fresh()
	account := prefetch.Account{Provider: "p", Name: "n"}
	urls := rows(prefetch.Failed, 2)
	urls[0].Rate, urls[0].HasRate, urls[1].Rate, urls[1].HasRate = 1, true, 0.5, true
	apply(t, a, whole(urls), at(0))
	a.Rows = a.Rows.Recover(taskrows.Hashes{taskrows.HashOf(urls[0].URL): true})
	a.Fail(&vendorapi.Error{Reason: prefetch.ReasonUnavailable, Message: "m"}, at(time.Minute))
	want := &prefetch.TaskState{
		Account: account, ID: "a", Phase: prefetch.Settled, FirstSeen: now, Created: now.Add(-time.Hour),
		Finished: urls[0].Finished, FinishTold: true, LastRefresh: now, Answered: true,
		LastError: &prefetch.Failure{Reason: prefetch.ReasonUnavailable, Message: a.LastError.Message, Time: now.Add(time.Minute)},
		Counts:    prefetch.Counts{prefetch.Failed: 2}, EdgeRatio: 0.75, HasEdgeRatio: true, Recovered: 1, URLs: a.Rows.URLs,
	}
	if diff := cmp.Diff(want, a.Published(account)); diff != "" {
		t.Error(diff)
	}
}
