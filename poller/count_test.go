package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// A task that does not fit a page is counted: the first page tells that it is
// large, and two counts tell the rest, together or not at all.
func TestALargeTaskIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		vendor.Submit(large("a", 400))
		r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, configured(edgeAccount, "a"))
		for vendor.Stats().Calls < 3 {
			if got := r.task(t, edgeAccount, "a"); got.Answered {
				t.Fatalf("published after %d calls: %v", vendor.Stats().Calls, got.Counts)
			}
			wait(10 * second)
		}
		wait(10 * second)
		got, truth := r.task(t, edgeAccount, "a"), vendor.Counts("a")
		if !got.Settled() || got.Counts != truth || truth.Total() != 400 {
			t.Errorf("%v %v, the vendor has %v", got.Phase, got.Counts, truth)
		}
		failed := 0
		for _, u := range got.URLs {
			if u.Status == prefetch.Failed {
				failed++
			}
		}
		if failed != truth[prefetch.Failed] {
			t.Errorf("%d of %d failed rows came along", failed, truth[prefetch.Failed])
		}
		if n := r.recorder.called[string(vendorapi.QueryCount)]; n != 2 {
			t.Errorf("%d counts", n)
		}
	})
}

// What is not proven is not called settled: while one URL of a large task is
// under way the counts leave a gap.
func TestALargeTaskWithOneURLLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		task := large("a", 250)
		task.URLs[249].Stuck = true
		vendor.Submit(task)
		r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, configured(edgeAccount, "a"))
		wait(6 * time.Hour)
		if got := r.task(t, edgeAccount, "a"); got.Settled() || got.Counts.Total() != 250 || got.Counts.Final() != 249 {
			t.Errorf("%v %v", got.Phase, got.Counts)
		}
		if n := vendor.Stats().OverQuota; n != 0 {
			t.Errorf("%d calls over the quota", n)
		}
	})
}

// A restart amid the counts of a large task, or between them, shows nothing that
// was not proven and costs no call.
func TestARestartWhileATaskIsCounted(t *testing.T) {
	t.Parallel()
	// The calls are: the first page, what failed, what succeeded.
	for calls := range 4 {
		t.Run(fmt.Sprint("after ", calls), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := simcdnetworks.New(edgeOptions())
				vendor.Submit(large("a", 400))
				st, a := newMemory(), edge(t, vendor)
				r := start(t, st, []poller.Account{a}, configured(edgeAccount, "a"))
				if calls == 0 {
					r.stop()
				}
				for vendor.Stats().Calls < calls {
					wait(second)
				}
				synctest.Wait()
				before, made := r.task(t, edgeAccount, "a"), vendor.Stats().Calls
				r.stop()
				wait(2 * time.Minute)
				r = start(t, st, []poller.Account{a}, configured(edgeAccount, "a"))
				if diff := cmp.Diff(before, r.task(t, edgeAccount, "a")); diff != "" {
					t.Errorf("before any call (-before +after):\n%s", diff)
				}
				for vendor.Stats().Calls < 3 {
					if got := r.task(t, edgeAccount, "a"); got.Answered || got.Counts.Total() != 0 {
						t.Fatalf("shown after %d calls: %v", vendor.Stats().Calls, got.Counts)
					}
					wait(second)
				}
				wait(20 * time.Minute)
				got, truth := r.task(t, edgeAccount, "a"), vendor.Counts("a")
				if !got.Settled() || got.Counts != truth {
					t.Errorf("%v %v, the vendor has %v", got.Phase, got.Counts, truth)
				}
				if n := vendor.Stats(); n.Calls != max(3, made) || n.OverQuota != 0 {
					t.Errorf("%d calls, %d of them over the quota, for a task that takes 3", n.Calls, n.OverQuota)
				}
			})
		})
	}
}
