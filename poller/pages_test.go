package poller_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
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

// large is a task of n URLs of which a tenth failed.
func large(id string, n int) simulator.Task {
	task := simulator.Task{ID: id, Owner: user, Created: time.Now().Add(-time.Hour)}
	for i := range n {
		task.URLs = append(task.URLs, simulator.URLPlan{URL: fmt.Sprintf("https://example.com/%03d", i), Fails: i%10 == 0})
	}
	return task
}

func TestPagesArePublishedWhenWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options func(o *simcdnetworks.Options)
		urls    int
		// calls is how many the task takes, again how many a second such task
		// does after a restart: what was learned is remembered.
		calls, again int
	}{
		{name: "250", urls: 250, calls: 2 + 3, again: 3},
		{name: "400", urls: 400, calls: 2 + 4, again: 4},
		{name: "refused", urls: 250, calls: 2 + 2 + 10, again: 10, // 100 and 50 are refused
			options: func(o *simcdnetworks.Options) { o.MaxPageSize = 40 }},
		{name: "refused to 20 and 10", urls: 30, calls: 4 + 2 + 3, again: 3, // 100, 50, 25 and 20 are
			options: func(o *simcdnetworks.Options) { o.MaxPageSize = 12 }},
		{name: "capped", urls: 250, calls: 2 + 7, again: 7,
			options: func(o *simcdnetworks.Options) { o.CapPageSize = 40 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := edgeOptions()
				o.RefuseStatusFilter = true // the rows are counted otherwise
				if c.options != nil {
					c.options(&o)
				}
				vendor := simcdnetworks.New(o)
				vendor.Submit(large("a", c.urls))
				vendor.Submit(large("b", c.urls))
				st, a := newMemory(), edge(t, vendor)
				r := start(t, st, []poller.Account{a}, configured(edgeAccount, "a"))
				for vendor.Stats().Calls < c.calls {
					if got := r.task(t, edgeAccount, "a"); got.Answered {
						t.Fatalf("published after %d calls of %d: %v", vendor.Stats().Calls, c.calls, got.Counts)
					}
					wait(a.Limit.Per / 10)
				}
				got := r.task(t, edgeAccount, "a")
				if want := vendor.Counts("a"); got.Counts != want || want.Total() != c.urls || !got.Settled() {
					t.Errorf("after %d calls: %v %v, the vendor has %v", vendor.Stats().Calls, got.Phase, got.Counts, want)
				}
				if len(r.recorder.failed) != 0 || !r.account(t, edgeAccount).Up {
					t.Errorf("learning was counted as a failure: %v", r.recorder.failed)
				}
				r.stop()
				r = start(t, st, []poller.Account{a}, configured(edgeAccount, "a"), configured(edgeAccount, "b"))
				wait(time.Duration(c.again)*a.Limit.Per + 5*time.Minute)
				if got := r.task(t, edgeAccount, "b"); !got.Settled() || vendor.Stats().Calls != c.calls+c.again {
					t.Errorf("after a restart: %v, %d calls for the second task, want %d",
						got.Phase, vendor.Stats().Calls-c.calls, c.again)
				}
			})
		})
	}
}

// paged answers with the rows of n() URLs, at most size in a page, whatever it
// is asked for and says.
func paged(n func() int, size int) func(int, vendorapi.Query) (vendorapi.Answer, error) {
	return func(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
		total := n()
		ans := vendorapi.Answer{Count: total, Page: q.Page, PageSize: q.PageSize}
		first := (q.Page - 1) * q.PageSize
		for i := first; i < min(total, first+min(q.PageSize, size)); i++ {
			ans.URLs = append(ans.URLs, prefetch.URL{URL: fmt.Sprint(i), Status: prefetch.Running})
		}
		return ans, nil
	}
}

func pagedStub() *stub {
	return &stub{caps: vendorapi.Capabilities{Paged: true, PageSize: 10, MaxInFlight: 1}}
}

func TestACountThatChangesBetweenPagesThrowsTheReadingAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		n.Store(25)
		v := pagedStub()
		v.answer = paged(func() int { return int(n.Load()) }, 10)
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, configured(huaweiAccount, "a"))
		wait(90 * second) // two pages
		n.Store(28)
		wait(time.Minute)
		if got := r.task(t, huaweiAccount, "a"); got.Answered || !got.Up {
			t.Errorf("after pages that do not fit: %+v", got)
		}
		wait(3 * time.Minute)
		if got := r.task(t, huaweiAccount, "a"); got.Counts.Total() != 28 {
			t.Errorf("read anew: %v", got.Counts)
		}
		var pages []int
		for _, q := range v.asked()[:6] {
			pages = append(pages, q.Page)
		}
		if diff := cmp.Diff([]int{1, 2, 3, 1, 2, 3}, pages); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
}

