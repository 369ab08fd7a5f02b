package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

// A large task that was listed before it was submitted, and so lost, is found.
func TestALostTaskTurnsOutToBeLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simulator.NewCDNetworks(edgeOptions())
		r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, configured(edgeAccount, "a"))
		wait(40 * time.Minute)
		if got := r.task(t, edgeAccount, "a").Phase; got != prefetch.Lost {
			t.Fatalf("the task is %v before it was submitted", got)
		}
		vendor.Submit(large("a", 400))
		wait(3 * time.Hour)
		if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts != vendor.Counts("a") {
			t.Errorf("%v with %v, the vendor has %v", got.Phase, got.Counts, vendor.Counts("a"))
		}
	})
}

// Tasks whose creation was written hours ahead are asked for one by one: no
// window of the past can tell of them.
func TestTasksFromTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const tasks = 4
		vendor := simulator.NewCDNetworks(edgeOptions())
		var specs []prefetch.Task
		for n := range tasks {
			spec := submit(vendor, simulator.Task{
				ID: fmt.Sprintf("task-%d", n), Owner: user, Created: time.Now(), URLs: plans(5, 3*time.Minute),
			})
			spec.Created = spec.Created.Add(8*time.Hour + time.Duration(n)*time.Second)
			specs = append(specs, spec)
		}
		r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, specs...)
		wait(2 * time.Hour)
		if got := r.account(t, edgeAccount).Phases[prefetch.Settled]; got != tasks {
			t.Errorf("%d of %d tasks settled after %v calls", got, tasks, r.recorder.called)
		}
	})
}

// The same URLs were submitted twice within a minute, and the second submission
// falls off the page: what the first one's rows show is not the second's.
func TestResubmittedBeyondThePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simulator.NewCDNetworks(edgeOptions())
		began := time.Now().Add(-10 * time.Minute)
		stuck := func(id, prefix string, n int, at time.Time, stuck bool) prefetch.Task {
			urls := make([]simulator.URLPlan, n)
			for i := range urls {
				urls[i] = simulator.URLPlan{URL: fmt.Sprintf("https://example.com/%s/%d", prefix, i), Stuck: stuck}
			}
			return submit(vendor, simulator.Task{ID: id, Owner: user, Created: at, URLs: urls})
		}
		stuck("first", "same", 60, began, false)
		second := stuck("second", "same", 60, began.Add(30*time.Second), true)
		near := stuck("near", "near", 5, began.Add(40*time.Second), true)
		r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, second, near)
		for range 12 {
			wait(6 * time.Minute)
			if got := r.task(t, edgeAccount, "second"); got.Answered && got.Counts != vendor.Counts("second") {
				t.Fatalf("%v with %v, the vendor has %v", got.Phase, got.Counts, vendor.Counts("second"))
			}
		}
		if !r.task(t, edgeAccount, "second").Answered {
			t.Error("it was never asked for")
		}
	})
}
