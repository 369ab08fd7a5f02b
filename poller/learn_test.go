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

// itemOf is the rows of one task that was created at a time, the n-th of which is
// final a while later.
func itemOf(owner string, n int, created time.Time, takes func(n int) time.Duration) []joinRow {
	rows := make([]joinRow, n)
	for i := range rows {
		rows[i] = joinRow{
			url: fmt.Sprintf("https://example.com/%s/%d", owner, i), owner: owner, created: created, ends: created.Add(takes(i)),
		}
	}
	return rows
}

// A vendor that refuses small pages is asked for counts with the same page as for
// rows, and remembered so.
func TestAVendorThatRefusesSmallPages(t *testing.T) {
	t.Parallel()
	for _, watch := range []bool{false, true} {
		t.Run(fmt.Sprintf("watch_window=%v", watch), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Hour)
				created := time.Now().Add(-time.Hour)
				vendor := &joins{rows: itemOf("a", 150, created, func(int) time.Duration { return 10 * time.Minute })}
				v, refused := windowsOf(vendor), 0
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					if q.PageSize < 10 {
						refused++
						return vendorapi.Answer{}, &vendorapi.Error{
							Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeaturePageSize, HTTPStatus: 200, Message: "page size error",
						}
					}
					return vendor.answer(n, q)
				}
				a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
				a.WatchWindow = watch
				var specs []prefetch.Task
				if !watch {
					specs = append(specs, configured(edgeAccount, "a"))
				}
				st := newMemory()
				for range 2 {
					r := start(t, st, []poller.Account{a}, specs...)
					wait(12 * time.Hour)
					if !watch {
						if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts[prefetch.Succeeded] != 150 {
							t.Errorf("%v with %v", got.Phase, got.Counts)
						}
					} else if got := r.account(t, edgeAccount).Window; got == nil || got.Total() != 150 {
						t.Errorf("the look-back has %v", got)
					}
					if refused != 1 || len(r.recorder.failed) != 0 {
						t.Errorf("refused %d times, failures %v", refused, r.recorder.failed)
					}
					r.stop()
				}
			})
		})
	}
}
