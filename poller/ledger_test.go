package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// A call that was under way when its process ended holds its slot until the vendor
// must have answered it, whoever waits for that, and however often the next process
// begins anew; and no longer.
func TestACallThatNobodyWaitsForHoldsItsSlot(t *testing.T) {
	t.Parallel()
	const takes, limit = 25 * second, 30 * second // the vendor's, and that of any call
	for _, how := range []string{"kill", "stop"} {
		for _, restarts := range []int{0, 5} {
			t.Run(fmt.Sprint(how, ", ", restarts, " restarts"), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v := &stub{
						caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running,
						takes: func(int) time.Duration { return takes },
					}
					a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
					m, st := newMachine(0), newMemory()
					p := rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 3))
					wait(second)
					if how == "kill" {
						st = p.kill(st)
					} else {
						p.end()
					}
					left := time.Now()
					for range restarts {
						p = rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 3))
						wait(4 * second)
						p.end()
					}
					p = rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 3))
					defer p.end()
					wait(a.Limit.Per + limit + 30*second)
					calls := v.calls()
					if len(calls) != 2 {
						t.Fatalf("%d calls, want the one under way and the next", len(calls))
					}
					if err := overQuota(calls, a.Limit); err != nil {
						t.Error(err)
					}
					if waited := calls[1].began.Sub(left); waited > a.Limit.Per+limit+5*second {
						t.Errorf("the next call left %v after the end of the process", waited)
					}
				})
			})
		}
	}
}
