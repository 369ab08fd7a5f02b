package answers_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// world is an account that hears answers, at noon at first, and what it logs.
type world struct {
	answers.Account
	bytes.Buffer

	t        *testing.T
	now      time.Time
	tasks    map[string]*planner.Candidate
	noWindow time.Time
	sweepAt  time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: noon, tasks: map[string]*planner.Candidate{}, sweepAt: noon.Add(time.Hour)}
	w.Account = answers.Account{
		Dialect: &dialect.Dialect{Capabilities: vendorapi.Capabilities{
			Windows: true, Paged: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1,
			PageSize: 50, LookBack: 72 * time.Hour, MaxSpan: 24 * time.Hour,
		}},
		Planner: &planner.Planner{}, Watch: &lookback.LookBack{}, Health: &health.Health{},
		Journal:  journal.New(slog.New(slog.NewTextHandler(&w.Buffer, nil)), func() time.Time { return w.now }),
		NoWindow: &w.noWindow, SweepAt: &w.sweepAt,
	}
	return w
}

// watch adds a task that was submitted an hour ago with so many URLs.
func (w *world) watch(id string, n int) *planner.Candidate {
	spec := prefetch.Task{ID: id, Created: noon.Add(-time.Hour)}
	for _, u := range rows(id, n, prefetch.Waiting) {
		spec.URLs = append(spec.URLs, u.URL)
	}
	c := planner.New(spec, noon)
	w.tasks[id] = c
	w.Planner.Set(w.tasks)
	return c
}

// rows are so many rows of a task.
func rows(id string, n int, s prefetch.Status) []prefetch.URL {
	urls := make([]prefetch.URL, n)
	for i := range urls {
		urls[i] = prefetch.URL{URL: fmt.Sprintf("https://example.com/%s/%d", id, i), Status: s, Created: noon.Add(-time.Hour)}
		if s != prefetch.Waiting {
			urls[i].Started = noon.Add(-50 * time.Minute)
		}
		if s.Final() {
			urls[i].Finished = noon.Add(-40 * time.Minute)
		}
	}
	return urls
}

func whole(urls []prefetch.URL) vendorapi.Answer {
	return vendorapi.Answer{URLs: urls, Count: len(urls)}
}

// heard is the moment of an answer to what was chosen just before.
func (w *world) heard() *planner.Heard {
	m := &planner.Heard{Vendor: w.Dialect, Round: w.Planner.At(planner.Moment{
		Terms: w.Dialect.At(w.now), PollInterval: time.Minute, Slot: time.Minute, Calls: 1,
	})}
	m.Plan()
	m.Life = task.Moment{
		Now: w.now, Left: w.now, Sent: w.now.Add(m.Offset), Oldest: m.Oldest(), Means: m.Means(),
		Gradual: true, Windows: true, Jitter: func() float64 { return 0 },
	}
	return m
}

// about is the question about a task, or else about the window around its creation.
func about(t *planner.Candidate, kind vendorapi.QueryKind, status ...prefetch.Status) answers.Question {
	q := answers.Question{Question: planner.Question{Task: t, Query: vendorapi.Query{
		Kind: kind, From: noon.Add(-90 * time.Minute), To: noon.Add(-30 * time.Minute), Page: 1, PageSize: 50,
	}}}
	if t != nil {
		q.Query.TaskID = t.ID
	}
	for _, s := range status {
		q.Query.Status = &s
	}
	return q
}

// tells hears an answer, and returns the tasks that it told of.
func (w *world) tells(q answers.Question, ans vendorapi.Answer) string {
	var ids []string
	for _, t := range w.Succeeded(q, w.Health.Leaves(), ans, w.heard()) {
		ids = append(ids, t.ID)
	}
	return strings.Join(ids, " ")
}

// logged wants that so much was logged, and nothing else since the last look.
func (w *world) logged(want ...string) {
	w.t.Helper()
	lines := strings.Split(strings.TrimSuffix(w.String(), "\n"), "\n")
	if w.Len() == 0 {
		lines = nil
	}
	if len(lines) != len(want) {
		w.t.Errorf("logged\n%s\nwant %q", w.String(), want)
	}
	for i := range min(len(lines), len(want)) {
		if !strings.Contains(lines[i], want[i]) {
			w.t.Errorf("logged %s, want %q", lines[i], want[i])
		}
	}
	w.Reset()
}

