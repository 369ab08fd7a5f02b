package poller

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// failureBase is the first gap of an account's backoff.
const failureBase = 15 * time.Second

// health is what the last calls say of the account.
type health struct {
	Up      bool            `json:"up"`
	Failing prefetch.Reason `json:"failing,omitempty"`
	// Failures are account failures in a row, as [outage] counts them, RetryAt
	// the end of the backoff.
	Failures int       `json:"failures,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	// Since is when the account began to fail, and Calls how many calls have, which
	// is more than Failures.
	Since time.Time `json:"since,omitzero"`
	Calls int       `json:"failed_calls,omitempty"`
}

// outage tells which failures are one. It is of this process only: no call is
// under way at a restart.
type outage struct {
	// before is the number of the last call that had left when the last failure
	// became known: calls up to it knew nothing of it, and failing is no news.
	before uint64
	// countFrom is when a further failure counts.
	countFrom time.Time
}

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
			a.journal.changed(t, phase)
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
		a.journal.warn(warnFailure+warning(err.Reason), q.TaskID(), callFailed, what...)
		return true
	}
	a.accountFailed(e, err, m)
	a.journal.failed(err.Reason, append(what, "failures_in_a_row", a.health.Failures)...)
	return true
}

// answeredWell notes that the account itself is well.
func (a *account) answeredWell(e errand) {
	a.answered = max(a.answered, e.number)
	if a.health.Calls > 0 {
		a.journal.again(a.health)
	}
	a.setHealth(health{Up: true})
	a.outage.countFrom = time.Time{}
}

// accountFailed counts a failure of the account, which backs off from the second
// in a row on.
//
// A call that left before the last failure was known is that failure once more,
// and not even that if one that left after it has answered since. From the third
// on, a failure counts only where one task alone, which is asked every poll
// interval, would have met one: so an account with many tasks or many calls in
// flight tries as often as one with a single task, and is back no later.
func (a *account) accountFailed(e errand, err *vendorapi.Error, m *planner.Heard) {
	h := a.health
	switch first := h.Failures == 0; {
	case e.number < a.answered:
		return
	case e.number <= a.outage.before:
	default:
		a.outage.before = a.sent
		if h.Failures <= 1 || !m.Now.Before(a.outage.countFrom) {
			h.Failures++
			a.outage.countFrom = clock.Later(a.outage.countFrom, e.left).Add(m.PollInterval)
		}
		if !first {
			h.RetryAt = m.Now.Add(m.Life.Backoff(failureBase, h.Failures-1))
			if from := a.outage.countFrom; h.RetryAt.Before(from) && h.RetryAt.Add(failureBase).After(from) {
				h.RetryAt = from // the next one should count
			}
			if again := err.Again; !again.IsZero() && again.Before(h.RetryAt) {
				h.RetryAt = again // as the error says
			}
		}
	}
	if h.Calls++; h.Since.IsZero() {
		h.Since = m.Now
	}
	h.Up, h.Failing = false, err.Reason
	a.setHealth(h)
}

// askNow ends the account's backoff, and has the tasks whose last question it
// failed asked for at once.
func (a *account) askNow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removed || a.health.Up {
		return
	}
	a.forgive()
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

// forgive ends the backoff: somebody asked for a call now. The quota, and what the
// vendor said of it, stay as they are.
func (a *account) forgive() {
	h := a.health
	h.Failures, h.RetryAt, a.outage.countFrom = 0, time.Time{}, time.Time{}
	a.setHealth(h)
}

func (a *account) setHealth(h health) {
	if h != a.health {
		a.health, a.unsaved = h, true
	}
}
