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

// windowsAsked is how many windows were asked for.
func windowsAsked(r *rig) (n int) {
	r.recorder.do(func() { n = r.recorder.called[string(vendorapi.QueryWindow)] })
	return n
}

// Once others submit very much in a minute. Windows that would be full of that
// are not asked for, but it is over soon: some hours later windows tell of each
// launch again, also after a restart.
func TestABurstOfUnwatchedRows(t *testing.T) {
	t.Parallel()
	for _, unwatched := range []int{0, 700, 5000, 100_000} {
		t.Run(fmt.Sprint(unwatched), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(100 * time.Hour)
				vendor := &joins{}
				a := account(edgeAccount, windowsOf(vendor), prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
				st := newMemory()
				r := start(t, st, []poller.Account{a})
				var tasks []prefetch.Task
				for launch := range 12 {
					if launch == 8 {
						r.stop()
						r = start(t, st, []poller.Account{a}, tasks...)
					}
					now := time.Now().Truncate(time.Second)
					before := windowsAsked(r)
					for n := range 8 {
						spec := configured(edgeAccount, fmt.Sprintf("launch-%d-%d", launch, n))
						spec.Created = now.Add(time.Duration(n) * time.Second)
						rows := itemOf(spec.ID, 10, spec.Created, func(i int) time.Duration { return time.Duration(20+i) * time.Minute })
						for i := range rows {
							spec.URLs = append(spec.URLs, rows[i].url)
						}
						vendor.rows, tasks = append(vendor.rows, rows...), append(tasks, spec)
					}
					if launch == 4 {
						vendor.rows = append(vendor.rows, itemOf("", unwatched, now.Add(3*second), func(int) time.Duration { return time.Minute })...)
					}
					r.list(tasks...)
					wait(2 * time.Hour)
					// Within 6 hours after the burst.
					if told := windowsAsked(r) - before; told == 0 && (launch < 4 || launch > 7) {
						t.Errorf("no window was asked for after launch %d", launch)
					}
				}
				if got := r.account(t, edgeAccount).Phases[prefetch.Settled]; got != len(tasks) {
					t.Errorf("%d of %d tasks are known to be settled", got, len(tasks))
				}
			})
		})
	}
}
