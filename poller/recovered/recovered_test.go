package recovered_test

import (
	"iter"
	"slices"
	"testing"
	"time"

	"prefetch_exporter/poller/recovered"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

const (
	failed  = prefetch.Failed
	warm    = prefetch.Succeeded
	running = prefetch.Running
)

// says is that a task shows URL i in the status at i from now on.
type says struct {
	id       string
	statuses []prefetch.Status
}

// Whichever of two tasks is told of first, a failed URL counts as recovered as soon
// as a later task shows it as succeeded.
func TestTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps   []says
		restart bool // after the first step
		ended   string
		want    map[string]int // recovered URLs, by task
		earlier [][]string     // that each step tells of, too
	}{
		"the later task follows": {
			steps:   []says{{"a", []prefetch.Status{failed, failed, warm}}, {"b", []prefetch.Status{warm, running, running}}, {"b", []prefetch.Status{warm, warm}}},
			want:    map[string]int{"a": 2},
			earlier: [][]string{nil, {"a"}, {"a"}},
		},
		"the later task was first": {
			steps:   []says{{"b", []prefetch.Status{warm, warm}}, {"a", []prefetch.Status{failed, running}}},
			want:    map[string]int{"a": 1},
			earlier: [][]string{nil, nil},
		},
		"what was looked for before is not again": {
			steps:   []says{{"a", []prefetch.Status{failed, running}}, {"b", []prefetch.Status{running, warm}}, {"a", []prefetch.Status{failed, failed}}},
			want:    map[string]int{"a": 1},
			earlier: [][]string{nil, nil, nil},
		},
		"over a restart": {
			steps:   []says{{"a", []prefetch.Status{failed}}, {"b", []prefetch.Status{warm}}},
			restart: true,
			want:    map[string]int{"a": 1},
			earlier: [][]string{nil, {"a"}},
		},
		"an earlier task warms nothing": {
			steps:   []says{{"b", []prefetch.Status{failed}}, {"a", []prefetch.Status{warm}}, {"b", []prefetch.Status{failed}}},
			want:    map[string]int{"b": 0},
			earlier: [][]string{nil, nil, nil},
		},
		"an earlier task that was told of first": {
			steps:   []says{{"a", []prefetch.Status{warm}}, {"b", []prefetch.Status{failed}}},
			want:    map[string]int{"b": 0},
			earlier: [][]string{nil, nil},
		},
		"one of three warms both": {
			steps:   []says{{"a", []prefetch.Status{failed, failed}}, {"b", []prefetch.Status{failed, failed}}, {"c", []prefetch.Status{warm, failed}}},
			want:    map[string]int{"a": 1, "b": 1},
			earlier: [][]string{nil, nil, {"a", "b"}},
		},
		"what a later task fails again was warmed all the same": {
			steps:   []says{{"a", []prefetch.Status{failed}}, {"b", []prefetch.Status{warm}}, {"c", []prefetch.Status{failed}}},
			want:    map[string]int{"a": 1, "c": 0},
			earlier: [][]string{nil, {"a"}, nil},
		},
		"of two that were created and seen at once nobody knows which is later": {
			steps:   []says{{"c", []prefetch.Status{failed}}, {"d", []prefetch.Status{warm}}, {"c", []prefetch.Status{failed}}},
			want:    map[string]int{"c": 0},
			earlier: [][]string{nil, nil, nil},
		},
		"a task whose time is over": {
			steps:   []says{{"a", []prefetch.Status{failed}}, {"b", []prefetch.Status{warm}}},
			ended:   "a",
			want:    map[string]int{"a": 0},
			earlier: [][]string{nil, nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tasks := map[string]*task.Task{}
			for i, id := range []string{"a", "b", "c", "d"} {
				made := task.New(prefetch.Task{ID: id, Created: now.Add(time.Duration(min(i, 2)) * time.Minute)}, now)
				tasks[id] = &made
			}
			w := recovered.Waiting{}
			for i, s := range c.steps {
				told := tasks[s.id]
				told.Rows.URLs = shown(told, s.statuses)
				var earlier []string
				for _, o := range w.Told(told, values(tasks)) {
					earlier = append(earlier, o.ID)
				}
				slices.Sort(earlier)
				if !slices.Equal(earlier, c.earlier[i]) {
					t.Errorf("step %d tells of %q too, want %q", i, earlier, c.earlier[i])
				}
				if i == 0 && c.restart {
					w = recovered.Waiting{}
					for _, o := range tasks {
						w.Note(o)
					}
				}
				if i == 0 && c.ended != "" {
					tasks[c.ended].Ended = true
				}
			}
			for id, want := range c.want {
				got := 0
				for _, u := range tasks[id].Rows.URLs {
					if u.Recovered {
						got++
					}
				}
				if got != want {
					t.Errorf("%s: %d are recovered, want %d", id, got, want)
				}
				if left := slices.ContainsFunc(tasks[id].Rows.URLs, open); w[tasks[id]] != nil != left && c.ended == "" {
					t.Errorf("%s: waits %v, want %v", id, w[tasks[id]] != nil, left)
				}
			}
		})
	}
}

func open(u prefetch.URL) bool { return u.Status == failed && !u.Recovered }

// shown are URLs in statuses, of which those stay recovered that were.
func shown(t *task.Task, statuses []prefetch.Status) []prefetch.URL {
	urls := make([]prefetch.URL, len(statuses))
	for i, status := range statuses {
		urls[i] = prefetch.URL{URL: string(rune('0' + i)), Status: status}
		urls[i].Recovered = i < len(t.Rows.URLs) && t.Rows.URLs[i].Recovered
	}
	return urls
}

func values(tasks map[string]*task.Task) iter.Seq[*task.Task] {
	return func(yield func(*task.Task) bool) {
		for _, t := range tasks {
			if !yield(t) {
				return
			}
		}
	}
}
