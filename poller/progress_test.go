package poller_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// A loop that waits has not stopped, however long it waits and for whatever: for a
// call that is allowed in hours, for a task, or for an answer.
func TestALoopThatWaitsMakesProgress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit prefetch.Limit
		tasks int
		takes time.Duration
	}{
		"no task":        {limit: prefetch.Limit{Calls: 1, Per: time.Minute}},
		"no call":        {limit: prefetch.Limit{Calls: 1, Per: 24 * time.Hour}, tasks: 3},
		"every minute":   {limit: prefetch.Limit{Calls: 1, Per: time.Minute}, tasks: 3},
		"for its answer": {limit: prefetch.Limit{Calls: 1, Per: time.Minute}, tasks: 3, takes: 30 * second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running, takes: func(int) time.Duration { return c.takes }}
				r := start(t, newMemory(), []poller.Account{account(huaweiAccount, v, c.limit)}, many(huaweiAccount, c.tasks)...)
				for range 200 {
					wait(97 * second)
					if late := time.Since(r.account(t, huaweiAccount).Progress); late != 0 {
						t.Fatalf("the loop is said to be %v late", late)
					}
				}
				if stuck := r.Stuck(0); len(stuck) != 0 {
					t.Errorf("%q", stuck)
				}
			})
		})
	}
}

// A loop that cannot write has stopped: one whose write does not return, and one
// whose writes fail since the disk hangs. It goes on with the disk. Another account,
// which has nothing to write, has not.
func TestALoopWhoseDiskHangsMakesNone(t *testing.T) {
	t.Parallel()
	for how, hang := range map[string]func(thaws chan struct{}) error{
		"fails":  func(chan struct{}) error { return store.ErrHangs },
		"blocks": func(thaws chan struct{}) error { <-thaws; return nil },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
				st, limit := newMemory(), prefetch.Limit{Calls: 1, Per: time.Minute}
				idle := account(edgeAccount, &stub{caps: v.caps, answer: running}, limit)
				r := start(t, st, []poller.Account{account(huaweiAccount, v, limit), idle}, many(huaweiAccount, 3)...)
				wait(10*time.Minute + 30*second)
				late := func(name prefetch.Account) time.Duration { return time.Since(r.account(t, name).Progress) }
				thaws := make(chan struct{})
				st.failWith(func([]store.Op) error { return hang(thaws) })
				before := len(v.calls())
				wait(time.Minute)
				stopped := time.Now().Add(-late(huaweiAccount))
				if since := time.Since(stopped); since < 20*second || since > time.Minute {
					t.Errorf("a minute after the disk hangs the loop is %v late", since)
				}
				for range 60 {
					wait(59 * second)
					if got, want := late(huaweiAccount), time.Since(stopped); got != want {
						t.Errorf("the loop is %v late, want %v", got, want)
					}
					if late(edgeAccount) != 0 {
						t.Errorf("the loop without a task is %v late", late(edgeAccount))
					}
				}
				if stuck := r.Stuck(2 * time.Minute); len(stuck) != 1 || !strings.Contains(stuck[0], `"vod"`) || len(r.Stuck(2*time.Hour)) != 0 {
					t.Errorf("stuck are %q", stuck)
				}
				if n := len(v.calls()) - before; n > 0 {
					t.Errorf("%d calls left that are not in the ledger", n)
				}
				st.failWith(nil)
				close(thaws)
				wait(time.Minute + 20*second)
				if late(huaweiAccount) != 0 || len(r.Stuck(0)) != 0 || len(v.calls()) == before {
					t.Errorf("when the disk goes on the loop is %v late, after %d calls", late(huaweiAccount), len(v.calls())-before)
				}
			})
		})
	}
}

// A call that does not end holds its loop up as well.
func TestALoopWhoseCallDoesNotEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running, takes: func(n int) time.Duration {
			if n > 0 {
				return second
			}
			return time.Hour
		}}
		r := start(t, newMemory(), []poller.Account{quick(v)}, many(huaweiAccount, 1)...)
		wait(3 * time.Minute)
		if stuck := r.Stuck(2 * time.Minute); len(stuck) != 0 {
			t.Errorf("stuck are %q already", stuck)
		}
		r.list(many(huaweiAccount, 2)...) // that the loop wakes for something else does not count
		wait(time.Minute)
		if stuck := r.Stuck(2 * time.Minute); len(stuck) != 1 {
			t.Errorf("stuck are %q", stuck)
		}
		wait(time.Hour)
		if stuck := r.Stuck(0); len(stuck) != 0 {
			t.Errorf("when it has ended stuck are %q", stuck)
		}
	})
}

// A loop that could have rested for hours, and was woken to something that hangs,
// has stopped then, and not when its rest would have been over.
func TestALoopThatHangsBeforeItsRestIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})
		a.PollInterval = 24 * time.Hour
		m, st, thaws := newMachine(0), newMemory(), make(chan struct{})
		p := rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 1))
		wait(time.Minute)
		st.failWith(func([]store.Op) error { <-thaws; return nil })
		m.step(-time.Minute) // what the loop dated moves along, and is stored
		wait(10 * time.Minute)
		now := m.clock().Wall.Round(0)
		if late := now.Sub(p.Snapshot().Accounts[0].Progress); late < 9*time.Minute || late > 10*time.Minute {
			t.Errorf("the loop is %v late", late)
		}
		close(thaws)
		wait(second)
		if stuck := p.Stuck(0); len(stuck) != 0 {
			t.Errorf("stuck are %q", stuck)
		}
		p.end()
	})
}
