package answers_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// naming is a world whose vendor says of which tasks an answer is.
func naming(t *testing.T, change func(c *vendorapi.Capabilities)) *world {
	t.Helper()
	w := newWorld(t)
	w.Dialect.Capabilities.RowTask, w.Dialect.Capabilities.Paged = true, false
	change(&w.Dialect.Capabilities)
	return w
}

// several is a question for several tasks.
func several(tasks ...*planner.Candidate) answers.Question {
	q := about(tasks[0], vendorapi.QueryTask)
	for _, t := range tasks[1:] {
		q.Others, q.Query.Others = append(q.Others, t), append(q.Query.Others, t.ID)
	}
	return q
}

// tagged is an answer that has all rows of some tasks, two each.
func tagged(s prefetch.Status, ids ...string) (ans vendorapi.Answer) {
	for _, id := range ids {
		ans.URLs, ans.RowTasks = append(ans.URLs, rows(id, 2, s)...), append(ans.RowTasks, id, id)
	}
	ans.Count = len(ans.URLs)
	return ans
}

// One answer tells of several tasks: of each by its rows, or that it was refused, or
// that it is not known. One that is cut tells of none, and they are asked for alone.
func TestSeveralTasks(t *testing.T) {
	t.Parallel()
	w := naming(t, func(c *vendorapi.Capabilities) { c.TasksPerQuery = 10 })
	a, b, c, d := w.watch("a", 2), w.watch("b", 2), w.watch("c", 2), w.watch("d", 2)
	ans := tagged(prefetch.Succeeded, "a", "b")
	ans.Refused = map[string]*vendorapi.Error{"d": {Reason: prefetch.ReasonInvalid, Message: "a purge"}}
	if told := w.tells(several(a, b, c, d), ans); told != "a b c d" {
		t.Errorf("told of %q", told)
	}
	if a.Phase != prefetch.Settled || b.Phase != prefetch.Settled || c.Misses != 1 || d.Up || d.Failures != 1 {
		t.Errorf("a is %v, b %v; c was missed %d times; d: up %v", a.Phase, b.Phase, c.Misses, d.Up)
	}
	w.logged("a purge")
	e, f := w.watch("e", 2), w.watch("f", 2)
	ans = tagged(prefetch.Succeeded, "e")
	ans.Count = 4
	w.tells(several(e, f), ans)
	if e.AloneUntil.IsZero() || f.AloneUntil.IsZero() || e.Answered() || !e.RetryAt.Equal(w.now) {
		t.Errorf("after a cut answer e is %+v", e.Task)
	}
	g, h := w.watch("g", 2), w.watch("h", 2)
	ans = tagged(prefetch.Succeeded, "g", "h")
	ans.RowTasks[3] = ""
	if w.tells(several(g, h), ans); g.Answered() || h.Answered() || g.AloneUntil.IsZero() {
		t.Errorf("after a row of nobody's g is %+v", g.Task)
	}
	alone := about(f, vendorapi.QueryTask)
	w.tells(alone, vendorapi.Answer{Refused: map[string]*vendorapi.Error{"f": {Reason: prefetch.ReasonInvalid}}})
	if f.Up || f.Failures != 1 {
		t.Errorf("f is %+v", f.Task)
	}
}

// If a question for several tasks is refused, nobody knows which of them it is.
func TestSeveralTasksRefused(t *testing.T) {
	t.Parallel()
	w := naming(t, func(c *vendorapi.Capabilities) { c.TasksPerQuery = 10 })
	a, b := w.watch("a", 2), w.watch("b", 2)
	err := &vendorapi.Error{Reason: prefetch.ReasonInvalid, HTTPStatus: 400, Message: "one is malformed"}
	if !w.Failed(several(a, b), health.Call{Number: w.Health.Leaves()}, err, w.heard()) {
		t.Error("it did not fail")
	}
	if a.AloneUntil.IsZero() || b.AloneUntil.IsZero() || a.Failures+b.Failures > 0 || !a.RetryAt.Equal(w.now) || !w.noWindow.IsZero() {
		t.Errorf("a is %+v", a.Task)
	}
	w.Failed(about(a, vendorapi.QueryTask), health.Call{Number: w.Health.Leaves()}, err, w.heard())
	w.Failed(several(b, a), health.Call{Number: w.Health.Leaves()}, &vendorapi.Error{Reason: prefetch.ReasonTimeout}, w.heard())
	if a.Failures != 1 || b.Failures != 0 || b.Up || w.Health.Up {
		t.Errorf("a failed %d times, b %d", a.Failures, b.Failures)
	}
	c, d := w.watch("c", 2), w.watch("d", 2)
	w.Failed(several(c, d), health.Call{Number: w.Health.Leaves()}, &vendorapi.Error{Reason: prefetch.ReasonTimeout}, w.heard())
	if c.AloneUntil.IsZero() || c.Up || c.LastError == nil {
		t.Errorf("after a timeout c is %+v", c.Task)
	}
}

// A list tells of every task in it, and one that it should have told of and did not
// is asked for by itself.
func TestAList(t *testing.T) {
	t.Parallel()
	w := naming(t, func(c *vendorapi.Capabilities) {
		c.Windows, c.RowTask, c.Lists, c.ListSize, c.Gradual = false, false, true, 1000, false
	})
	a, b, c := w.watch("a", 2), w.watch("b", 2), w.watch("c", 2)
	list := about(nil, vendorapi.QueryList)
	ans := vendorapi.Answer{Count: 3, Tasks: []vendorapi.TaskSummary{
		{ID: "x", Counts: prefetch.Counts{0, 0, 2}, Done: true},
		{ID: "a", Created: noon.Add(-time.Hour), Counts: prefetch.Counts{0, 0, 2}, Done: true},
		{ID: "b", Created: noon.Add(-time.Hour), Counts: prefetch.Counts{0, 1, 1}},
	}}
	w.now = noon.Add(time.Minute)
	if told := w.tells(list, ans); told != "a b" || a.Phase != prefetch.Settled || b.Counts[prefetch.Running] != 1 || c.Ambiguous {
		t.Errorf("told of %q; a is %v, b %v", told, a.Phase, b.Counts)
	}
	w.now = noon.Add(time.Hour)
	if told := w.tells(list, ans); told != "b" || !c.Overlooked || !b.Answered() {
		t.Errorf("told of %q; c was overlooked: %v", told, c.Overlooked)
	}
	window := about(nil, vendorapi.QueryWindow, prefetch.Running)
	w.Dialect.Capabilities.Lists, w.Dialect.Capabilities.Windows, w.Dialect.Capabilities.RowTask = false, true, true
	w.tells(window, tagged(prefetch.Running, "b"))
	w.tells(about(nil, vendorapi.QueryWindow), tagged(prefetch.Succeeded, "b"))
	if b.Phase != prefetch.Settled {
		t.Errorf("b is %v after a window of rows that name it", b.Phase)
	}
}

// The rows of a task that goes on by a cursor are not all there are.
func TestATaskThatGoesOn(t *testing.T) {
	t.Parallel()
	w := naming(t, func(*vendorapi.Capabilities) {})
	a := w.watch("a", 2)
	ans := tagged(prefetch.Succeeded, "a")
	ans.Next = "more"
	if w.tells(about(a, vendorapi.QueryTask), ans); a.Phase == prefetch.Settled {
		t.Error("it is settled")
	}
}
