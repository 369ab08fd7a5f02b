package health_test

import (
	"testing"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

var began = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

const second = time.Second

// account is a health that fails and answers at times.
type account struct{ health.Health }

// leaves is a call that leaves so long after the test began.
func (a *account) leaves(after time.Duration) health.Call {
	return health.Call{Number: a.Leaves(), Left: began.Add(after)}
}

// fails tells that a call has, and how long until the next may leave.
func (a *account) fails(c health.Call, after time.Duration, err vendorapi.Error) time.Duration {
	now := began.Add(after)
	if err.Reason == "" {
		err.Reason = prefetch.ReasonTimeout
	}
	a.Failed(c, &err, &task.Moment{Now: now, Jitter: func() float64 { return 0 }}, second)
	return a.Wait(now)
}

// A single call after the other: the backoff begins with the second failure, and
// doubles up to a quarter of an hour.
func TestBackoffDoubles(t *testing.T) {
	t.Parallel()
	var a account
	at := time.Duration(0)
	for i, seconds := range []int{0, 15, 30, 60, 120, 240, 480, 900, 900} {
		want := time.Duration(seconds) * time.Second
		c := a.leaves(at)
		at += second
		wait := a.fails(c, at, vendorapi.Error{})
		if wait != want || a.Failures != i+1 || a.Calls != i+1 || a.Up || !a.Since.Equal(began.Add(second)) {
			t.Fatalf("after failure %d: waits %v, want %v; %+v", i+1, wait, want, a.State)
		}
		at += wait
	}
	a.Answered(a.Leaves())
	if a.State != (health.State{Up: true}) {
		t.Errorf("answers, but %+v", a.State)
	}
	if wait := a.fails(a.leaves(at), at+second, vendorapi.Error{}); wait != 0 || a.Failures != 1 {
		t.Errorf("fails again: waits %v after %d failures", wait, a.Failures)
	}
}

// What is under way together fails once.
func TestAnOutageIsOneFailure(t *testing.T) {
	t.Parallel()
	var a account
	first, second2, third := a.leaves(0), a.leaves(0), a.leaves(0)
	for i, c := range []health.Call{first, second2, third} {
		if wait := a.fails(c, second, vendorapi.Error{}); wait != 0 || a.Failures != 1 || a.Calls != i+1 {
			t.Errorf("call %d: waits %v after %d failures of %d calls", c.Number, wait, a.Failures, a.Calls)
		}
	}
	late, well := a.leaves(2*second), a.leaves(3*second)
	a.Answered(well.Number)
	if wait := a.fails(late, 30*second, vendorapi.Error{}); wait != 0 || !a.Up {
		t.Errorf("a call that left before one that answered: waits %v, %+v", wait, a.State)
	}
}

// From the third on, a failure counts only once in a poll interval; the pause goes
// on all the same.
func TestFailuresCountOncePerInterval(t *testing.T) {
	t.Parallel()
	var a account
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {second / 10, 2}, {second / 5, 2}, {second / 2, 2}, {3 * second, 3}} {
		a.fails(a.leaves(c.at), c.at, vendorapi.Error{})
		if a.Failures != c.want {
			t.Errorf("at %v: %d count, want %d", c.at, a.Failures, c.want)
		}
	}
}

// The next question leaves when its failure would count, if that is near.
func TestBackoffUntilAFailureCounts(t *testing.T) {
	t.Parallel()
	var a account
	m := &task.Moment{Now: began, Jitter: func() float64 { return 0 }}
	err := &vendorapi.Error{Reason: prefetch.ReasonTimeout}
	for range 2 {
		a.Failed(a.leaves(0), err, m, 10*second)
	}
	if wait := a.Wait(began); wait != 20*second {
		t.Errorf("waits %v, want 20s", wait)
	}
}

func TestTheErrorSaysWhen(t *testing.T) {
	t.Parallel()
	var a account
	a.fails(a.leaves(0), 0, vendorapi.Error{})
	again := vendorapi.Error{Again: began.Add(7 * second)}
	if wait := a.fails(a.leaves(second), second, again); wait != 6*second {
		t.Errorf("waits %v, want 6s", wait)
	}
}

func TestForgiveAndMove(t *testing.T) {
	t.Parallel()
	var a account
	if a.Forgive() {
		t.Error("there was nothing to forgive")
	}
	a.fails(a.leaves(0), 0, vendorapi.Error{})
	a.fails(a.leaves(second), second, vendorapi.Error{})
	a.Move(func(at *time.Time) { *at = at.Add(time.Hour) })
	if want := began.Add(time.Hour + 16*second); !a.RetryAt.Equal(want) || !a.Since.Equal(began.Add(time.Hour)) {
		t.Errorf("moved to %v since %v, want %v", a.RetryAt, a.Since, want)
	}
	if wait := a.Wait(a.RetryAt.Add(-clock.LongestRetry - second)); wait != 0 {
		t.Errorf("waits %v by a clock that was set back", wait)
	}
	if !a.Forgive() || a.Wait(began) != 0 || a.Failures != 0 || a.Calls != 2 {
		t.Errorf("forgiven, but %+v", a.State)
	}
}