// A vendor that gives fewer rows than it says must not have rows skipped.
func TestPagesThatAreSmallerThanSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := pagedStub()
		v.answer = paged(func() int { return 25 }, 4)
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
		wait(time.Minute)
		got := r.task(t, huaweiAccount, "a")
		seen := map[string]bool{}
		for _, u := range got.URLs {
			seen[u.URL] = true
		}
		if len(seen) != 25 || got.Counts.Total() != 25 {
			t.Errorf("%d different rows of 25 were read", len(seen))
		}
	})
}

func TestMoreRowsThanAnyTaskHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := pagedStub()
		v.answer = paged(func() int { return 1 << 30 }, 10)
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
		wait(10*time.Minute + second)
		if got := r.task(t, huaweiAccount, "a"); got.Answered || got.Up || got.LastError == nil || len(v.calls()) != 1 {
			t.Errorf("%d calls in 10 minutes, %+v", len(v.calls()), got)
		}
	})
}

func TestAPageThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.RefuseStatusFilter = true // the rows are counted otherwise
		vendor := simcdnetworks.New(o)
		task := large("a", 250)
		task.URLs[249].Stuck = true
		vendor.Submit(task)
		var failing atomic.Bool
		vendor.Fault(func(r *http.Request) (int, string, bool) {
			var body strings.Builder
			_ = r.Write(&body)
			second := strings.Contains(body.String(), `"pageNo":"2"`) || strings.Contains(body.String(), `"pageNo":2`)
			return http.StatusBadGateway, "<html>", second && failing.Load()
		})
		st, a := newMemory(), edge(t, vendor)
		r := start(t, st, []poller.Account{a}, configured(edgeAccount, "a"))
		wait(27 * time.Minute)
		before := r.task(t, edgeAccount, "a")
		if before.Counts.Total() != 250 || before.Settled() {
			t.Fatalf("not read: %+v", before)
		}
		failing.Store(true)
		wait(2 * time.Hour)
		after := r.task(t, edgeAccount, "a")
		if after.Up || after.Counts != before.Counts || !after.LastRefresh.Equal(before.LastRefresh) {
			t.Errorf("a page that failed changed %+v to %+v", before, after)
		}
		failing.Store(false)
		wait(time.Hour)
		if got := r.task(t, edgeAccount, "a"); !got.Up || !got.LastRefresh.After(before.LastRefresh) || got.Counts != before.Counts {
			t.Errorf("after the pages came again: %+v", got)
		}
	})
}

// A half-read answer survives a restart, but not a long one: its first pages
// would be too old to stand beside the last.
func TestAHalfReadAnswerOverARestart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		down  time.Duration
		pages []int
	}{
		{10 * time.Minute, []int{1, 2, 3}},
		{3 * time.Hour, []int{1, 2, 1, 2, 3}},
	} {
		t.Run(c.down.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := pagedStub()
				v.answer = paged(func() int { return 25 }, 10)
				a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
				a.PollInterval = 30 * time.Minute
				st := newMemory()
				r := start(t, st, []poller.Account{a}, configured(huaweiAccount, "a"))
				wait(90 * second)
				r.stop()
				wait(c.down)
				r = start(t, st, []poller.Account{a}, configured(huaweiAccount, "a"))
				wait(10 * time.Minute)
				var pages []int
				for _, q := range v.asked() {
					pages = append(pages, q.Page)
				}
				if diff := cmp.Diff(c.pages, pages); diff != "" {
					t.Errorf("pages (-want +got):\n%s", diff)
				}
				if got := r.task(t, huaweiAccount, "a"); got.Counts.Total() != 25 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// A task whose second page always times out must not keep the others waiting.
func TestAPoisonedReadingStarvesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := pagedStub()
		good := paged(func() int { return 10 }, 10)
		poison := paged(func() int { return 25 }, 10)
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			switch {
			case q.TaskID != "task-0":
				return good(n, q)
			case q.Page == 1:
				return poison(n, q)
			default:
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonTimeout}
			}
		}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 5)...)
		for range 8 {
			wait(time.Hour)
			for _, task := range r.account(t, huaweiAccount).Tasks[1:] {
				// Five rounds of five tasks, and the gap after failures.
				if age := time.Since(task.LastRefresh); age > 5*5*time.Minute+15*time.Minute {
					t.Fatalf("%s was refreshed %v ago", task.ID, age)
				}
			}
		}
	})
}
