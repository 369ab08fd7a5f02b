package poller_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// reader is a vendor of pages without windows and filters: "large" answers with
// what page() says, every other task with one row that runs.
func reader(page func(q vendorapi.Query) vendorapi.Answer) *stub {
	v := &stub{caps: vendorapi.Capabilities{Paged: true, PageSize: 100, MaxInFlight: 4}}
	v.takes = func(int) time.Duration { return second / 4 }
	v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
		if q.TaskID == "large" {
			return page(q), nil
		}
		return running(n, q)
	}
	return v
}

// honest answers with a page of n rows, of which at most 100 fit one.
func honest(n int) func(q vendorapi.Query) vendorapi.Answer {
	return func(q vendorapi.Query) vendorapi.Answer {
		ans, _ := paged(func() int { return n }, 100)(0, q)
		return ans
	}
}

// others are the calls about every task but the large one, and how long each of
// these waited for one at most.
func others(v *stub, from time.Time) (calls int, longest map[string]time.Duration) {
	last, longest := map[string]time.Time{}, map[string]time.Duration{}
	spans := v.calls()
	for i, q := range v.asked() {
		if q.TaskID == "large" {
			continue
		}
		since, before := last[q.TaskID]
		if !before {
			since = from
		}
		longest[q.TaskID] = max(longest[q.TaskID], spans[i].began.Sub(since))
		last[q.TaskID] = spans[i].began
		calls++
	}
	return calls, longest
}

// A task that is read in many pages takes turns with others, whether calls are many
// or few, and a deadline comes before its pages.
func TestPagesTakeTurns(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for _, c := range []struct {
		name           string
		limit          prefetch.Limit
		deadline, late time.Duration
		wait           time.Duration // of the others, at most
		read           time.Duration // until the large task is known
		calls          int           // for the others, at least
	}{
		{"50 a minute", prefetch.Limit{Calls: 50, Per: minute}, 20 * second, second, 2 * minute, 5 * minute, 8},
		{"1 in 5 minutes", prefetch.Limit{Calls: 1, Per: 5 * minute}, 22 * minute, 304 * second, 80 * minute, 12 * time.Hour, 55},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := reader(honest(6000))
				began := time.Now()
				specs := []prefetch.Task{configured(huaweiAccount, "large")}
				for i := range 4 {
					specs = append(specs, configured(huaweiAccount, fmt.Sprint("small-", i)))
				}
				for i := range specs {
					specs[i].Created = began.Add(-time.Duration(i+1) * minute)
				}
				specs[1].Deadline = began.Add(c.deadline)
				r := start(t, newMemory(), []poller.Account{account(huaweiAccount, v, c.limit)}, specs...)
				for time.Since(began) < c.read && !r.task(t, huaweiAccount, "large").Answered {
					wait(c.limit.Per / 10)
				}
				got := r.task(t, huaweiAccount, "large")
				if got.Counts.Total() != 6000 {
					t.Errorf("after %v: %v, %v", time.Since(began), got.Counts, got.LastError)
				}
				if first := v.calls()[0].began; !got.LastRefresh.Before(first.Add(c.read)) || got.LastRefresh.After(time.Now().Add(-50*c.limit.Per/time.Duration(c.limit.Calls))) {
					t.Errorf("pages that were read from %v to %v are of %v", first, time.Now(), got.LastRefresh)
				}
				if lag := firstAfter(v, specs[1]); lag > c.late {
					t.Errorf("asked for %v after its deadline", lag)
				}
				n, longest := others(v, began)
				if n < c.calls {
					t.Errorf("%d of %d calls were for others", n, len(v.calls()))
				}
				for id, waited := range longest {
					if waited > c.wait {
						t.Errorf("%s waited %v", id, waited)
					}
				}
			})
		})
	}
}

// A count that its pages contradict takes no call from others, and is not believed
// twice in an hour; the API says why the task is not known.
func TestCountsThatPagesContradict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		page func(q vendorapi.Query) vendorapi.Answer
		want string
		most int // calls in an hour
	}{
		{"one row a page", func(q vendorapi.Query) vendorapi.Answer {
			return vendorapi.Answer{Count: 90_000, Page: q.Page, PageSize: 1, URLs: []prefetch.URL{{URL: fmt.Sprint(q.Page), Status: prefetch.Running}}}
		}, "90000 rows", 1},
		{"fewer rows than counted", func(q vendorapi.Query) vendorapi.Answer {
			ans := honest(500)(q)
			ans.Count = 6000
			return ans
		}, "6000 rows again", 6 + 1},
		{"another count on each page", func(q vendorapi.Query) vendorapi.Answer {
			ans := honest(6000)(q)
			ans.Count += q.Page
			return ans
		}, "6001 rows again", 2 + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := reader(c.page)
				specs := append([]prefetch.Task{configured(huaweiAccount, "large")}, many(huaweiAccount, 4)...)
				r := start(t, newMemory(), []poller.Account{account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})}, specs...)
				began := time.Now()
				wait(50 * time.Minute)
				n, longest := others(v, began)
				if large := len(v.calls()) - n; large > c.most {
					t.Errorf("%d calls for it in an hour, want at most %d", large, c.most)
				}
				for id, waited := range longest {
					if waited > 62*second {
						t.Errorf("%s waited %v", id, waited)
					}
				}
				got := r.task(t, huaweiAccount, "large")
				if got.Up || got.Answered || got.LastError == nil || !strings.Contains(got.LastError.Message, c.want) {
					t.Errorf("up %v, %+v, want an error with %q", got.Up, got.LastError, c.want)
				}
				large := len(v.calls()) - n
				wait(time.Hour)
				if n, _ := others(v, began); len(v.calls())-n <= large {
					t.Error("it is never asked for again")
				}
			})
		})
	}
}

// Pages that could not be read in time are too old to stand beside each other. They
// are read anew, and until they are whole it is said why.
func TestAReadingThatGrowsOld(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	synctest.Test(t, func(t *testing.T) {
		v := reader(honest(500))
		var failing atomic.Bool
		good := v.answer
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if failing.Load() {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonUnavailable}
			}
			return good(n, q)
		}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, configured(huaweiAccount, "large"))
		wait(150 * second) // three pages
		failing.Store(true)
		wait(2 * time.Hour)
		failing.Store(false)
		for anew := false; !anew; { // until its first page came
			before := len(v.asked())
			wait(minute)
			for _, q := range v.asked()[before:] {
				anew = anew || q.Page == 2
			}
		}
		if got := r.task(t, huaweiAccount, "large"); got.LastError == nil || !strings.Contains(got.LastError.Message, "only 3 of its 5 pages were read in time") {
			t.Errorf("while it is read anew: %+v", got.LastError)
		}
		wait(10 * time.Minute)
		if got := r.task(t, huaweiAccount, "large"); got.LastError != nil || got.Counts.Total() != 500 {
			t.Errorf("when it was read: %+v, %v", got.LastError, got.Counts)
		}
	})
}
