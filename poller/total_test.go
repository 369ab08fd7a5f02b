package poller_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// oddVendor is [joins] with a largest page, some of whose answers a test spoils.
type oddVendor struct {
	joins

	mu   sync.Mutex
	page int // 0 for any
	odd  func(q vendorapi.Query, ans *vendorapi.Answer)
}

// locked runs f while no call is answered.
func (o *oddVendor) locked(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *oddVendor) answer(n int, q vendorapi.Query) (vendorapi.Answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.page > 0 && q.PageSize > o.page {
		return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeaturePageSize}
	}
	ans, err := o.joins.answer(n, q)
	ans.Date = time.Now()
	if o.odd != nil {
		o.odd(q, &ans)
	}
	return ans, err
}

// watchOdd has tasks watched at one call in five minutes.
func watchOdd(t *testing.T, o *oddVendor, specs ...prefetch.Task) *rig {
	t.Helper()
	v := windowsOf(&o.joins)
	v.answer = o.answer
	a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
	return start(t, newMemory(), []poller.Account{a}, specs...)
}

// edgeTask is an item with its creation, and with its URLs if rows are given.
func edgeTask(id string, created time.Time, rows []joinRow) prefetch.Task {
	spec := configured(edgeAccount, id)
	spec.Created = created
	for i := range rows {
		spec.URLs = append(spec.URLs, rows[i].url)
	}
	return spec
}

// after is for rows that all end so long after their creation.
func after(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

// The rows of a large item appear one after the other, the oldest on the first
// page: that page does not tell that more are to come.
func TestALargeTaskThatAppearsGradually(t *testing.T) {
	t.Parallel()
	for _, late := range []int{30, 34, 60} {
		t.Run(fmt.Sprint("late ", late), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Truncate(time.Second)
				rows := itemOf("a", 400, began, after(14*time.Minute))
				for i := range rows {
					rows[i].created = began.Add(time.Duration(i) * time.Second)
				}
				for i := len(rows) - late; i < len(rows); i++ {
					rows[i].ends = began.Add(12 * time.Hour)
				}
				r := watchOdd(t, &oddVendor{joins: joins{rows: rows, gradual: true}}, edgeTask("a", began, nil))
				wait(11 * time.Hour)
				want := prefetch.Counts{prefetch.Running: late, prefetch.Succeeded: 400 - late}
				if got := r.task(t, edgeAccount, "a"); got.Settled() || got.Counts != want {
					t.Errorf("%v %v, want %v", got.Phase, got.Counts, want)
				}
				wait(4 * time.Hour)
				if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts[prefetch.Succeeded] != 400 {
					t.Errorf("%v %v in the end", got.Phase, got.Counts)
				}
			})
		})
	}
}

// The vendor counts wrongly once when a task is first asked for. That is found
// out, instead of waiting for URLs that do not exist.
func TestATotalThatWasWrongOnce(t *testing.T) {
	t.Parallel()
	for _, size := range []int{50, 150} {
		t.Run(fmt.Sprint(size, " URLs"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Truncate(time.Second)
				o := &oddVendor{joins: joins{rows: itemOf("a", size, began, after(10*time.Minute))}}
				first := true
				o.odd = func(_ vendorapi.Query, ans *vendorapi.Answer) {
					if first {
						ans.Count++
					}
					first = false
				}
				r := watchOdd(t, o, edgeTask("a", began, nil))
				wait(8 * time.Hour)
				if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts != (prefetch.Counts{prefetch.Succeeded: size}) {
					t.Errorf("%v %v after %v calls", got.Phase, got.Counts, r.recorder.called)
				}
			})
		})
	}
}

// The vendor forgets an item after its look-back. What was known of it stays, and
// grows old, whether the item is small or large.
func TestAForgottenTask(t *testing.T) {
	t.Parallel()
	for _, size := range []int{50, 150} {
		t.Run(fmt.Sprint(size, " URLs"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Truncate(time.Second)
				rows := itemOf("a", size, began, after(10*time.Minute))
				rows[0].ends = began.Add(1000 * time.Hour)
				o := &oddVendor{joins: joins{rows: rows}}
				o.odd = func(_ vendorapi.Query, ans *vendorapi.Answer) {
					if time.Since(began) > 72*time.Hour {
						ans.URLs, ans.Count = nil, 0
					}
				}
				r := watchOdd(t, o, edgeTask("a", began, nil))
				wait(72 * time.Hour)
				refreshed := r.task(t, edgeAccount, "a").LastRefresh
				wait(10 * time.Hour)
				want := prefetch.Counts{prefetch.Running: 1, prefetch.Succeeded: size - 1}
				got := r.task(t, edgeAccount, "a")
				if got.Counts != want || !got.LastRefresh.Equal(refreshed) || got.Phase != prefetch.Lost {
					t.Errorf("%v %v as of %v, want what was known at %v", got.Phase, got.Counts, got.LastRefresh, refreshed)
				}
			})
		})
	}
}

