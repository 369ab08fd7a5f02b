package poller

import (
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// failed applies a failed call. It reports false for one that only taught how to
// ask.
func (a *account) failed(e errand, err *vendorapi.Error, m *planner.Heard) bool {
	q := e.question
	if err.Refused != "" && a.dialect.Refused(err.Refused, q.Query, m.Now) {
		a.relearned()
		a.log.Info("the vendor does not support what its pages document; asking otherwise from now on",
			"feature", err.Refused, "message", err.Message, "request_id", err.RequestID)
		a.answeredWell(e)
		if q.Task != nil {
			q.Task.AskAgain(m.Now)
		}
		return false
	}
	a.record.Failed(a.name, err.Reason)
	a.last.Error = &prefetch.Failure{Reason: err.Reason, Message: err.Error(), Time: m.Now}
	if t := q.Task; t != nil {
		phase := t.Phase
		t.Fail(err, &m.Life)
		if t.Phase != phase {
			a.journal.Changed(&t.Task, phase)
		}
	} else if err.Reason.ConcernsTask() {
		// It will be the same again at once. Tasks do without windows for a while; but
		// if the question was about the look-back that is no matter of theirs.
		if until := m.Now.Add(clock.LongestRetry); q.watch != nil {
			a.watch.Refused(until)
		} else {
			a.noWindow = until
		}
	}
	e.budget.Heed(err, e.call)
	what := []any{"task", q.TaskID(), "reason", err.Reason, "err", err, "request_id", err.RequestID}
	if err.Reason.ConcernsTask() {
		a.answeredWell(e)
		a.health.Failing = err.Reason
	} else {
		a.health.Failed(e.Call, err, &m.Life, m.PollInterval)
		what = append(what, "failures_in_a_row", a.health.Failures)
	}
	a.journal.Failed(err.Reason, q.TaskID(), what...)
	return true
}

// answeredWell notes that the account itself is well.
func (a *account) answeredWell(e errand) {
	if a.health.Calls > 0 {
		a.journal.Again(a.health.Failing, a.health.Since, a.health.Calls)
	}
	a.health.Answered(e.Number)
}

// askNow ends the account's backoff, since somebody asked for a call now, and has the tasks whose last question it
// failed asked for at once.
func (a *account) askNow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removed || a.health.Up {
		return
	}
	a.unsaved.Account = a.health.Forgive() || a.unsaved.Account
	now := a.now()
	for _, t := range a.tasks {
		if t.Unsettled() && t.LastError != nil && !t.LastError.Reason.ConcernsTask() {
			t.RetryAt = now
			a.planner.Changed(t)
		}
	}
	a.save()
	a.publish()
	a.signal()
}
