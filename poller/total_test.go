package poller_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// scriptedRow is a URL of a scripted item: when it was created, from when on the
// vendor shows it, when it ends and how.
type scriptedRow struct {
	url            string
	created, shown time.Time
	ends           time.Time
	end            prefetch.Status
	rate           bool
}

// scripted is a vendor like CDNetworks whose items a test writes down row by row,
// for what the simulator cannot do. Odd may spoil an answer.
type scripted struct {
	mu    sync.Mutex
	items map[string][]scriptedRow
	page  int // largest page
	odd   func(q vendorapi.Query, ans *vendorapi.Answer)
}

func (s *scripted) provider() *stub {
	return &stub{
		caps: vendorapi.Capabilities{
			Windows: true, Paged: true, RowTimes: true, StatusFilter: true, MaxInFlight: 1,
			PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: 24*time.Hour - time.Second,
		},
		answer: func(_ int, q vendorapi.Query) (vendorapi.Answer, error) { return s.ask(q) },
	}
}

// locked runs f while no call is answered.
func (s *scripted) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *scripted) ask(q vendorapi.Query) (vendorapi.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.PageSize > s.page {
		return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeaturePageSize}
	}
	now := time.Now()
	var rows []prefetch.URL
	for id, item := range s.items {
		for _, row := range item {
			u := prefetch.URL{URL: row.url, Created: row.created, Status: prefetch.Running, HasRate: row.rate}
			if !now.Before(row.ends) {
				u.Status, u.Finished = row.end, row.ends
				if row.rate {
					u.Rate = 1
				}
			}
			out := now.Before(row.shown) || q.TaskID != "" && id != q.TaskID || q.Status != nil && *q.Status != u.Status ||
				!q.From.IsZero() && (u.Created.Before(q.From.Truncate(time.Second)) || u.Created.After(q.To))
			if !out {
				rows = append(rows, u)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b prefetch.URL) int { return a.Created.Compare(b.Created) })
	from, to := min(len(rows), (q.Page-1)*q.PageSize), min(len(rows), q.Page*q.PageSize)
	ans := vendorapi.Answer{URLs: rows[from:to], Count: len(rows), Page: q.Page, PageSize: q.PageSize, Date: now}
	if s.odd != nil {
		s.odd(q, &ans)
	}
	return ans, nil
}

// item is n rows that are created at once and succeed at the same time.
func item(id string, n int, created, ends time.Time) []scriptedRow {
	rows := make([]scriptedRow, n)
	for i := range rows {
		rows[i] = scriptedRow{
			url: fmt.Sprintf("https://example.com/%s/%d", id, i), created: created, shown: created, ends: ends, end: prefetch.Succeeded,
		}
	}
	return rows
}

// watchScripted has items watched at one call in five minutes.
func watchScripted(t *testing.T, s *scripted, specs ...prefetch.Task) *rig {
	t.Helper()
	if s.page == 0 {
		s.page = 100
	}
	return start(t, newMemory(), []poller.Account{
		account(edgeAccount, s.provider(), prefetch.Limit{Calls: 1, Per: 5 * time.Minute}),
	}, specs...)
}

// edgeTask is an item with its creation, and with its URLs if they are given.
func edgeTask(id string, created time.Time, rows []scriptedRow) prefetch.Task {
	spec := configured(edgeAccount, id)
	spec.Created = created
	for _, row := range rows {
		spec.URLs = append(spec.URLs, row.url)
	}
	return spec
}