// A task was read whole, and a window showed that its rows are nobody else's. Then
// the vendor gives smaller pages, so it must be counted, and one count cannot be: no
// window may take the rows that failed, which came along with a count, for all.
func TestATaskThatWasReadIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().Truncate(time.Second)
		o, forever := &oddVendor{page: 100}, 50*time.Hour
		small := func(ids ...string) (specs []prefetch.Task) {
			for _, id := range ids {
				rows := itemOf(id, 5, began, after(forever))
				o.locked(func() { o.rows = append(o.rows, rows...) })
				specs = append(specs, edgeTask(id, began, rows))
			}
			return specs
		}
		rows := itemOf("a", 70, began, after(5*time.Minute))
		rows[0].failed, rows[1].failed = true, true
		for i := range 10 {
			rows[60+i].ends = began.Add(forever)
		}
		o.rows = rows
		odd := false
		o.odd = func(q vendorapi.Query, ans *vendorapi.Answer) {
			if q.Kind == vendorapi.QueryCount && *q.Status == prefetch.Succeeded && !odd {
				odd, ans.Count = true, 100
			}
		}
		specs := []prefetch.Task{edgeTask("a", began, nil)}
		r := watchOdd(t, o, specs...)
		wait(15 * time.Minute)
		specs = append(specs, small("b", "c")...)
		r.list(specs...)
		wait(45 * time.Minute)
		o.locked(func() { o.page = 50 })
		for counted := false; !counted; o.locked(func() { counted = odd }) {
			wait(time.Minute)
		}
		r.list(append(specs, small("d", "e")...)...)
		for range 24 {
			wait(5 * time.Minute)
			want := prefetch.Counts{prefetch.Running: 10, prefetch.Succeeded: 58, prefetch.Failed: 2}
			if got := r.task(t, edgeAccount, "a"); got.Counts != want {
				t.Fatalf("%v %v, want %v", got.Phase, got.Counts, want)
			}
		}
	})
}

// One count of nothing does not undo what was counted.
func TestACountOfNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().Truncate(time.Second)
		rows := itemOf("a", 150, began, after(10*time.Minute))
		for i := range 10 {
			rows[i].ends = began.Add(10 * time.Hour)
		}
		o := &oddVendor{joins: joins{rows: rows}}
		counts := 0
		o.odd = func(q vendorapi.Query, ans *vendorapi.Answer) {
			if q.Kind == vendorapi.QueryCount && *q.Status == prefetch.Succeeded {
				if counts++; counts == 6 {
					ans.URLs, ans.Count = nil, 0
				}
			}
		}
		r := watchOdd(t, o, edgeTask("a", began, nil))
		wait(40 * time.Minute)
		want := prefetch.Counts{prefetch.Running: 10, prefetch.Succeeded: 140}
		for range 12 * 8 {
			wait(5 * time.Minute)
			if got := r.task(t, edgeAccount, "a"); got.Counts != want {
				t.Fatalf("%v, want %v", got.Counts, want)
			}
		}
		o.locked(func() {
			if counts <= 6 {
				t.Errorf("only %d counts", counts)
			}
		})
		wait(4 * time.Hour)
		if got := r.task(t, edgeAccount, "a"); !got.Settled() {
			t.Errorf("%v %v in the end", got.Phase, got.Counts)
		}
	})
}

// The rates of the first page are not those of a large task.
func TestALargeTaskHasNoEdgeRatio(t *testing.T) {
	t.Parallel()
	for _, size := range []int{50, 150} {
		t.Run(fmt.Sprint(size, " URLs"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Truncate(time.Second)
				rows := itemOf("a", size, began, after(20*time.Minute))
				o := &oddVendor{joins: joins{rows: rows}}
				o.odd = func(_ vendorapi.Query, ans *vendorapi.Answer) {
					for i := range ans.URLs {
						u := &ans.URLs[i]
						if u.HasRate = true; u.Status == prefetch.Succeeded {
							u.Rate = 1
						}
					}
				}
				r := watchOdd(t, o, edgeTask("a", began, nil))
				wait(2 * time.Hour)
				got := r.task(t, edgeAccount, "a")
				if !got.Settled() || got.HasEdgeRatio != (size <= 100) || got.HasEdgeRatio && got.EdgeRatio != 1 {
					t.Errorf("%v, edge ratio %v (%v)", got.Phase, got.EdgeRatio, got.HasEdgeRatio)
				}
			})
		})
	}
}
