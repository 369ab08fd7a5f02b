package account

import (
	"slices"
	"time"

	"prefetch_exporter/poller/answers"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// hear is the way of an answer, or of an error, from the vendor to whoever looks at
// the account: the dialect observes it, a match or the one task that was asked for
// finds whom it tells of, each of these is applied to and learned from (all in answers),
// and what changed is kept. It reports whether the call failed, and is called with
// the lock held.
func (a *Account) hear(e errand, ans vendorapi.Answer, err error, took time.Duration) (failed bool) {
	moved := a.answers.Heard(e.Query, ans, err, answers.When{Now: a.looked, Took: took})
	if err == nil {
		a.discovered(e.Query, &ans, e.Left)
	}
	m := a.moment(e.Left, a.looked.Wall, moved)
	a.last = &prefetch.QueryState{Kind: string(e.Query.Kind), Task: e.TaskID(), Why: e.Why, Time: e.Left}
	a.unsaved.Account = true // every answer teaches something
	var told []*planner.Candidate
	if err == nil {
		told = a.answers.Succeeded(e.Question, e.Number, ans, m)
	} else {
		failed = a.failed(e, vendorapi.AsError(err), m)
		told = e.Tasks()
	}
	a.keep(told, m.Now)
	return failed
}

// keep makes what a call told of tasks durable and then publishes it, all at once.
func (a *Account) keep(told []*planner.Candidate, now time.Time) {
	settled := false
	for _, t := range slices.Clone(told) {
		if a.tasks[t.ID] == t {
			for _, o := range a.failing.Told(&t.Task, a.each) {
				told = append(told, a.tasks[o.ID])
			}
		}
	}
	for _, t := range told {
		if a.tasks[t.ID] == t {
			a.touch(t)
			a.planner.Changed(t)
			if end := t.EndsAt(a.settings.Retention); !end.IsZero() && end.Before(a.sweepAt) {
				a.sweepAt = end
			}
		}
		settled = settled || t.Phase == prefetch.Settled
	}
	if a.dropped > 0 && settled {
		a.refresh(now) // a settled task makes room
		return
	}
	a.save()
	a.publish(told...)
}

// moment is the present, after an answer. It is called with the lock held.
func (a *Account) moment(sent, now time.Time, moved time.Duration) *planner.Heard {
	m := &planner.Heard{Round: a.planner.At(a.situation(now)), Vendor: &a.dialect}
	m.Life = task.Moment{
		Now: now, Left: sent, Sent: sent.Add(m.Offset), Moved: moved, Oldest: m.Oldest(),
		Means: m.Means(), Gradual: m.Capabilities.Gradual, Causes: m.Capabilities.Causes, Windows: m.Capabilities.Windows, Jitter: a.random,
	}
	return m
}

// failed applies a failed call. It reports false for one that only taught how to
// ask.
func (a *Account) failed(e errand, err *vendorapi.Error, m *planner.Heard) bool {
	if !a.answers.Failed(e.Question, e.Call, err, m) {
		return false
	}
	a.record.Failed(a.name, err.Reason)
	a.last.Error = &prefetch.Failure{Reason: err.Reason, Message: err.Error(), Time: m.Now}
	e.budget.Heed(err, e.call)
	return true
}
