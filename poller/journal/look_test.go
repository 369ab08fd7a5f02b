package journal_test

import (
	"slices"
	"testing"
	"time"

	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// What a look came to is told with why it asked no more.
func TestLooked(t *testing.T) {
	t.Parallel()
	l := open()
	active := func() *task.Task {
		made := task.New(prefetch.Task{ID: "a"}, l.now)
		return &made
	}
	answered := active()
	answered.LastRefresh = l.now
	settled := active()
	settled.Phase = prefetch.Settled
	over := active()
	over.Ended = true
	for name, c := range map[string]struct {
		look  journal.Look
		tasks []*task.Task
		want  string
	}{
		"no task":       {journal.Look{}, nil, `msg="asked nothing" why="no task"`},
		"all are over":  {journal.Look{}, []*task.Task{over}, `msg="asked nothing" why="no task"`},
		"settled":       {journal.Look{}, []*task.Task{settled}, `msg="asked nothing" why="every task is settled"`},
		"the look-back": {journal.Look{LookBack: true}, nil, `msg="asked nothing" why="everything was asked for"`},
		"everything": {
			journal.Look{Calls: 2, Failed: 1, Most: 2, Since: l.now}, []*task.Task{active(), answered},
			`msg="asked once" calls=2 failed=1 tasks_answered=1 why_no_more="everything was asked for"`,
		},
		"it backs off": {
			journal.Look{More: true, Backoff: l.now.Add(time.Second), Next: l.now.Add(time.Second)}, nil,
			`msg="asked nothing" why="calls fail, and it backs off"`,
		},
		"the budget": {
			journal.Look{More: true, Calls: 1, Most: 1, Next: l.now.Add(time.Minute)}, nil,
			`msg="asked once" calls=1 failed=0 tasks_answered=0 why_no_more="the budget allows the next call at 2026-11-26T12:01:00Z"`,
		},
		"the limit": {
			journal.Look{More: true, Calls: 1, Most: 1}, nil,
			`msg="asked once" calls=1 failed=0 tasks_answered=0 why_no_more="as many calls were made as the limit has"`,
		},
		"stopped": {journal.Look{More: true, Most: 1}, nil, `msg="asked nothing" why="stopped, or no call can be recorded"`},
	} {
		t.Log(name)
		l.Looked(c.look, slices.Values(c.tasks))
		l.wants(t, "level=INFO "+c.want)
	}
}
