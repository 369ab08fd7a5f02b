package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// A clock that ran ahead leaves no part of the look-back that is still to come:
// once it is set right, or the vendor's is known, the look-back is counted again.
func TestTheLookBackOfAClockThatRanAhead(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-1000 * time.Hour, -20 * time.Hour, 20 * time.Hour, 1000 * time.Hour} {
		for _, how := range []string{"stays", "step", "reboot"} {
			t.Run(fmt.Sprint(how, " ", ahead), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					o := edgeOptions()
					o.Quota = simulator.Quota{Calls: 1, Per: time.Minute}
					vendor := simcdnetworks.New(o)
					submitted(vendor, "task-0", time.Now().Add(-30*time.Hour), 20, time.Hour)
					m, st := newMachine(ahead), newMemory()
					a := watching(edgeWith(t, vendor, nil, nil))
					a.Limit = prefetch.Limit{Calls: 1, Per: time.Minute}
					p := rigUp(t, st, m.clock, []poller.Account{a}, nil)
					wait(30 * time.Minute)
					switch how {
					case "step":
						m.set()
					case "reboot":
						p.end()
						m.reboot()
						p = rigUp(t, st, m.clock, []poller.Account{a}, nil)
					}
					defer p.end()
					for range 60 {
						if at := p.Snapshot().Accounts[0].WindowRefresh; how == "reboot" && at.After(m.clock().Wall) {
							t.Fatalf("it is said to be known since %v", at)
						}
						wait(time.Minute)
					}
					got := p.Snapshot().Accounts[0]
					if got.Window == nil || got.Window.Total() != 20 {
						t.Fatalf("the look-back is %v", got.Window)
					}
					if age := m.clock().Wall.Sub(got.WindowRefresh); age < 0 || age > 30*time.Minute {
						t.Errorf("it is said to be known since %v ago", age)
					}
				})
			})
		}
	}
}
