package lessons_test

import (
	"math"
	"testing"
	"time"

	"prefetch_exporter/poller/planner/lessons"
	"prefetch_exporter/poller/survival"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

const minute = time.Minute

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func sum(bins []float64) (all float64) {
	for _, n := range bins {
		all += n
	}
	return all
}

// seen is what was observed: how many URLs ended and failed, and for how many minutes
// URLs were watched.
type seen struct{ ended, failed, watched float64 }

func observed(o *survival.Observations) seen {
	return seen{sum(o.Ended[:]), o.Failed, math.Round(sum(o.AtRisk[:]) / 60)}
}

// lesson is a lesson at noon.
func lesson(rowTimes bool) *lessons.Lesson {
	o := &survival.Observations{}
	return &lessons.Lesson{Durations: o, Curve: o.Curve(), Now: noon, Sent: noon, RowTimes: rowTimes}
}

func TestRows(t *testing.T) {
	t.Parallel()
	ago := func(n int) time.Time { return noon.Add(-time.Duration(n) * minute) }
	rows := []prefetch.URL{
		{URL: "1", Status: prefetch.Running, Created: ago(20)},
		{URL: "2", Status: prefetch.Succeeded, Created: ago(20), Finished: ago(15)},
		{URL: "3", Status: prefetch.Failed, Created: ago(20), Finished: ago(4)},
		{URL: "4", Status: prefetch.Succeeded, Created: ago(20)},
		{URL: "5", Status: prefetch.Succeeded},
	}
	for name, c := range map[string]struct {
		rowTimes bool
		change   func(*task.Task)
		want     seen
	}{
		"the first answer": {true, nil, seen{2, 1, 20 + 5 + 16}},
		"what ended since the last one": {
			true, func(t *task.Task) { t.LastRefresh = ago(10); t.Counts[prefetch.Failed] = 1 }, seen{1, 0, 10 + 6},
		},
		"without times, and without a creation": {false, nil, seen{0, 1, 0}},
		"without times, by how many are left": {
			false, func(t *task.Task) { t.Created = ago(20) }, seen{4, 1, 20 + 4*10},
		},
		"without times, since the last answer": {
			false, func(t *task.Task) { t.Created, t.LastRefresh = ago(20), ago(10); t.Counts[prefetch.Running] = 2 }, seen{1, 1, 10 + 5},
		},
	} {
		before := task.New(prefetch.Task{ID: "a"}, noon.Add(-20*minute))
		if c.change != nil {
			c.change(&before)
		}
		l := lesson(c.rowTimes)
		l.Rows(&before, rows)
		got := observed(l.Durations)
		// Where ends have no time, the middle is only about where they are put.
		about := math.Abs(got.watched-c.want.watched) < 1 || !c.rowTimes && math.Abs(got.watched-c.want.watched) <= c.want.watched/2
		if math.Abs(got.ended-c.want.ended) > 1e-9 || got.failed != c.want.failed || !about {
			t.Errorf("%s: observed %+v, want %+v", name, got, c.want)
		}
		if sized := l.Durations.Items == 1; sized == before.Answered() {
			t.Errorf("%s: told a size: %v", name, sized)
		}
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	ago := func(n int) time.Time { return noon.Add(-time.Duration(n) * minute) }
	before := task.Counted{Total: 100, Succeeded: 10, SucceededAt: ago(10), Failed: 1, FailedAt: ago(10)}
	for name, c := range map[string]struct {
		before, now task.Counted
		hinted      bool
		want        seen
		final       float64
	}{
		"more succeeded": {
			before, task.Counted{Total: 100, Succeeded: 30, SucceededAt: noon, Failed: 1, FailedAt: ago(10)}, false, seen{20, 0, 345 + 100}, 20,
		},
		"more failed": {
			before, task.Counted{Total: 100, Succeeded: 10, SucceededAt: ago(10), Failed: 6, FailedAt: noon}, false, seen{0, 5, 0}, 5,
		},
		"windows tell more": {
			before, task.Counted{Total: 100, Succeeded: 30, SucceededAt: noon, Failed: 1, FailedAt: ago(10)}, true, seen{0, 0, 0}, 20,
		},
		"the first count": {
			task.Counted{Total: 100}, task.Counted{Total: 100, Succeeded: 30, SucceededAt: noon}, false, seen{30, 0, 700}, 30,
		},
	} {
		about := task.New(prefetch.Task{ID: "a", Created: ago(20)}, ago(20))
		about.Counted = &c.now
		l := lesson(true)
		l.Counts(&c.before, &about, c.hinted, 0.5)
		got := observed(l.Durations)
		if math.Abs(got.ended-c.want.ended) > 1e-9 || got.failed != c.want.failed || l.Durations.Final != c.final {
			t.Errorf("%s: observed %+v with %v final, want %+v with %v", name, got, l.Durations.Final, c.want, c.final)
		}
		if math.Abs(got.watched-c.want.watched) > c.want.watched/3 {
			t.Errorf("%s: watched for %v minutes, want about %v", name, got.watched, c.want.watched)
		}
	}
}
