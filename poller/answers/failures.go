package answers

import (
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Failed applies a failed call. It reports false for one that only taught how to
// ask.
func (a *Account) Failed(q Question, c health.Call, err *vendorapi.Error, m *planner.Heard) bool {
	if err.Refused != "" && a.Dialect.Refused(err.Refused, q.Query, m.Now) {
		a.relearned()
		a.Journal.Learned("the vendor does not support what its pages document; asking otherwise from now on",
			"feature", err.Refused, "message", err.Message, "request_id", err.RequestID)
		a.well(c.Number)
		for _, t := range q.Tasks() {
			t.AskAgain(m.Now)
		}
		return false
	}
	several := len(q.Others) > 0
	for _, t := range q.Tasks() {
		if several && err.Reason.ConcernsTask() {
			t.AskAlone(m.Now) // nobody knows which of them it is
			continue
		}
		if several && err.Reason == prefetch.ReasonTimeout {
			t.AskAlone(m.Now) // it may be too much, or one of them
		}
		phase := t.Phase
		t.Fail(err, &m.Life)
		a.Journal.Changed(&t.Task, phase)
	}
	if q.Task == nil && err.Reason.ConcernsTask() {
		// It will be the same again at once. Tasks do without windows for a while; but
		// if the question was about the look-back that is no matter of theirs.
		if until := m.Now.Add(clock.LongestRetry); q.Watch != nil {
			a.Watch.Refused(until)
		} else {
			*a.NoWindow = until
		}
	}
	what := []any{"task", q.TaskID(), "reason", err.Reason, "err", err, "request_id", err.RequestID}
	if err.Reason.ConcernsTask() {
		a.well(c.Number)
		a.Health.Failing = err.Reason
	} else {
		a.Health.Failed(c, err, &m.Life, m.PollInterval)
		what = append(what, "failures_in_a_row", a.Health.Failures)
	}
	a.Journal.Failed(err.Reason, q.TaskID(), what...)
	return true
}

// well notes that the account itself is.
func (a *Account) well(number uint64) {
	if a.Health.Calls > 0 {
		a.Journal.Again(a.Health.Failing, a.Health.Since, a.Health.Calls)
	}
	a.Health.Answered(number)
}
