package why_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/planner/ask"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/planner/why"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

func TestTask(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for want, c := range map[string]struct {
		facts  why.Facts
		change func(*task.Task)
	}{
		"its deadline passed since the last answer": {facts: why.Facts{Class: priority.Overdue, Kind: ask.NextPage}},
		"its deadline is near":                      {facts: why.Facts{Class: priority.Imminent, Kind: ask.Vain}},
		"its next page, 2 of 3": {
			why.Facts{Kind: ask.NextPage}, func(t *task.Task) { t.Reading = &task.Reading{Page: 1, Count: 21, PageSize: 10} },
		},
		"lost, in case the vendor knows it after all":   {why.Facts{Kind: ask.Vain}, func(t *task.Task) { t.Phase = prefetch.Lost }},
		"only statuses are left that no page documents": {facts: why.Facts{Kind: ask.Vain}},
		"how many of its URLs have failed, may have finished": {
			facts: why.Facts{Kind: ask.Regular, Counted: new(prefetch.Failed), Chance: 0.1},
		},
		"how many of its URLs still wait, to see how far it is": {
			facts: why.Facts{Kind: ask.Regular, Counted: new(prefetch.Waiting)},
		},
		"how many of its URLs have succeeded, likely to have finished": {
			facts: why.Facts{Kind: ask.Regular, Counted: new(prefetch.Succeeded), Chance: 0.5},
		},
		"to be sure how many URLs it has": {facts: why.Facts{Kind: ask.Regular, Total: true}},
		"never asked before":              {facts: why.Facts{Kind: ask.Regular, Class: priority.Starved}},
		"it waited for long": {
			why.Facts{Kind: ask.Regular, Class: priority.Starved}, func(t *task.Task) { t.LastAsked = now },
		},
		"may have finished": {why.Facts{Kind: ask.Regular, Chance: 0.4}, func(t *task.Task) { t.LastAsked = now }},
	} {
		about := task.New(prefetch.Task{ID: "a"}, now)
		if c.change != nil {
			c.change(&about)
		}
		if got := c.facts.Task(&about); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := why.Tasks(1) + ", " + why.Tasks(2); got != "1 task, 2 tasks" {
		t.Errorf("got %q", got)
	}
}
