package roster_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/prefetch"
)

// listed is a change of a task that a source lists.
func listed(id string) roster.Change {
	s := spec(id, 1)
	return roster.Change{ID: id, Task: &s}
}

func TestTake(t *testing.T) {
	t.Parallel()
	l := roster.Listing{Tasks: map[string]prefetch.Task{"a": {}, "b": {}}}
	l.Take([]roster.Change{{ID: "a"}, listed("c"), {ID: "nobody"}})
	if got := slices.Sorted(maps.Keys(l.Tasks)); !slices.Equal(got, []string{"b", "c"}) || l.Tasks["c"].Source != "file" {
		t.Errorf("listed are %v", got)
	}
}

// Only what is new, young and can be named is watched because its vendor lists it.
func TestFind(t *testing.T) {
	t.Parallel()
	rules := roster.Rules{Discover: 2 * time.Hour, Ahead: time.Hour}
	for name, c := range map[string]struct {
		spec prefetch.Task
		want bool
	}{
		"new":              {spec("new", 1), true},
		"new, undated":     {spec("new", 0), true},
		"old":              {spec("new", 2), false}, // by the vendor's clock
		"watched":          {spec("watched", 1), false},
		"its time is over": {spec("ended", 1), false},
		"not listed":       {spec("unlisted", 1), true},
		"named":            {spec("named", 1), false},
		"no name":          {spec("\x00", 1), false},
	} {
		tasks := map[string]*planner.Candidate{
			"watched": known("watched", 1), "ended": known("ended", 1, ended, unlisted(1)), "unlisted": known("unlisted", 1, unlisted(1)),
		}
		l := roster.Listing{Tasks: map[string]prefetch.Task{"named": {}}, Found: map[string]prefetch.Task{}}
		got := l.Find(c.spec, tasks, rules, now)
		if found, ok := l.Found[c.spec.ID]; got != c.want || ok != c.want || ok && found.Created.IsZero() {
			t.Errorf("%s: %v, %v", name, got, l.Found)
		}
	}
	full := roster.Listing{Found: make(map[string]prefetch.Task, 100_000)}
	for i := range 100_000 {
		full.Found[strings.Repeat("x", 1+i%200)+string(rune(0x4e00+i/200))] = prefetch.Task{}
	}
	if full.Find(spec("new", 1), nil, rules, now) {
		t.Error("more are remembered than there is memory for")
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	tasks := map[string]*planner.Candidate{"watched": known("watched", 1), "ended": known("ended", 1, ended)}
	for name, c := range map[string]struct {
		changes []roster.Change
		room    int
		want    bool
	}{
		"one that is watched":        {[]roster.Change{listed("watched")}, 0, true},
		"a new one":                  {[]roster.Change{listed("new")}, 1, true},
		"a new one without room":     {[]roster.Change{listed("new")}, 0, false},
		"room for one of two":        {[]roster.Change{listed("new"), listed("newer")}, 1, false},
		"one that comes back":        {[]roster.Change{listed("ended")}, 9, false},
		"one that is listed no more": {[]roster.Change{listed("watched"), {ID: "watched"}}, 9, false},
	} {
		if got := roster.Plain(c.changes, tasks, c.room); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	tasks := map[string]*planner.Candidate{}
	for i, want := range [][2]bool{{true, false}, {false, false}, {false, true}} {
		c := listed("a")
		if i == 2 {
			c.Task.Source = "http"
		}
		if got, came, changed := roster.Describe(c, tasks, now); got != tasks["a"] || got.Source != c.Task.Source || came != want[0] || changed != want[1] {
			t.Errorf("%d: came %v, changed %v: %+v", i, came, changed, got)
		}
	}
}
