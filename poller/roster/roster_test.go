package roster_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/prefetch"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// spec is a task that was created so many hours ago; if none, nobody told when.
func spec(id string, hours int) prefetch.Task {
	s := prefetch.Task{ID: id, Source: "file"}
	if hours > 0 {
		s.Created = now.Add(-time.Duration(hours) * time.Hour)
	}
	return s
}

// known is a task that has been watched for ten hours.
func known(id string, hours int, change ...func(t *planner.Candidate)) *planner.Candidate {
	t := planner.New(spec(id, hours), now.Add(-10*time.Hour))
	for _, f := range change {
		f(t)
	}
	return t
}

func settled(hours int) func(*planner.Candidate) {
	return func(t *planner.Candidate) {
		t.Phase, t.SettledAt = prefetch.Settled, now.Add(-time.Duration(hours)*time.Hour)
	}
}

func unlisted(hours int) func(*planner.Candidate) {
	return func(t *planner.Candidate) { t.Unlist(now.Add(-time.Duration(hours) * time.Hour)) }
}

// restored is a task that was listed when its record was written, by a process that
// has ended since.
func restored(t *planner.Candidate) { t.Listed = false }

func ended(t *planner.Candidate) {
	settled(1)(t)
	t.Ended = true
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	type tasks []*planner.Candidate
	for name, c := range map[string]struct {
		limit   int
		known   tasks
		listed  []prefetch.Task
		pending []string
		want    string // what is watched, and what became of the others
	}{
		"new tasks": {
			limit: 5, listed: []prefetch.Task{spec("a", 1), spec("b", 0)},
			want: "watched a b, changed a b, came 2",
		},
		"nothing new": {
			limit: 5, known: tasks{known("a", 1)}, listed: []prefetch.Task{spec("a", 1)},
			want: "watched a",
		},
		"described otherwise": {
			limit: 5, known: tasks{known("a", 2)}, listed: []prefetch.Task{spec("a", 1)},
			want: "watched a, changed a",
		},
		"the newest find no room": {
			limit: 2, listed: []prefetch.Task{spec("c", 0), spec("b", 1), spec("a", 1), spec("d", 2)},
			want: "watched a d, changed a d, came 2, dropped 2",
		},
		"who is watched stays": {
			limit: 1, known: tasks{known("b", 1)}, listed: []prefetch.Task{spec("a", 5), spec("b", 1)},
			want: "watched b, dropped 1",
		},
		"those settled longest ago make room": {
			limit: 2, known: tasks{known("a", 9, settled(2)), known("b", 9, settled(3))},
			listed: []prefetch.Task{spec("a", 9), spec("b", 9), spec("c", 0)},
			want:   "watched a c, changed b c, came 1",
		},
		"a lower limit drops the newest": {
			limit: 1, known: tasks{known("a", 9), known("b", 8), known("c", 9)},
			listed: []prefetch.Task{spec("a", 9), spec("b", 8), spec("c", 9)},
			want:   "watched a, changed b c, dropped 2",
		},
		"not listed any more": {
			limit: 5, known: tasks{known("a", 1)},
			want: "watched, changed a, gone 1",
		},
		"not listed for the retention": {
			limit: 5, known: tasks{known("a", 1, unlisted(3)), known("b", 1, unlisted(2))},
			want: "watched, forgotten a",
		},
		"back again": {
			limit: 5, known: tasks{known("a", 1, unlisted(3))}, listed: []prefetch.Task{spec("a", 1)},
			want: "watched a, changed a",
		},
		"back again without room, by its creation": {
			limit: 1, known: tasks{known("a", 3, unlisted(1))}, listed: []prefetch.Task{spec("a", 0), spec("b", 2)},
			want: "watched a, changed a, dropped 1",
		},
		"its time is over": {
			limit: 1, known: tasks{known("a", 1, ended)}, listed: []prefetch.Task{spec("a", 1), spec("b", 0)},
			want: "watched b, changed b, came 1",
		},
		"its time is over, and it is back again": {
			limit: 1, known: tasks{known("a", 1, ended, unlisted(1))}, listed: []prefetch.Task{spec("a", 1), spec("b", 0)},
			want: "watched b, changed a b, came 1",
		},
		"its source was not read yet": {
			limit: 5, known: tasks{known("a", 1, restored), known("b", 1, restored, ended)}, pending: []string{"file"},
			want: "watched a",
		},
		"another was not read yet": {
			limit: 5, known: tasks{known("a", 1, restored)}, pending: []string{"http"},
			want: "watched, changed a, gone 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := map[string]*planner.Candidate{}
			for _, k := range c.known {
				all[k.ID] = k
			}
			l := roster.Listing{Tasks: map[string]prefetch.Task{}, Pending: c.pending}
			for _, s := range c.listed {
				l.Tasks[s.ID] = s
			}
			out := roster.Reconcile(all, l, roster.Rules{TaskLimit: c.limit, Retention: 3 * time.Hour}, now)
			if got := said(all, &out); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Tasks that the vendor lists are watched after those that somebody named, as long as
// they are young enough, and for as long as it lists them.
func TestReconcileWithWhatTheVendorLists(t *testing.T) {
	t.Parallel()
	type tasks []*planner.Candidate
	vendors := func(t *planner.Candidate) { t.Source = prefetch.SourceVendor }
	answered := func(t *planner.Candidate) { t.LastRefresh = now }
	for name, c := range map[string]struct {
		limit, discover int
		ahead           int // hours, of the vendor's clock
		known           tasks
		listed, found   []prefetch.Task
		pending         []string
		want            string
		left            int // found that find no room
	}{
		"found": {limit: 5, discover: 24, found: []prefetch.Task{spec("a", 1), spec("b", 2)}, want: "watched a b, changed a b, came 2"},
		"after those that are named": {
			limit: 2, discover: 24, found: []prefetch.Task{spec("a", 9), spec("b", 2)}, listed: []prefetch.Task{spec("c", 1)},
			want: "watched a c, changed a c, came 2, dropped 1", left: 1,
		},
		"in the place of one that nobody named": {
			limit: 2, discover: 24, known: tasks{known("a", 9, vendors), known("b", 2, vendors)}, listed: []prefetch.Task{spec("c", 1)},
			want: "watched a c, changed b c, came 1, dropped 1", left: 1,
		},
		"named meanwhile": {limit: 5, discover: 24, found: []prefetch.Task{spec("a", 1)}, listed: []prefetch.Task{spec("a", 1)}, want: "watched a, changed a, came 1"},
		"too old":         {limit: 5, discover: 24, found: []prefetch.Task{spec("a", 25)}, want: "watched"},
		"not any more":    {limit: 5, known: tasks{known("a", 1, vendors)}, found: []prefetch.Task{spec("b", 1)}, want: "watched, changed a, gone 1"},
		"still":           {limit: 5, discover: 24, known: tasks{known("a", 30, vendors)}, want: "watched a"},
		"restored":        {limit: 5, discover: 24, known: tasks{known("a", 1, vendors, restored)}, want: "watched a"},
		"once named":      {limit: 5, discover: 24, known: tasks{known("a", 1, answered)}, want: "watched a, changed a"},
		"named, and its source was not read yet": {
			limit: 5, discover: 24, known: tasks{known("a", 1, answered, restored)}, pending: []string{"file"}, want: "watched a",
		},
		"its vendor's clock is behind": {limit: 5, discover: 24, ahead: -5, found: []prefetch.Task{spec("a", 28), spec("b", 30)}, want: "watched a, changed a, came 1"},
		"and its time is over":         {limit: 5, discover: 24, ahead: -5, known: tasks{known("a", 30, vendors, ended)}, want: "watched"},
		"a lower limit":                {limit: 1, discover: 24, known: tasks{known("a", 9, vendors), known("b", 8, vendors)}, want: "watched a, changed b, dropped 1", left: 1},
		"a higher one":                 {limit: 2, discover: 24, known: tasks{known("a", 9, vendors), known("b", 8, vendors, unlisted(1))}, found: []prefetch.Task{spec("b", 8)}, want: "watched a b, changed b"},
		"its time is over":             {limit: 5, discover: 24, known: tasks{known("a", 9, vendors, ended)}, found: []prefetch.Task{spec("a", 9)}, want: "watched"},
		"nobody will list it again":    {limit: 5, discover: 24, known: tasks{known("a", 30, vendors, ended)}, want: "watched, changed a, gone 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := map[string]*planner.Candidate{}
			for _, k := range c.known {
				all[k.ID] = k
			}
			l := roster.Listing{Tasks: map[string]prefetch.Task{}, Pending: c.pending, Found: map[string]prefetch.Task{}}
			for _, s := range c.listed {
				l.Tasks[s.ID] = s
			}
			for _, s := range c.found {
				s.Source = prefetch.SourceVendor
				l.Found[s.ID] = s
			}
			out := roster.Reconcile(all, l, roster.Rules{
				TaskLimit: c.limit, Retention: 3 * time.Hour, Discover: time.Duration(c.discover) * time.Hour,
				Ahead: time.Duration(c.ahead) * time.Hour,
			}, now)
			if got := said(all, &out); got != c.want || len(l.Found) != c.left {
				t.Errorf("got  %s, %d left\nwant %s, %d left", got, len(l.Found), c.want, c.left)
			}
		})
	}
}

// said tells an outcome in one line.
func said(all map[string]*planner.Candidate, out *roster.Outcome) string {
	var watched []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if t := all[id]; t.Listed && !t.Ended {
			watched = append(watched, id)
		}
	}
	ids := func(some []*planner.Candidate) (ids []string) {
		for _, t := range some {
			ids = append(ids, t.ID)
		}
		slices.Sort(ids)
		return ids
	}
	text := strings.Join(append([]string{"watched"}, watched...), " ")
	for _, list := range []struct {
		what string
		ids  []string
	}{{"changed", ids(out.Changed)}, {"forgotten", ids(out.Forgotten)}} {
		if len(list.ids) > 0 {
			text += ", " + list.what + " " + strings.Join(list.ids, " ")
		}
	}
	for _, count := range []struct {
		what string
		n    int
	}{{"came", out.Came}, {"gone", out.Gone}, {"dropped", out.Dropped}} {
		if count.n > 0 {
			text += fmt.Sprintf(", %s %d", count.what, count.n)
		}
	}
	return text
}
