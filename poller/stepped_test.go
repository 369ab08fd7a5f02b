package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
)

// What was learned of the vendor's clock while ours was wrong makes no task lost
// once ours is set right.
func TestTheVendorsClockAfterOursIsSetRight(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-1000 * time.Hour, -60 * time.Hour, 60 * time.Hour, 1000 * time.Hour} {
		for _, how := range []string{"step", "restart", "reboot"} {
			t.Run(fmt.Sprint(how, " ", ahead), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWindowed(72 * time.Hour)
					w.created = time.Now().Add(-20 * time.Hour).Truncate(second)
					a := account(edgeAccount, w, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
					spec := configured(edgeAccount, "task-0")
					spec.Created = w.created
					m, st := newMachine(ahead), newMemory()
					p := rigUp(t, st, m.clock, []poller.Account{a}, []prefetch.Task{spec})
					wait(20 * time.Minute)
					state := func() *prefetch.TaskState { return p.Snapshot().Accounts[0].Tasks[0] }
					if state().Phase != prefetch.Active {
						t.Errorf("while the clock is wrong: %v", state().Phase)
					}
					switch how {
					case "step":
						m.set()
					case "restart":
						p.end()
						m.set()
						p = rigUp(t, st, m.clock, []poller.Account{a}, []prefetch.Task{spec})
					default:
						p.end()
						m.reboot()
						p = rigUp(t, st, m.clock, []poller.Account{a}, []prefetch.Task{spec})
					}
					calls := len(w.calls())
					for range 20 {
						wait(time.Minute)
						if state().Phase != prefetch.Active {
							t.Errorf("after it was set right: %v, %d calls", state().Phase, len(w.calls())-calls)
							break
						}
					}
					wait(time.Hour)
					if got := state(); len(w.calls()) == calls || got.Phase != prefetch.Active || time.Since(got.LastRefresh).Abs() > time.Hour {
						t.Errorf("an hour later: %v, refreshed %v ago, %d calls", got.Phase, time.Since(got.LastRefresh), len(w.calls())-calls)
					}
					p.end()
					// Only a reboot leaves doubt, and the first answer ends it.
					if n := len(w.problems); n > 1 || n > 0 && how != "reboot" {
						t.Errorf("windows that may not be asked for: %q", w.problems)
					}
				})
			})
		}
	}
}

// A window that was reckoned with a wrong idea of the vendor's clock proves
// nothing: what is looked for is looked for anew.
func TestAWindowOfAWrongClockProvesNothing(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-1000 * time.Hour, -10 * time.Hour, 10 * time.Hour, 1000 * time.Hour} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWindowed(72 * time.Hour)
				a := account(edgeAccount, w, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
				m, st := newMachine(ahead), newMemory()
				p := rigUp(t, st, m.clock, []poller.Account{a}, many(edgeAccount, 1))
				wait(10 * time.Minute)
				p.end()
				m.reboot()
				w.created = time.Now().Add(-5 * time.Hour).Truncate(second)
				p = rigUp(t, st, m.clock, []poller.Account{a}, []prefetch.Task{configured(edgeAccount, "task-1")})
				defer p.end()
				wait(30 * time.Minute)
				if got := p.Snapshot().Accounts[0].Tasks[0]; got.Phase != prefetch.Active {
					t.Errorf("%v, want it found", got.Phase)
				}
			})
		})
	}
}
