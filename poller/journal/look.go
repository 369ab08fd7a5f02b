package journal

import (
	"iter"
	"time"

	"prefetch_exporter/poller/task"
)

// Look is what came of a look that asks at once for everything that the budget
// allows.
type Look struct {
	// Calls is how many calls were made of so many that were allowed at Most, since a
	// time, and Failed how many of them failed.
	Calls, Failed, Most int
	Since               time.Time
	// More: there is another question. Backoff is the end of the account's, and Next
	// when the budget allows the next call.
	More          bool
	Backoff, Next time.Time
	// LookBack: that is counted too.
	LookBack bool
}

// Looked logs what a look made of an account's tasks, and why it asked no more.
func (j *Journal) Looked(l Look, tasks iter.Seq[*task.Task]) {
	answered, watched, unsettled := 0, 0, 0
	for t := range tasks {
		if t.Listed && !t.LastRefresh.Before(l.Since) {
			answered++
		}
		if t.Watched() {
			watched++
		}
		if t.Unsettled() {
			unsettled++
		}
	}
	why := l.whyNoMore(j.now())
	if !l.More {
		why = l.whyNothing(watched, unsettled)
	}
	if l.Calls == 0 {
		j.log.Info("asked nothing", "why", why)
		return
	}
	j.log.Info("asked once", "calls", l.Calls, "failed", l.Failed, "tasks_answered", answered, "why_no_more", why)
}

// whyNoMore says in a few words why no further call is made now, though there is
// another question.
func (l *Look) whyNoMore(now time.Time) string {
	switch {
	case l.Backoff.After(now):
		return "calls fail, and it backs off"
	case l.Next.After(now):
		return "the budget allows the next call at " + l.Next.UTC().Format(time.RFC3339)
	case l.Calls >= l.Most:
		return "as many calls were made as the limit has"
	default:
		return "stopped, or no call can be recorded"
	}
}

// whyNothing says why there is no question.
func (l *Look) whyNothing(watched, unsettled int) string {
	switch {
	case unsettled > 0 || l.LookBack:
		return "everything was asked for"
	case watched > 0:
		return "every task is settled"
	default:
		return "no task"
	}
}
