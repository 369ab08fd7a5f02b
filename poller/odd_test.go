package poller_test

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// A large task that was listed before it was submitted, and so lost, is found.
func TestALostTaskTurnsOutToBeLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
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
		vendor := simcdnetworks.New(edgeOptions())
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
		vendor := simcdnetworks.New(edgeOptions())
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

// The vendor sorts by item, so that a page of few submissions looks as if it were
// in order of creation. The first one on it has the URLs of the task, half a minute
// earlier, and the task's own rows fall off the page.
func TestResubmittedOnAPageInAnotherOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().Add(-10 * time.Minute)
		var rows []joinRow
		for _, s := range []struct {
			owner, url string
			created    time.Time
			takes      time.Duration
		}{
			{"", "same", began.Add(-30 * second), time.Minute},
			{"other", "other", began.Add(5 * time.Minute), time.Minute},
			{"task", "same", began, 100 * time.Hour},
		} {
			for i := range 5 {
				rows = append(rows, joinRow{url: fmt.Sprint(s.url, i), owner: s.owner, created: s.created, ends: s.created.Add(s.takes)})
			}
		}
		vendor := &joins{rows: rows}
		v := &stub{answer: vendor.answer, caps: vendorapi.Capabilities{
			Windows: true, Paged: true, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1, PageSize: 10, LookBack: 72 * time.Hour, MaxSpan: longest,
		}}
		var specs []prefetch.Task
		for id, created := range map[string]time.Time{"task": began, "other": began.Add(5 * time.Minute)} {
			spec := configured(edgeAccount, id)
			spec.Created = created
			for i := range rows {
				if rows[i].owner == id {
					spec.URLs = append(spec.URLs, rows[i].url)
				}
			}
			specs = append(specs, spec)
		}
		r := start(t, newMemory(), []poller.Account{account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})}, specs...)
		wait(30 * time.Minute)
		if got := r.task(t, edgeAccount, "task"); !got.Answered || got.Counts[prefetch.Running] != 5 {
			t.Errorf("%v with %v, all of it runs", got.Phase, got.Counts)
		}
		if v.asked()[0].Kind != vendorapi.QueryWindow {
			t.Errorf("no window was asked first: %+v", v.asked())
		}
	})
}

// afar dates the rows that run so far ahead that nanoseconds do not reach there.
type afar struct{ vendorapi.Provider }

func (a afar) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	ans, err := a.Provider.Query(ctx, q)
	if q.Kind == vendorapi.QueryWindow && q.Status != nil {
		for i := range ans.URLs {
			ans.URLs[i].Created = time.Unix(0, math.MaxInt64)
		}
	}
	return ans, err
}

// Rows of another age belong to nobody.
func TestRowsFromAfar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		tasks := stragglers(vendor, 30, func(int) time.Duration { return 100 * time.Hour })
		a := edge(t, vendor)
		l := &listener{Provider: afar{a.Provider}}
		a.Provider = l
		start(t, newMemory(), []poller.Account{a}, tasks...)
		wait(6 * time.Hour)
		if n := scouts(l.since(0)); n == 0 {
			t.Error("no scout was asked")
		}
	})
}

// One window comes back without any row. The tasks that it should have told of are
// told of by the next ones still, and not asked for one by one from then on.
func TestAWindowWithoutRowsOnce(t *testing.T) {
	t.Parallel()
	for _, slips := range []bool{false, true} {
		t.Run(fmt.Sprint(slips), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := &joins{}
				specs := vendor.burst(20, 6*time.Hour)
				v := windowsOf(vendor)
				var windows atomic.Int64
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					if q.Kind == vendorapi.QueryWindow && q.Status == nil {
						if windows.Add(1) == 3 && slips {
							return vendorapi.Answer{Page: 1, PageSize: q.PageSize}, nil
						}
					}
					return vendor.answer(n, q)
				}
				r := start(t, newMemory(), []poller.Account{account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})}, specs...)
				wait(7 * time.Hour)
				if windows.Load() < 4 || r.recorder.called[string(vendorapi.QueryTask)] > 5 {
					t.Errorf("calls %v", r.recorder.called)
				}
				if got := r.account(t, edgeAccount).Phases[prefetch.Settled]; got != len(specs) {
					t.Errorf("%d of %d tasks are known to be settled", got, len(specs))
				}
			})
		})
	}
}
