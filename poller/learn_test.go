package poller_test

import (
	"fmt"
	"sync/atomic"
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

// dated is a vendor whose rows appear when they are created, by its clock, and
// that dates each answer as a test wants.
func dated(vendor *joins, date func(n int) time.Time) *stub {
	vendor.gradual = true
	v := windowsOf(vendor)
	v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
		ans, err := vendor.answer(n, q)
		ans.Date = date(n).Truncate(time.Second)
		return ans, err
	}
	return v
}

// One answer is dated three minutes ahead, as by another server, while rows appear
// still: it does not prove that there are no more.
func TestADateThatIsAhead(t *testing.T) {
	t.Parallel()
	for _, urls := range []bool{false, true} {
		for ahead := range 4 {
			t.Run(fmt.Sprintf("urls=%v, answer %d", urls, ahead), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const all = 40
					vendor, began := &joins{}, time.Now()
					for i := range all {
						created := began.Add(time.Duration(i) * 10 * time.Second)
						vendor.rows = append(vendor.rows, joinRow{
							url: fmt.Sprint("https://example.com/", i), owner: "a", created: created, ends: created.Add(2 * time.Second),
						})
					}
					v := dated(vendor, func(n int) time.Time {
						if n == ahead {
							return time.Now().Add(3 * time.Minute)
						}
						return time.Now()
					})
					spec := configured(edgeAccount, "a")
					if urls {
						spec.Created, spec.URLs = began, []string{vendor.rows[0].url}
					}
					a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
					r := start(t, newMemory(), []poller.Account{a}, spec)
					wait(time.Hour)
					if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts[prefetch.Succeeded] != all {
						t.Errorf("%v with %v, there are %d rows", got.Phase, got.Counts, all)
					}
				})
			})
		}
	}
}

// Where one of the clocks is really wrong, the first answer proves less, and the
// second all that it can.
func TestAClockThatIsWrong(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-8 * time.Hour, 10 * time.Minute, 8 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(24 * time.Hour)
				created := time.Now().Add(off - 5*time.Minute).Truncate(time.Second)
				vendor := &joins{rows: itemOf("a", 5, created, func(int) time.Duration { return -9 * time.Hour })}
				v := windowsOf(vendor)
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					ans, err := vendor.answer(n, q)
					ans.Date = time.Now().Add(off).Truncate(time.Second)
					return ans, err
				}
				a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
				r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "a"))
				wait(2*edgeSlot + time.Minute)
				if got := r.task(t, edgeAccount, "a"); !got.Settled() || len(v.calls()) > 2 {
					t.Errorf("%v with %v after %d calls", got.Phase, got.Counts, len(v.calls()))
				}
			})
		})
	}
}

// One row of another status than was asked for, as when it changed while the vendor
// answered, is no proof for ever that the vendor cannot limit answers to one: it is
// asked again a day later, once a day if it really cannot.
func TestASecondTryOfTheFilters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		ignored func(n int) bool // the filter, in the n-th question that has one
		least   int              // questions with a filter on the third day
		most    int
	}{
		{name: "once", ignored: func(n int) bool { return n == 1 }, least: 20, most: 300},
		{name: "always", ignored: func(int) bool { return true }, least: 1, most: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Hour)
				vendor := &joins{rows: itemOf("a", 150, time.Now().Add(-time.Hour), func(n int) time.Duration {
					return time.Duration(n) * time.Hour
				})}
				v := windowsOf(vendor)
				var filtered atomic.Int64
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					whole := q
					whole.PageSize = len(vendor.rows)
					if q.Status != nil {
						if c.ignored(int(filtered.Add(1))) {
							whole.Status = nil
						}
					}
					ans, err := vendor.answer(n, whole)
					ans.URLs = ans.URLs[min(ans.Count, (q.Page-1)*q.PageSize):min(ans.Count, q.Page*q.PageSize)]
					ans.Page, ans.PageSize = q.Page, q.PageSize
					return ans, err
				}
				st := newMemory()
				a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
				r := start(t, st, []poller.Account{a}, configured(edgeAccount, "a"))
				wait(20 * time.Hour)
				if n := filtered.Load(); n == 0 || n > 3 {
					t.Fatalf("%d questions with a filter on the first day", n)
				}
				r.stop()
				r = start(t, st, []poller.Account{a}, configured(edgeAccount, "a"))
				wait(28 * time.Hour)
				before := filtered.Load()
				wait(24 * time.Hour)
				if n := int(filtered.Load() - before); n < c.least || n > c.most {
					t.Errorf("%d questions with a filter on the third day, want %d to %d", n, c.least, c.most)
				}
				if got := r.task(t, edgeAccount, "a"); got.Counts != vendor.counts("a", got.LastRefresh) || time.Since(got.LastRefresh) > time.Hour {
					t.Errorf("%v of %v", got.Counts, got.LastRefresh)
				}
				if len(r.recorder.failed) != 0 {
					t.Errorf("failures %v", r.recorder.failed)
				}
			})
		})
	}
}
