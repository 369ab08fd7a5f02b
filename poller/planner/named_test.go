package planner_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// rowsNamed and tasksListed are what vendors can be asked whose answers say of which
// tasks they are.
func rowsNamed() vendorapi.Capabilities {
	return vendorapi.Capabilities{
		Windows: true, RowTask: true, Paged: true, NeverWaits: true, Times: vendorapi.RowTimes{Created: true},
		PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: 72 * time.Hour, MaxInFlight: 2,
	}
}

func tasksListed() vendorapi.Capabilities {
	c := rowsNamed()
	c.Windows, c.RowTask, c.Lists, c.ListSize = false, false, true, 1000
	return c
}

// answered has the tasks known with three URLs each, all running, since so long.
func (w *world) answered(since time.Duration, ids ...string) {
	for _, id := range ids {
		c := w.tasks[id]
		c.Phase, c.Up = prefetch.Active, true
		c.Counts[prefetch.Running] = 3
		c.VendorCreated = c.Created
		c.LastRefresh = noon.Add(-since)
		w.planner.Changed(c)
	}
}

// One question tells of everything around the task that wants an answer; while it is
// under way none of that is asked for; and what it did not tell of is asked for alone.
func TestOneAnswerTellsOfAllAround(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caps vendorapi.Capabilities
		kind vendorapi.QueryKind
	}{"rows": {rowsNamed(), vendorapi.QueryWindow}, "a list": {tasksListed(), vendorapi.QueryList}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.caps, time.Second)
			for i, id := range []string{"old", "due", "new"} {
				w.launch(id, time.Hour-time.Duration(i)*10*minute, 3, 2*time.Hour, creation)
			}
			w.answered(2*minute, "due")
			w.answered(10*time.Second, "old", "new")
			s := w.planner.At(w.m)
			q, found, _ := s.Plan()
			if !found || q.Query.Kind != c.kind || q.Why != "one answer tells of 3 tasks" {
				t.Fatalf("asked %v because %q", q.Query, q.Why)
			}
			for _, l := range w.vendor {
				if l.created.Before(q.Query.From) || l.created.After(q.Query.To) {
					t.Errorf("%s is not between %v and %v", l.id, q.Query.From, q.Query.To)
				}
			}
			s.Leaves(&q)
			w.at(noon.Add(5 * minute)) // it takes long, and by now all of them are due
			if other, found, _ := w.planner.At(w.m).Plan(); found {
				t.Errorf("asked %v because %q, before the answer", other.Query, other.Why)
			}
			w.planner.Ended(&q, false)
			if next, _, _ := w.planner.At(w.m).Plan(); next.Why != q.Why {
				t.Errorf("after it failed: asked %v because %q", next.Query, next.Why)
			}
			w.planner.Ended(&q, true)
			if next, found, _ := w.planner.At(w.m).Plan(); !found || next.Task == nil {
				t.Errorf("after an answer that did not tell: asked %v because %q", next.Query, next.Why)
			}
		})
	}
}

// A question for which tasks there are tells of those before as well that have not
// settled, as far as there is room; one for what was overslept does not.
func TestReach(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caps    vendorapi.Capabilities
		ago     time.Duration // since the end of the question
		reaches string
	}{
		"rows":                  {rowsNamed(), 0, "22"},
		"a list":                {tasksListed(), 0, "59"},
		"what was overslept":    {rowsNamed(), minute, ""},
		"no longer than may be": {func() vendorapi.Capabilities { c := tasksListed(); c.MaxSpan = 31 * minute; return c }(), 0, "30"},
	} {
		w := newWorld(t, c.caps, time.Second)
		for i := range 60 {
			w.launch(strconv.Itoa(i), time.Duration(i)*minute, 3, 2*time.Hour, creation)
			w.answered(0, strconv.Itoa(i))
		}
		s := w.planner.At(w.m)
		s.Plan()
		narrow := vendorapi.Query{From: noon.Add(-3*minute - c.ago), To: noon.Add(2*time.Second - c.ago), Page: 1, PageSize: 100}
		q, want := narrow, narrow.From
		if l := slices.IndexFunc(w.vendor, func(l *launched) bool { return l.id == c.reaches }); l >= 0 {
			want = w.vendor[l].created.Add(-2 * time.Second)
		}
		if s.Reach(&q); !q.From.Equal(want) || !q.To.Equal(narrow.To) {
			t.Errorf("%s: from %v to %v, want from %v", name, q.From, q.To, want)
		}
	}
}

// What was submitted just now is asked for a moment later, together, when no rows can
// be beyond the end of the window.
func TestWhatIsNewIsAskedForTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rowsNamed(), time.Second)
	for _, id := range []string{"a", "b"} {
		w.launch(id, 0, 3, time.Hour, creation)
	}
	q, found, wake := w.planner.At(w.m).Plan()
	if found || !wake.Equal(noon.Add(2*time.Second)) {
		t.Errorf("asked %v because %q; wakes at %v", q.Query, q.Why, wake)
	}
	w.at(wake)
	if q, _, _ := w.planner.At(w.m).Plan(); q.Why != "one answer tells of 2 tasks" {
		t.Errorf("asked %v because %q", q.Query, q.Why)
	}
}

// Of a task that is over a list cannot tell which URLs failed: nothing else is asked of it.
func TestFailedRowsAreNoMatterOfLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tasksListed(), time.Second)
	w.launch("failed", time.Hour, 3, minute, creation)
	w.launch("runs", time.Hour, 3, 2*time.Hour, creation)
	w.answered(2*minute, "failed", "runs")
	c := w.tasks["failed"]
	c.Counts = prefetch.Counts{prefetch.Succeeded: 2, prefetch.Failed: 1}
	w.planner.Changed(c)
	var asked []*planner.Question
	for range 2 {
		s := w.planner.At(w.m)
		q, found, _ := s.Plan()
		if !found {
			t.Fatalf("asked %d questions", len(asked))
		}
		s.Leaves(&q)
		asked = append(asked, &q)
	}
	slices.SortFunc(asked, func(a, b *planner.Question) int { return len(b.TaskID()) - len(a.TaskID()) })
	if asked[0].TaskID() != "failed" || asked[1].Query.Kind != vendorapi.QueryList {
		t.Errorf("asked %v and %v", asked[0].Query, asked[1].Query)
	}
}
