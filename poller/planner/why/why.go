// Package why says for people why a question is asked: what comes after "because", or
// what is asked for.
package why

import (
	"fmt"

	"prefetch_exporter/poller/planner/ask"
	"prefetch_exporter/poller/planner/priority"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
)

// Facts are what a question about a task was decided by.
type Facts struct {
	Class   priority.Class
	Kind    ask.Kind
	Counted *prefetch.Status // what is counted; nil if nothing is
	Total   bool             // it is asked how many URLs there are
	Chance  float64          // that it has settled
}

// Task is why a task is asked.
func (f Facts) Task(t *task.Task) string {
	switch {
	case f.Class == priority.Overdue:
		return "its deadline passed since the last answer"
	case f.Class == priority.Imminent:
		return "its deadline is near"
	case f.Kind == ask.NextPage:
		r := t.Reading
		return fmt.Sprintf("its next page, %d of %d", r.Page+1, r.Pages())
	case f.Kind == ask.Vain && t.Phase == prefetch.Lost:
		return "lost, in case the vendor knows it after all"
	case f.Kind == ask.Vain:
		return "only statuses are left that no page documents"
	case f.Counted != nil:
		return fmt.Sprintf("how many of its URLs %s, %s", past(*f.Counted), likely(f.Chance))
	case f.Total:
		return "to be sure how many URLs it has"
	case t.LastAsked.IsZero() && !t.Answered():
		return "never asked before"
	case f.Class == priority.Starved:
		return "it waited for long"
	default:
		return likely(f.Chance)
	}
}

// Tasks is a number of tasks.
func Tasks(n int) string {
	if n == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", n)
}

func past(s prefetch.Status) string {
	switch s {
	case prefetch.Failed:
		return "have failed"
	case prefetch.Waiting:
		return "still wait"
	default:
		return "have succeeded"
	}
}

// likely tells a chance that a task has finished without a number.
func likely(chance float64) string {
	const even, little = 0.5, 0.1
	switch {
	case chance >= even:
		return "likely to have finished"
	case chance >= little:
		return "may have finished"
	default:
		return "to see how far it is"
	}
}
