// Package health is how an account is: which failures of its calls are one outage,
// and how long it backs off.
//
// It is pure: calls are told to it in the order of their ends, with the time.
package health

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// failureBase is the first gap of an account's backoff.
const failureBase = 15 * time.Second

// State is what the last calls say of an account. It survives a restart.
type State struct {
	Up      bool            `json:"up"`
	Failing prefetch.Reason `json:"failing,omitempty"`
	// Failures are account failures in a row, of which an outage has fewer than
	// calls that failed; RetryAt is the end of the backoff.
	Failures int       `json:"failures,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	// Since is when the account began to fail, and Calls how many calls have, which
	// is more than Failures.
	Since time.Time `json:"since,omitzero"`
	Calls int       `json:"failed_calls,omitempty"`
}

// Health is a [State], and which failures are one. That is of this process only: no
// call is under way at a restart.
type Health struct {
	State

	// sent is how many calls left, and answered the last of them that the account
	// answered, by number.
	sent, answered uint64
	// before is the number of the last call that had left when the last failure
	// became known: calls up to it knew nothing of it, and failing is no news.
	before uint64
	// countFrom is when a further failure counts.
	countFrom time.Time
}

// Call is a call that left.
type Call struct {
	// Number is its place among those that left, from 1, and Left when it did.
	Number uint64
	Left   time.Time
}

// Leaves returns the number of a call that leaves now.
func (h *Health) Leaves() uint64 {
	h.sent++
	return h.sent
}

// Answered notes that the account itself is well: a call was answered, if only with
// a task's own trouble.
func (h *Health) Answered(number uint64) {
	h.answered = max(h.answered, number)
	h.State, h.countFrom = State{Up: true}, time.Time{}
}

// Failed counts a failure of the account, which backs off from the second in a row
// on. interval is the least time between two questions about a task.
//
// A call that left before the last failure was known is that failure once more,
// and not even that if one that left after it has answered since. From the third
// on, a failure counts only where one task alone, which is asked every poll
// interval, would have met one: so an account with many tasks or many calls in
// flight tries as often as one with a single task, and is back no later.
func (h *Health) Failed(c Call, err *vendorapi.Error, m *task.Moment, interval time.Duration) {
	switch first := h.Failures == 0; {
	case c.Number < h.answered:
		return
	case c.Number <= h.before:
	default:
		h.before = h.sent
		if h.Failures <= 1 || !m.Now.Before(h.countFrom) {
			h.Failures++
			h.countFrom = clock.Later(h.countFrom, c.Left).Add(interval)
		}
		if !first {
			h.RetryAt = m.Now.Add(m.Backoff(failureBase, h.Failures-1))
			if h.RetryAt.Before(h.countFrom) && h.RetryAt.Add(failureBase).After(h.countFrom) {
				h.RetryAt = h.countFrom // the next one should count
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
}

// Forgive ends the backoff, and reports whether that changed anything that is kept.
func (h *Health) Forgive() (changed bool) {
	changed = h.Failures != 0 || !h.RetryAt.IsZero()
	h.Failures, h.RetryAt, h.countFrom = 0, time.Time{}, time.Time{}
	return changed
}

// Wait is how long calls must wait since they failed. One that is longer than any
// was reckoned by a clock that was set back since.
func (h *Health) Wait(now time.Time) time.Duration {
	if wait := h.RetryAt.Sub(now); wait > 0 && wait <= clock.LongestRetry {
		return wait
	}
	return 0
}

// Move moves every time by as much as our clock was set.
func (h *Health) Move(move func(at *time.Time)) {
	for _, at := range []*time.Time{&h.RetryAt, &h.Since, &h.countFrom} {
		move(at)
	}
}
