package ask_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/planner/ask"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const minute = time.Minute

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func ago(n int) time.Time { return noon.Add(-time.Duration(n) * minute) }

// terms are those of a vendor with windows and row times, a call in five minutes.
func terms(change func(*ask.Terms)) *ask.Terms {
	d := dialect.Dialect{Capabilities: vendorapi.Capabilities{
		Windows: true, Paged: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, PageSize: 50, LookBack: 72 * time.Hour, MaxSpan: 24 * time.Hour,
	}}
	m := &ask.Terms{LongestRowless: 30 * minute}
	m.Terms, m.PollInterval, m.Slot, m.Watched = d.At(noon), minute, 5*minute, 3
	if change != nil {
		change(m)
	}
	return m
}

// about is a task that was seen and submitted an hour ago.
func about(change func(*task.Task)) *task.Task {
	t := task.New(prefetch.Task{ID: "a", Created: ago(60)}, ago(60))
	if change != nil {
		change(&t)
	}
	return &t
}

func asked(n int) func(*task.Task) {
	return func(t *task.Task) {
		t.LastAsked, t.LastRefresh, t.NewestRow = ago(n), ago(n), ago(60)
		t.Counts[prefetch.Running] = 3
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	noTimes := func(m *ask.Terms) { m.Capabilities.Times, m.Capabilities.Gradual = vendorapi.RowTimes{}, false }
	young := func(t *task.Task) { t.Created, t.FirstSeen = noon, noon }
	proven := noon.Add(dialect.Proof + dialect.Pad)
	for name, c := range map[string]struct {
		terms func(*ask.Terms)
		task  func(*task.Task)
		kind  ask.Kind
		at    time.Time
	}{
		"never asked":            {noTimes, nil, ask.Regular, time.Time{}},
		"by the poll interval":   {noTimes, asked(0), ask.Regular, noon.Add(minute)},
		"the clock was set back": {noTimes, asked(-30), ask.Regular, noon},
		"it backs off":           {noTimes, func(t *task.Task) { t.LastAsked, t.RetryAt = ago(1), noon.Add(7*minute) }, ask.Regular, noon.Add(7 * minute)},
		"in haste": {
			func(m *ask.Terms) { noTimes(m); m.Hasty, m.Begun = true, noon }, asked(0), ask.Regular, noon.Add(minute),
		},
		"in haste, asked before": {
			func(m *ask.Terms) { noTimes(m); m.Hasty, m.Begun = true, noon }, asked(1), ask.Regular, time.Time{},
		},
		"without a row for long": {
			noTimes, func(t *task.Task) { asked(0)(t); t.RowlessSince = ago(20) }, ask.Regular, noon.Add(20 * minute),
		},
		"lost": {noTimes, func(t *task.Task) { t.Phase = prefetch.Lost }, ask.Vain, time.Time{}},
		"the next page": {nil, func(t *task.Task) {
			asked(1)(t)
			t.Up, t.Reading = true, &task.Reading{Page: 1, Count: 200, PageSize: 50}
		}, ask.NextPage, time.Time{}},
		"its last page failed":           {noTimes, func(t *task.Task) { asked(0)(t); t.Reading = &task.Reading{Page: 1, Count: 200, PageSize: 50} }, ask.Regular, noon.Add(minute)},
		"counted":                        {noTimes, func(t *task.Task) { t.Phase, t.Counted = prefetch.Lost, &task.Counted{Total: 400} }, ask.Regular, time.Time{}},
		"young: nothing could be proven": {nil, young, ask.Regular, proven},
		"young, but nobody told":         {nil, func(t *task.Task) { young(t); t.Created = time.Time{} }, ask.Regular, time.Time{}},
		"seen when it was submitted":     {nil, func(t *task.Task) { t.Created, t.FirstSeen = noon.Add(minute), noon }, ask.Regular, proven},
		"young, calls are not scarce": {
			func(m *ask.Terms) { m.Slot = time.Second }, func(t *task.Task) { young(t); t.Counts[prefetch.Running] = 1 }, ask.Regular, time.Time{},
		},
		"a row of the future": {
			nil, func(t *task.Task) { asked(1)(t); t.NewestRow = noon.Add(time.Hour) }, ask.Regular, ago(1).Add(clock.LongestRetry),
		},
	} {
		got := terms(c.terms).Due(about(c.task))
		if got.Kind != c.kind || !got.At.Equal(c.at) {
			t.Errorf("%s: got %+v, want %v at %v", name, got, c.kind, c.at)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	window := func(m *ask.Terms) { m.NeedWindow = true }
	reading := func(t *task.Task) {
		t.LastAsked, t.Reading = ago(1), &task.Reading{From: ago(90), To: ago(30), Page: 1, Count: 200, PageSize: 40}
	}
	for name, c := range map[string]struct {
		terms  func(*ask.Terms)
		task   func(*task.Task)
		status *prefetch.Status
		want   vendorapi.Query
	}{
		"by id alone":            {want: vendorapi.Query{Page: 1, PageSize: 50}},
		"a vendor without pages": {terms: func(m *ask.Terms) { m.Capabilities.Paged = false }},
		"a count needs no rows":  {status: new(prefetch.Succeeded), want: vendorapi.Query{Page: 1, PageSize: 1}},
		"but those that failed":  {status: new(prefetch.Failed), want: vendorapi.Query{Page: 1, PageSize: 50}},
		"the next page":          {task: reading, want: vendorapi.Query{From: ago(90), To: ago(30), Page: 2, PageSize: 40}},
		"the next page, as far as it can be reached": {
			func(m *ask.Terms) { m.Capabilities.LookBack = time.Hour }, reading, nil,
			vendorapi.Query{From: terms(func(m *ask.Terms) { m.Capabilities.LookBack = time.Hour }).Oldest(), To: ago(30), Page: 2, PageSize: 40},
		},
		"anew, since nothing of it can": {
			terms: func(m *ask.Terms) { m.Capabilities.LookBack = 20 * minute }, task: reading, want: vendorapi.Query{Page: 1, PageSize: 50},
		},
		"around its creation": {
			terms: window, want: vendorapi.Query{From: ago(60).Add(-dialect.Lead), To: noon.Add(dialect.Pad), Page: 1, PageSize: 50},
		},
		"the day before that was searched": {
			terms: window, task: func(t *task.Task) { t.Created, t.Search = time.Time{}, ago(30) },
			want: vendorapi.Query{From: ago(30 + 24*60), To: ago(30), Page: 1, PageSize: 50},
		},
		"the newest day": {
			terms: window, task: func(t *task.Task) { t.Created = time.Time{} },
			want: vendorapi.Query{From: noon.Add(dialect.Pad - 24*time.Hour), To: noon.Add(dialect.Pad), Page: 1, PageSize: 50},
		},
	} {
		t0 := about(c.task)
		c.want.TaskID, c.want.Created, c.want.Status = "a", t0.KnownCreation(), c.status
		got := terms(c.terms).Query(t0, vendorapi.Query{Status: c.status})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
