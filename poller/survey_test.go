package poller_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// While URLs are under way the parts that do not fit a page are counted by
// status; what is not final then counts as running, and every sum is whole.
func TestCountsOfALargePartAreConsistent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		task := submitted(vendor, "a", time.Now().Add(-2*time.Hour), 400, 8*time.Hour)
		r := start(t, newMemory(), []poller.Account{watching(edge(t, vendor))})
		var last prefetch.Counts
		for range 10 * 12 {
			wait(5 * time.Minute)
			a := r.account(t, edgeAccount)
			if a.Window == nil {
				continue
			}
			got := *a.Window
			if got.Total() != len(task.URLs) || got[prefetch.Succeeded] < last[prefetch.Succeeded] || got[prefetch.Failed] < last[prefetch.Failed] {
				t.Fatalf("%v after %v", got, last)
			}
			last = got
		}
		if last != vendor.Counts("a") {
			t.Errorf("shown at last %v, the vendor has %v", last, vendor.Counts("a"))
		}
		// When all is final, no count is made any more.
		counts := func() (n int) {
			r.recorder.do(func() { n = r.recorder.called[string(vendorapi.QueryCount)] })
			return n
		}
		before := counts()
		wait(3 * time.Hour)
		if n := counts() - before; n != 0 {
			t.Errorf("%d more counts of what cannot change", n)
		}
	})
}

// More URLs of one second than fit a page cannot be counted where the vendor
// refuses a status filter: a sum with a hole would be invented, so there is none
// until they have left the look-back.
func TestALookBackThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.RefuseStatusFilter = true
		vendor := simcdnetworks.New(o)
		submitted(vendor, "a", time.Now().Add(-30*time.Hour), 150, time.Hour)
		st, told := newMemory(), &logs{}
		r := rigUpWith(t, st, told.logger(), watching(edge(t, vendor)))
		wait(12 * time.Hour)
		if got := r.Snapshot().Accounts[0].Window; got != nil {
			t.Errorf("shown: %v", got)
		}
		if lines := told.lines("watch_window cannot count"); len(lines) != 1 {
			t.Errorf("warnings: %q", lines)
		}
		wait(30 * time.Hour)
		if got := r.Snapshot().Accounts[0].Window; got == nil || got.Total() != 0 {
			t.Errorf("after they have left: %v", got)
		}
		if n := vendor.Stats().OverQuota; n != 0 {
			t.Errorf("%d calls over the quota", n)
		}
	})
}

// What was shown is withdrawn when such a crowd comes later.
func TestALookBackThatCannotBeCountedAnyMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.RefuseStatusFilter = true
		vendor := simcdnetworks.New(o)
		r := start(t, newMemory(), []poller.Account{watching(edge(t, vendor))})
		wait(2 * time.Hour)
		if r.account(t, edgeAccount).Window == nil {
			t.Fatal("not counted")
		}
		submitted(vendor, "a", time.Now(), 150, time.Hour)
		wait(4 * time.Hour)
		if got := r.account(t, edgeAccount).Window; got != nil {
			t.Errorf("shown: %v", got)
		}
	})
}

// questions remembers what a provider is asked without naming a task.
type questions struct {
	vendorapi.Provider

	mu    sync.Mutex
	asked []string
}

func (q *questions) Query(ctx context.Context, query vendorapi.Query) (vendorapi.Answer, error) {
	ans, err := q.Provider.Query(ctx, query)
	if query.TaskID == "" {
		what := "all"
		if query.Status != nil {
			what = query.Status.String()
		}
		q.mu.Lock()
		q.asked = append(q.asked, fmt.Sprintf("%s %s %d", query.Kind, what, ans.Count))
		q.mu.Unlock()
	}
	return ans, err
}

// after returns what was asked from the n-th question on.
func (q *questions) after(n int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.asked[n:])
}

