package poller_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// twice answers with 25 rows in pages of 10, of which the first one of page 2
// failed. While repeats() says so, the last one of page 1 stands there instead.
func twice(repeats func() bool) func(int, vendorapi.Query) (vendorapi.Answer, error) {
	all := paged(func() int { return 25 }, 10)
	return func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
		ans, err := all(n, q)
		for i := range ans.URLs {
			switch u := &ans.URLs[i]; {
			case u.URL != "10":
				u.Status = prefetch.Succeeded
			case repeats():
				u.URL, u.Status = "9", prefetch.Succeeded
			default:
				u.Status = prefetch.Failed
			}
		}
		return ans, err
	}
}

// without10 is the URLs of twice, where another stands in place of the tenth.
func without10(other string) []string {
	urls := make([]string, 25)
	for i := range urls {
		urls[i] = strconv.Itoa(i)
	}
	urls[10] = other
	return urls
}

// Where it is known what was submitted, a row that always hides behind another is
// missed: no number of readings proves the task.
func TestARowThatIsNeverShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := pagedStub()
		v.answer = twice(func() bool { return true })
		spec := configured(huaweiAccount, "a")
		spec.URLs = without10("10")
		r := start(t, newMemory(), []poller.Account{quick(v)}, spec)
		wait(time.Hour)
		got := r.task(t, huaweiAccount, "a")
		if got.Answered || got.Up || got.LastError == nil || got.LastError.Reason != prefetch.ReasonDecode {
			t.Errorf("%v with %v, up %v: %v", got.Phase, got.Counts, got.Up, got.LastError)
		}
	})
}

// A task whose rows never stay in their places takes no more of the quota than
// others do.
func TestATaskThatIsReadInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := pagedStub()
		readings := 0
		all := paged(func() int { return 25 }, 10)
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if q.TaskID != "task-0" {
				return running(n, q)
			}
			if q.Page == 1 {
				readings++
			}
			ans, err := all(n, q)
			if q.Page == 2 {
				ans.URLs[0].URL = strconv.Itoa(readings % 10)
			}
			return ans, err
		}
		start(t, newMemory(), []poller.Account{account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})}, many(huaweiAccount, 10)...)
		wait(24 * time.Hour)
		calls := map[string]int{}
		for _, q := range v.asked() {
			calls[q.TaskID]++
		}
		if n, fair := calls["task-0"], 3*len(v.asked())/10; n > fair {
			t.Errorf("%d of %d calls were for it, want at most %d", n, len(v.asked()), fair)
		}
	})
}

// A row that moves to the next page while the pages are read hides another one:
// what was read is not the task, although its length is right.
func TestARowThatMovesBetweenPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := pagedStub()
		var readings atomic.Int64
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if q.Page == 1 {
				readings.Add(1)
			}
			return twice(func() bool { return readings.Load() == 1 })(n, q)
		}
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
		for !r.task(t, huaweiAccount, "a").Answered && readings.Load() < 5 {
			wait(second)
		}
		got := r.task(t, huaweiAccount, "a")
		if want := (prefetch.Counts{prefetch.Succeeded: 24, prefetch.Failed: 1}); readings.Load() != 2 || got.Counts != want {
			t.Errorf("%v after %d readings", got.Counts, readings.Load())
		}
	})
}

// A task may have the same URL twice. Where nobody said so, it is believed when two
// readings agree, and from then on.
func TestARowTwiceInATask(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		urls  []string
		pages int // that it takes to know the task
	}{
		{"not configured", nil, 6},
		{"configured", without10("9"), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := pagedStub()
				settles := false
				rows := twice(func() bool { return true })
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					ans, err := rows(n, q)
					if !settles {
						ans.URLs[0].Status = prefetch.Running
					}
					return ans, err
				}
				spec := configured(huaweiAccount, "a")
				spec.URLs = c.urls
				st, a := newMemory(), quick(v)
				r := start(t, st, []poller.Account{a}, spec)
				for !r.task(t, huaweiAccount, "a").Answered && len(v.asked()) < 20 {
					wait(second)
				}
				if n := len(v.asked()); n != c.pages {
					t.Errorf("known after %d pages, want %d", n, c.pages)
				}
				r.stop()
				settles = true
				r = start(t, st, []poller.Account{a}, spec)
				before := len(v.asked())
				for !r.task(t, huaweiAccount, "a").Settled() && len(v.asked()) < before+20 {
					wait(second)
				}
				if n := len(v.asked()) - before; n != 3 {
					t.Errorf("settled after %d more pages, want 3", n)
				}
			})
		})
	}
}