// The rows of a large item appear one after the other, the oldest on the first
// page: that page does not tell that more are to come.
func TestALargeTaskThatAppearsGradually(t *testing.T) {
	t.Parallel()
	for _, late := range []int{30, 34, 60} {
		t.Run(fmt.Sprint("late ", late), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Truncate(time.Second)
				rows := item("a", 400, began, began.Add(14*time.Minute))
				for i := range rows {
					rows[i].created = began.Add(time.Duration(i) * time.Second)
					rows[i].shown = rows[i].created
				}
				for i := len(rows) - late; i < len(rows); i++ {
					rows[i].ends = began.Add(12 * time.Hour)
				}
				r := watchScripted(t, &scripted{items: map[string][]scriptedRow{"a": rows}}, edgeTask("a", began, nil))
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
				s := &scripted{items: map[string][]scriptedRow{"a": item("a", size, began, began.Add(10*time.Minute))}}
				first := true
				s.odd = func(_ vendorapi.Query, ans *vendorapi.Answer) {
					if first {
						ans.Count++
					}
					first = false
				}
				r := watchScripted(t, s, edgeTask("a", began, nil))
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
				rows := item("a", size, began, began.Add(10*time.Minute))
				rows[0].ends = began.Add(1000 * time.Hour)
				s := &scripted{items: map[string][]scriptedRow{"a": rows}}
				s.odd = func(_ vendorapi.Query, ans *vendorapi.Answer) {
					if time.Since(began) > 72*time.Hour {
						ans.URLs, ans.Count = nil, 0
					}
				}
				r := watchScripted(t, s, edgeTask("a", began, nil))
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
		s, end := &scripted{items: map[string][]scriptedRow{}}, began.Add(50*time.Hour)
		small := func(ids ...string) (specs []prefetch.Task) {
			for _, id := range ids {
				rows := item(id, 5, began, end)
				s.locked(func() { s.items[id] = rows })
				specs = append(specs, edgeTask(id, began, rows))
			}
			return specs
		}
		rows := item("a", 70, began, began.Add(5*time.Minute))
		rows[0].end, rows[1].end = prefetch.Failed, prefetch.Failed
		for i := range 10 {
			rows[60+i].ends = end
		}
		s.items["a"] = rows
		odd := false
		s.odd = func(q vendorapi.Query, ans *vendorapi.Answer) {
			if q.Kind == vendorapi.QueryCount && *q.Status == prefetch.Succeeded && !odd {
				odd, ans.Count = true, 100
			}
		}
		specs := []prefetch.Task{edgeTask("a", began, nil)}
		r := watchScripted(t, s, specs...)
		wait(15 * time.Minute)
		specs = append(specs, small("b", "c")...)
		r.list(specs...)
		wait(45 * time.Minute)
		s.locked(func() { s.page = 50 })
		for counted := false; !counted; s.locked(func() { counted = odd }) {
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
		rows := item("a", 150, began, began.Add(10*time.Minute))
		for i := range 10 {
			rows[i].ends = began.Add(10 * time.Hour)
		}
		s := &scripted{items: map[string][]scriptedRow{"a": rows}}
		counts := 0
		s.odd = func(q vendorapi.Query, ans *vendorapi.Answer) {
			if q.Kind == vendorapi.QueryCount && *q.Status == prefetch.Succeeded {
				if counts++; counts == 6 {
					ans.URLs, ans.Count = nil, 0
				}
			}
		}
		r := watchScripted(t, s, edgeTask("a", began, nil))
		wait(40 * time.Minute)
		want := prefetch.Counts{prefetch.Running: 10, prefetch.Succeeded: 140}
		for range 12 * 8 {
			wait(5 * time.Minute)
			if got := r.task(t, edgeAccount, "a"); got.Counts != want {
				t.Fatalf("%v, want %v", got.Counts, want)
			}
		}
		s.locked(func() {
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
				rows := item("a", size, began, began.Add(20*time.Minute))
				for i := range rows {
					rows[i].rate = true
				}
				r := watchScripted(t, &scripted{items: map[string][]scriptedRow{"a": rows}}, edgeTask("a", began, nil))
				wait(2 * time.Hour)
				got := r.task(t, edgeAccount, "a")
				if !got.Settled() || got.HasEdgeRatio != (size <= 100) || got.HasEdgeRatio && got.EdgeRatio != 1 {
					t.Errorf("%v, edge ratio %v (%v)", got.Phase, got.EdgeRatio, got.HasEdgeRatio)
				}
			})
		})
	}
}