// A part that does not fit a page takes no more calls than it must: no page is
// read in vain again, no total is asked for twice, and what failed is not asked
// for where nothing else can be left.
func TestWhatALargePartCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		wait(3 * time.Hour)
		task := simulator.Task{ID: "a", Owner: user, Created: time.Now(), URLs: plans(200, 10*time.Minute)}
		task.URLs[7].Fails, task.URLs[8].Stuck = true, true
		vendor.Submit(task)
		wait(15 * time.Minute)
		a := watching(edge(t, vendor))
		q := &questions{Provider: a.Provider}
		a.Provider = q
		r := start(t, newMemory(), []poller.Account{a})
		wait(29 * time.Minute) // three calls for the newest part, one for each of the others but the last
		first := []string{"window all 200", "count succeeded 198", "count failed 1", "window all 0", "window all 0", "window all 0"}
		if diff := cmp.Diff(first, q.after(0)); diff != "" {
			t.Errorf("first (-want +got):\n%s", diff)
		}
		wait(10 * time.Minute)
		n := len(q.after(0))
		wait(15 * time.Minute)
		again := []string{"count all 200", "count succeeded 198", "count failed 1"}
		if diff := cmp.Diff(again, q.after(n)); diff != "" {
			t.Errorf("again (-want +got):\n%s", diff)
		}
		task.URLs[8].Stuck = false
		vendor.Submit(task)
		wait(14 * time.Hour) // the part is over, and all of it is final
		if asked := q.after(n + len(again)); slices.Contains(asked, "count failed 1") {
			t.Errorf("what failed was asked for again: %q", asked)
		}
		if got := r.account(t, edgeAccount).Window; got == nil || *got != vendor.Counts("a") {
			t.Errorf("shown %v, the vendor has %v", got, vendor.Counts("a"))
		}
	})
}

// What was begun goes on after a restart.
func TestACountGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		wait(3 * time.Hour)
		submitted(vendor, "a", time.Now().Add(-time.Hour), 200, 10*time.Minute)
		a := watching(edge(t, vendor))
		q := &questions{Provider: a.Provider}
		a.Provider = q
		st := newMemory()
		for len(q.after(0)) < 4 {
			r := start(t, st, []poller.Account{a})
			wait(6 * time.Minute)
			r.stop()
		}
		want := []string{"window all 200", "count succeeded 180", "count failed 20", "window all 0"}
		if diff := cmp.Diff(want, q.after(0)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// Without a status filter, crowds of URLs far from each other are read in few
// windows.
func TestWhatCrowdsCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.RefuseStatusFilter = true
		vendor := simcdnetworks.New(o)
		submitted(vendor, "a", time.Now().Add(-3*time.Hour), 90, time.Hour)
		submitted(vendor, "b", time.Now().Add(-3*time.Hour-7*second), 90, time.Hour)
		a := watching(edge(t, vendor))
		q := &questions{Provider: a.Provider}
		a.Provider = q
		r := start(t, newMemory(), []poller.Account{a})
		for r.account(t, edgeAccount).Window == nil && len(q.after(0)) < 60 {
			wait(5 * time.Minute)
		}
		if got, want := r.account(t, edgeAccount).Window, rowsSince(vendor, []simulator.Task{
			{ID: "a", Created: time.Now()}, {ID: "b", Created: time.Now()},
		}, time.Time{}); got == nil || *got != want {
			t.Errorf("after %d calls: shown %v, the vendor has %v", len(q.after(0)), got, want)
		}
	})
}

// A vendor whose clock is behind may yet take in what it seems to have told all
// of: that is counted anew, once its clock is known.
func TestALookBackByASlowClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		now := func() time.Time { return time.Now().Add(-30 * time.Minute) }
		o.Now = now
		vendor := simcdnetworks.New(o)
		wait(12*time.Hour + 59*second + second/2) // by our clock a part is just over
		r := start(t, newMemory(), []poller.Account{watching(edgeWith(t, vendor, nil, now))})
		wait(10 * time.Minute)
		vendor.Submit(simulator.Task{ID: "a", Owner: user, URLs: plans(5, second)}) // before noon by its clock
		wait(2 * time.Hour)
		if got := r.account(t, edgeAccount).Window; got == nil || got.Total() != 5 {
			t.Errorf("shown %v, the vendor has 5", got)
		}
	})
}

// A larger page is tried at once.
func TestALookBackIsCountedWithALargerPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.RefuseStatusFilter = true
		vendor := simcdnetworks.New(o)
		submitted(vendor, "a", time.Now().Add(-30*time.Hour), 150, time.Hour)
		small := watching(edge(t, vendor))
		r := start(t, newMemory(), []poller.Account{small})
		wait(6 * time.Hour)
		large := small
		large.Provider = paging{small.Provider, 200}
		if err := r.Configure([]poller.Account{large}); err != nil {
			t.Fatal(err)
		}
		wait(time.Hour)
		if got := r.account(t, edgeAccount).Window; got == nil || *got != vendor.Counts("a") {
			t.Errorf("shown %v, the vendor has %v", got, vendor.Counts("a"))
		}
	})
}

// paging is a provider with another page size.
type paging struct {
	vendorapi.Provider

	size int
}

func (p paging) Capabilities() vendorapi.Capabilities {
	c := p.Provider.Capabilities()
	c.PageSize = p.size
	return c
}

