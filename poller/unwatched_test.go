package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// What is known of tasks that are not watched is published apart: of one whose
// time is over, and of one that no source lists.
func TestUnwatchedTasksArePublished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simhuaweicloud.New(huaweiOptions())
		a := huawei(t, vendor)
		a.Retention = 6 * time.Hour
		began := time.Now()
		for _, id := range []string{"deleted", "ended"} {
			vendor.Submit(simulator.Task{ID: id, Owner: project, URLs: plans(3, 5*time.Minute)})
		}
		st := newMemory()
		r := start(t, st, []poller.Account{a}, configured(a.Account, "ended"), configured(a.Account, "deleted"))
		wait(10 * time.Minute)
		settled := r.task(t, a.Account, "ended")
		if settled == nil || !settled.Settled() || len(r.account(t, a.Account).Unwatched) > 0 {
			t.Fatalf("not settled: %+v", settled)
		}
		wait(6*time.Hour - 12*time.Minute)
		r.list(configured(a.Account, "ended"))
		wait(12 * time.Minute)
		check := func() {
			t.Helper()
			got := r.account(t, a.Account)
			if len(got.Tasks) > 0 || len(got.Unwatched) != 2 {
				t.Fatalf("%d watched, %d not, want the two that are not", len(got.Tasks), len(got.Unwatched))
			}
			deleted, ended := got.Unwatched[0], got.Unwatched[1]
			if deleted.ID != "deleted" || !deleted.Ended.IsZero() || deleted.Counts != settled.Counts {
				t.Errorf("deleted: %+v", deleted)
			}
			if ended.ID != "ended" || !ended.Settled() || ended.Counts != settled.Counts || !ended.Finished.Equal(settled.Finished) ||
				ended.Ended.Before(began.Add(5*time.Minute)) || ended.Ended.After(began.Add(7*time.Minute)) {
				t.Errorf("ended at %v: %+v", ended.Ended, ended.TaskState)
			}
		}
		check()
		r.stop()
		r = start(t, st, []poller.Account{a}, configured(a.Account, "ended"))
		check()
		r.list()
		check()
	})
}
