package prefetch_test

import (
	"testing"
	"time"

	"prefetch_exporter/prefetch"
)

func TestHeard(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state prefetch.TaskState
		want  bool
	}{
		"nothing":       {prefetch.TaskState{}, false},
		"an answer":     {prefetch.TaskState{Answered: true}, true},
		"without a row": {prefetch.TaskState{Up: true}, true},
		"a failure":     {prefetch.TaskState{LastError: &prefetch.Failure{Reason: prefetch.ReasonAuth}}, true},
		"lost":          {prefetch.TaskState{Phase: prefetch.Lost}, true},
	} {
		if got := c.state.Heard(); got != c.want {
			t.Errorf("%s: heard %v, want %v", name, got, c.want)
		}
	}
}

// TestNextLookOfAccount: a task that may be asked waits for the account.
func TestNextLookOfAccount(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		task, call, backoff, want time.Time
	}{
		"never again":  {call: at(1), backoff: at(2)},
		"the task":     {task: at(3), call: at(1), backoff: at(2), want: at(3)},
		"the budget":   {task: at(1), call: at(3), backoff: at(2), want: at(3)},
		"the back-off": {task: at(1), call: at(2), backoff: at(3), want: at(3)},
		"no call yet":  {task: at(1), want: at(1)},
	} {
		account := prefetch.AccountState{NextCall: c.call, BackoffUntil: c.backoff}
		if got := account.NextLook(&prefetch.TaskState{NextLook: c.task}); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestIdentity: an access key is half of a credential and is not written down.
func TestIdentity(t *testing.T) {
	t.Parallel()
	const hashed = "cdnetworks|api.example.com|sha256:6394aa02978125ee55aab5e8acbe0495"
	if got := prefetch.Identity("cdnetworks", "api.example.com", "AKEXAMPLE"); got != hashed {
		t.Errorf("the identity is %q, want %q", got, hashed)
	}
	for name, c := range map[string]struct{ identity, want string }{
		"in clear":       {"cdnetworks|api.example.com|AKEXAMPLE", hashed},
		"hashed already": {hashed, hashed},
		"without a host": {"cdnetworks|AKEXAMPLE", "cdnetworks|AKEXAMPLE"},
		"empty":          {"", ""},
		"a bar in who":   {"p|h|a|b", prefetch.Identity("p", "h", "a|b")},
	} {
		if got := prefetch.HashedIdentity(c.identity); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