func TestATaskSettles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.watch("a", 3)
	ans := whole(rows("a", 3, prefetch.Succeeded))
	ans.UnknownWords, ans.Oddities = []string{"resting"}, []string{"a row without a URL"}
	if told := w.tells(about(a, vendorapi.QueryTask), ans); told != "a" || a.Phase != prefetch.Settled || !w.Health.Up {
		t.Errorf("told of %q, which is %v; up %v", told, a.Phase, w.Health.Up)
	}
	w.logged("status=resting", `oddity="a row without a URL"`)
	w.Journal.Tell(func() int { return 0 }, true)
	w.logged("settled=1")
}

// A window tells of the tasks whose rows it has, and of those that it should have
// told of and did not.
func TestAWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.watch("a", 2), w.watch("b", 2)
	for _, c := range []*planner.Candidate{a, b} { // their rows are known
		w.tells(about(c, vendorapi.QueryTask), whole(rows(c.ID, 2, prefetch.Running)))
	}
	window := about(nil, vendorapi.QueryWindow)
	told := w.tells(window, whole(append(rows("a", 2, prefetch.Succeeded), rows("x", 1, prefetch.Running)...)))
	if !strings.HasPrefix(told, "a") || a.Phase != prefetch.Settled || b.Phase != prefetch.Active {
		t.Errorf("told of %q: a is %v, b %v", told, a.Phase, b.Phase)
	}
	w.logged()
}

// A window that should have told of a task and does not, twice if it had no row at
// all, is of no use for it: it is asked for by itself then.
func TestAWindowThatMissesATask(t *testing.T) {
	t.Parallel()
	window := about(nil, vendorapi.QueryWindow)
	for name, c := range map[string]struct {
		answers []vendorapi.Answer
		told    string
	}{
		"no row":                  {answers: []vendorapi.Answer{{}}},
		"no row twice":            {answers: []vendorapi.Answer{{}, {}}, told: "a"},
		"rows of others":          {answers: []vendorapi.Answer{whole(rows("x", 1, prefetch.Running))}, told: "a"},
		"a row between":           {answers: []vendorapi.Answer{{}, whole(rows("a", 2, prefetch.Running)), {}}},
		"not for the task's sake": {answers: []vendorapi.Answer{whole(rows("x", 1, prefetch.Running))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.watch("a", 2)
			w.tells(about(a, vendorapi.QueryTask), whole(rows("a", 2, prefetch.Running)))
			a.LastAsked = noon
			told := ""
			for _, ans := range c.answers {
				if !strings.HasPrefix(name, "not") {
					w.now = w.now.Add(20 * time.Minute)
				}
				w.Planner.Stale()
				told = w.tells(window, ans)
			}
			if told != c.told || a.Ambiguous != (c.told != "") {
				t.Errorf("told of %q, want %q; ambiguous %v", told, c.told, a.Ambiguous)
			}
		})
	}
}

// A scout shows the rows that run; a vendor that ignores the filter is not sent any
// more.
func TestAScout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status prefetch.Status
		count  int
		told   string
		logged []string
	}{
		"obeyed":                       {status: prefetch.Running, count: 2},
		"ignored, and all rows":        {status: prefetch.Succeeded, count: 2, told: "a", logged: []string{"URLs that run"}},
		"ignored, and not all of them": {status: prefetch.Succeeded, count: 70, logged: []string{"URLs that run"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.watch("a", 2)
			w.tells(about(a, vendorapi.QueryTask), whole(rows("a", 2, prefetch.Running)))
			ans := vendorapi.Answer{URLs: rows("a", 2, c.status), Count: c.count}
			if told := w.tells(about(nil, vendorapi.QueryWindow, prefetch.Running), ans); told != c.told {
				t.Errorf("told of %q, want %q", told, c.told)
			}
			w.logged(c.logged...)
		})
	}
}