// Counts that do not fit each other are thrown away, and keep no other part from
// being counted.
func TestCountsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := greedy()
		odd := time.Now().Add(-30 * time.Hour)
		v.answer = func(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
			switch {
			case odd.Before(q.From) || odd.After(q.To):
				return vendorapi.Answer{}, nil
			case q.Status != nil:
				return vendorapi.Answer{Count: 140}, nil
			default:
				return vendorapi.Answer{Count: 200, URLs: make([]prefetch.URL, min(q.PageSize, 200))}, nil
			}
		}
		told := &logs{}
		a := watching(account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute}))
		r := rigUpWith(t, newMemory(), told.logger(), a)
		wait(3 * time.Hour)
		if got := r.Snapshot().Accounts[0].Window; got != nil {
			t.Errorf("shown: %v", got)
		}
		if n := len(told.lines("do not fit each other")); n == 0 || n > 3 {
			t.Errorf("%d warnings in 3 hours", n)
		}
		elsewhere := 0
		for _, q := range v.asked() {
			if odd.Before(q.From) || odd.After(q.To) {
				elsewhere++
			}
		}
		if elsewhere < 6 {
			t.Errorf("%d calls for other parts", elsewhere)
		}
	})
}

// What turns out to have been counted wrongly is counted anew, all of it: what is
// shown is never made of old counts and new ones.
func TestCountsThatWereWrong(t *testing.T) {
	t.Parallel()
	type counts struct{ total, succeeded, failed int }
	for _, c := range []struct {
		name        string
		early, late counts
	}{
		{"too few in all", counts{200, 180, 10}, counts{240, 180, 60}},
		{"too many failed", counts{200, 130, 60}, counts{240, 180, 40}},
		{"too many failed, all final", counts{200, 130, 60}, counts{240, 200, 40}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := greedy()
				created, early := time.Now().Add(-30*time.Hour), time.Now().Add(time.Hour)
				v.answer = func(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
					now := c.late
					if time.Now().Before(early) {
						now = c.early
					}
					switch {
					case created.Before(q.From) || created.After(q.To):
						return vendorapi.Answer{}, nil
					case q.Status == nil:
						return vendorapi.Answer{Count: now.total, URLs: make([]prefetch.URL, min(q.PageSize, now.total))}, nil
					case *q.Status == prefetch.Failed:
						return vendorapi.Answer{Count: now.failed}, nil
					default:
						return vendorapi.Answer{Count: now.succeeded}, nil
					}
				}
				r := start(t, newMemory(), []poller.Account{watching(account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute}))})
				for _, want := range []counts{c.early, c.late} {
					wait(time.Hour - second)
					got := r.account(t, edgeAccount).Window
					if got == nil || got.Total() != want.total || got[prefetch.Succeeded] != want.succeeded || got[prefetch.Failed] != want.failed {
						t.Errorf("shown %v, the vendor has %+v", got, want)
					}
					wait(3 * time.Hour)
				}
			})
		})
	}
}

// The look-back that the vendor refuses is learned here as well.
func TestALookBackThatIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		submitted(vendor, "a", time.Now().Add(-24*time.Hour), 20, time.Hour)
		a := watching(edge(t, vendor))
		a.Provider = believing{a.Provider, 7 * 24 * time.Hour}
		r := start(t, newMemory(), []poller.Account{a})
		wait(3 * time.Hour)
		got := r.account(t, edgeAccount)
		if got.Window == nil || *got.Window != vendor.Counts("a") || len(r.recorder.failed) != 0 {
			t.Errorf("%v, failures %v", got.Window, r.recorder.failed)
		}
	})
}

// What was asked last tells that it was for the look-back, and which part of it.
func TestAQuestionOfTheLookBackSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		submitted(vendor, "a", time.Now().Add(-24*time.Hour), 200, time.Hour)
		r := start(t, newMemory(), []poller.Account{watching(edge(t, vendor))})
		said := map[string]bool{}
		for range 12 * 4 {
			wait(5 * time.Minute)
			a := r.account(t, edgeAccount)
			for _, q := range []*prefetch.QueryState{a.LastQuery, a.NextQuery} {
				if q == nil {
					continue
				}
				why, _, _ := strings.Cut(q.Why, " of ")
				said[q.Kind+" "+why+q.Task] = true
			}
		}
		want := map[string]bool{
			"window watch_window: every URL": true, "count watch_window: what succeeded": true, "count watch_window: what failed": true,
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("-want +said:\n%s", diff)
		}
	})
}