// A vendor that counts other rows than it was asked for is asked otherwise.
func TestCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.watch("a", 3)
	failed, waiting := about(a, vendorapi.QueryCount, prefetch.Failed), about(a, vendorapi.QueryCount, prefetch.Waiting)
	window := about(nil, vendorapi.QueryCount, prefetch.Waiting)
	if told := w.tells(failed, vendorapi.Answer{}); told != "a" || w.Dialect.NoStatusFilter {
		t.Errorf("told of %q", told)
	}
	w.logged()
	w.tells(waiting, whole(rows("a", 3, prefetch.Succeeded)))
	w.logged("limit answers to a status")
	if !w.sweepAt.IsZero() || !a.RetryAt.Equal(noon) {
		t.Errorf("looked for what is over at %v, asked again at %v", w.sweepAt, a.RetryAt)
	}
	for _, q := range []answers.Question{failed, window} {
		w := newWorld(t)
		a := w.watch("a", 3)
		if q.Task != nil {
			q.Task = a
		}
		if told := w.tells(q, whole(rows("a", 3, prefetch.Running))); (told == "a") != (q.Task != nil) {
			t.Errorf("told of %q", told)
		}
		w.logged("limit answers to a status")
	}
}

// A window in which nothing waits tells of all tasks in it whose URLs were counted;
// one in which something does may show another's.
func TestWhatWaitsInAWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.watch("a", 3)
	created := noon.Add(-time.Hour)
	a.VendorCreated, a.NewestRow, a.Phase = created, created, prefetch.Active
	a.Counted = &task.Counted{Total: 3, Succeeded: 1, SucceededAt: noon, FailedAt: noon}
	a.State = task.BeingCounted
	if told := w.tells(about(nil, vendorapi.QueryCount, prefetch.Waiting), vendorapi.Answer{}); told != "a" || a.Counted.WaitingAt.IsZero() {
		t.Errorf("told of %q; %+v", told, a.Counted)
	}
	a.Counted.WaitingAt = time.Time{}
	w.tells(about(nil, vendorapi.QueryCount, prefetch.Waiting), vendorapi.Answer{Count: 1})
	if !a.OthersWait {
		t.Error("what waits may be another's")
	}
	w.tells(about(a, vendorapi.QueryCount, prefetch.Waiting), vendorapi.Answer{Count: 3})
	w.logged("limit answers to a status") // only two are left
}

// A look-back whose rows are of another status is counted anew.
func TestTheLookBackIsDiscarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.heard().Asking()
	segment, _ := w.Watch.Next(m)
	segment.Count = &lookback.Count{Until: segment.To, Next: segment.From}
	q := answers.Question{Watch: segment.Question(m)}
	q.Query = q.Watch.Query
	q.Query.Kind, q.Query.Status = vendorapi.QueryCount, new(prefetch.Succeeded)
	w.tells(q, whole(rows("a", 2, prefetch.Running)))
	w.logged("limit answers to a status")
	if segment.Count != nil {
		t.Error("what was counted of it is kept")
	}
}

// Counts of the look-back that do not fit each other are told of, and counted anew.
func TestTheLookBackWhoseCountsDoNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ans := range []vendorapi.Answer{{URLs: rows("a", 50, prefetch.Running), Count: 90}, {Count: 91}} {
		w.logged()
		m := w.heard().Asking()
		segment, _ := w.Watch.Next(m)
		q := answers.Question{Watch: segment.Question(m)}
		q.Query = q.Watch.Query
		w.tells(q, ans)
	}
	w.logged("counts of a window do not fit each other")
}

// What is counted of the look-back tells of tasks too, where it shows rows.
func TestTheLookBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ans  func() vendorapi.Answer
		told string
	}{
		"rows":             {ans: func() vendorapi.Answer { return whole(rows("a", 2, prefetch.Succeeded)) }, told: "a"},
		"more than a page": {ans: func() vendorapi.Answer { return vendorapi.Answer{URLs: rows("a", 1, prefetch.Running), Count: 2} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.watch("a", 2)
			w.tells(about(a, vendorapi.QueryTask), whole(rows("a", 2, prefetch.Running)))
			m := w.heard().Asking()
			segment, _ := w.Watch.Next(m)
			q := answers.Question{Watch: segment.Question(m)}
			q.Query = q.Watch.Query
			q.Query.From, q.Query.To = noon.Add(-90*time.Minute), noon.Add(-30*time.Minute)
			if told := w.tells(q, c.ans()); told != c.told {
				t.Errorf("told of %q, want %q", told, c.told)
			}
			w.logged()
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.watch("a", 1)
	fails := func(q answers.Question, err vendorapi.Error) bool {
		return w.Failed(q, health.Call{Number: w.Health.Leaves(), Left: noon}, &err, w.heard())
	}
	byID, window := about(a, vendorapi.QueryTask), about(nil, vendorapi.QueryWindow)
	if !fails(byID, vendorapi.Error{Reason: prefetch.ReasonTimeout}) || w.Health.Up || w.Health.Failures != 1 {
		t.Errorf("a timeout is the account's: %+v", w.Health.State)
	}
	w.logged("failures_in_a_row=1")
	if !fails(byID, vendorapi.Error{Reason: prefetch.ReasonInvalid}) || !w.Health.Up || w.Health.Failing != prefetch.ReasonInvalid || a.Failures != 1 {
		t.Errorf("a mistake is the task's: %+v", w.Health.State)
	}
	w.logged("answers again", "reason=invalid")
	if !fails(window, vendorapi.Error{Reason: prefetch.ReasonInvalid}) || !w.noWindow.Equal(noon.Add(clock.LongestRetry)) {
		t.Errorf("no windows until %v", w.noWindow)
	}
	w.noWindow = time.Time{}
	watch := window
	watch.Watch = &lookback.Question{}
	look := w.heard().Asking()
	if !fails(watch, vendorapi.Error{Reason: prefetch.ReasonInvalid}) || !w.noWindow.IsZero() {
		t.Errorf("the look-back's window is no matter of tasks: none until %v", w.noWindow)
	}
	if _, due := w.Watch.Next(look); !due.Equal(noon.Add(clock.LongestRetry)) {
		t.Errorf("the look-back is counted next at %v", due)
	}
	w.Reset()
	if fails(about(a, vendorapi.QueryCount, prefetch.Failed), vendorapi.Error{Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeatureStatusFilter}) || !w.Dialect.NoStatusFilter {
		t.Error("a filter that is refused is no failure, and is not used again")
	}
	w.logged("feature=")
	if a.LastError != nil || !a.RetryAt.Equal(noon) {
		t.Errorf("asked otherwise at %v after %v", a.RetryAt, a.LastError)
	}
	for i := 0; a.Phase != prefetch.Lost && i < 100; i++ {
		a.FirstMiss = noon.Add(-24 * time.Hour)
		fails(byID, vendorapi.Error{Reason: prefetch.ReasonNotFound})
	}
	w.Reset()
	w.Journal.Tell(func() int { return 0 }, true)
	w.logged("tasks are lost")
}

// What every answer tells of the vendor: its clock, and its pages.
func TestHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := answers.When{Now: clock.Stamp{Wall: noon}, Took: time.Second}
	q := vendorapi.Query{Kind: vendorapi.QueryWindow, Page: 1, PageSize: 50}
	if moved := w.Heard(q, vendorapi.Answer{Date: noon}, nil, now); moved != 0 || w.sweepAt.IsZero() {
		t.Errorf("a clock that goes right moved by %v", moved)
	}
	w.logged()
	w.Heard(q, vendorapi.Answer{URLs: rows("a", 20, prefetch.Running), Count: 30, PageSize: 20}, nil, now)
	w.logged("smaller pages")
	now.Now.Wall = noon.Add(time.Hour)
	if moved := w.Heard(q, vendorapi.Answer{}, &vendorapi.Error{Date: noon.Add(3 * time.Hour)}, now); moved < time.Hour {
		t.Errorf("a clock that is hours ahead moved by %v", moved)
	}
	w.logged("clock differs")
}

// Times that are whole hours off, or of the future, are a wrong time zone's.
func TestTheTimeZone(t *testing.T) {
	t.Parallel()
	for want, off := range map[string]time.Duration{"whole hours off": -8 * time.Hour, "future": 2 * time.Hour} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.watch("a", 2)
			if off > 0 {
				a.Created = time.Time{}
			}
			urls := rows("a", 2, prefetch.Running)
			for i := range urls {
				urls[i].Created, urls[i].Started = urls[i].Created.Add(off), time.Time{}
			}
			w.tells(about(a, vendorapi.QueryTask), whole(urls))
			w.logged(want)
		})
	}
}
