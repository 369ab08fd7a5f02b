package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// threeParts is a task of which 100 URLs have ended, 50 run and the rest waits, for so
// long.
func threeParts(id string, n int, waits time.Duration) simulator.Task {
	task := simulator.Task{ID: id, Owner: user, Created: time.Now().Add(-time.Hour)}
	for i := range n {
		u := simulator.URLPlan{URL: fmt.Sprintf("https://example.com/%s/%03d", id, i), Fails: i%10 == 0}
		switch {
		case i >= 150:
			u.Wait, u.Stuck = time.Hour+waits, true
		case i >= 100:
			u.Stuck = true
		}
		task.URLs = append(task.URLs, u)
	}
	return task
}

// Where calls are not scarce, the pages of a large task are read: every URL is shown
// as it is.
func TestALargeTaskIsReadWhereCallsAreNotScarce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		limit  prefetch.Limit
		counts bool
	}{
		{"30 a second", prefetch.Limit{Calls: 30, Per: second}, false},
		{"four a minute", prefetch.Limit{Calls: 4, Per: time.Minute}, false},
		{"one in five minutes", prefetch.Limit{Calls: 1, Per: 5 * time.Minute}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				options := edgeOptions()
				options.Quota = simulator.Quota{Calls: c.limit.Calls, Per: c.limit.Per}
				vendor := simcdnetworks.New(options)
				vendor.Submit(threeParts("a", 250, 24*time.Hour))
				a := edge(t, vendor)
				a.Limit = c.limit
				r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "a"))
				for range 120 {
					wait(10 * second)
					if got, truth := r.task(t, edgeAccount, "a"), vendor.Counts("a"); got.Answered && got.Counts != truth {
						t.Fatalf("%v, the vendor has %v", got.Counts, truth)
					}
				}
				got, want := r.task(t, edgeAccount, "a"), 250
				if c.counts {
					want = 10 // that failed came along
				}
				if !got.Answered || len(got.URLs) != want {
					t.Errorf("%v with %d URLs of %d", got.Counts, len(got.URLs), want)
				}
				if n := r.recorder.called[string(vendorapi.QueryCount)]; n > 0 != c.counts {
					t.Errorf("%d counts", n)
				}
				if n := vendor.Stats().OverQuota; n != 0 {
					t.Errorf("%d calls over the quota", n)
				}
			})
		})
	}
}

// With so many large tasks that their pages cannot be read within the poll interval
// they are counted.
func TestManyLargeTasksAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		options := edgeOptions()
		options.Quota = simulator.Quota{Calls: 1, Per: second}
		vendor := simcdnetworks.New(options)
		a := edge(t, vendor)
		a.Limit = prefetch.Limit{Calls: 1, Per: second}
		var specs []prefetch.Task
		for n := range 30 {
			vendor.Submit(threeParts(fmt.Sprint("task-", n), 250, 24*time.Hour))
			specs = append(specs, configured(edgeAccount, fmt.Sprint("task-", n)))
		}
		r := start(t, newMemory(), []poller.Account{a}, specs...)
		wait(5 * time.Minute)
		for _, task := range r.account(t, edgeAccount).Tasks {
			if truth := vendor.Counts(task.ID); !task.Answered || task.Counts != truth {
				t.Errorf("%s: %v, the vendor has %v", task.ID, task.Counts, truth)
			}
		}
		if n := r.recorder.called[string(vendorapi.QueryCount)]; n < 90 {
			t.Errorf("%d counts", n)
		}
	})
}

// Nothing is shown of a large task that is counted before it is known how many of its
// URLs wait, and those are counted again until none does.
func TestTheSplitOfALargeTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		vendor.Submit(threeParts("a", 250, 2*time.Hour))
		a := edge(t, vendor)
		p := a.Provider
		v := &stub{caps: p.Capabilities(), answer: func(_ int, q vendorapi.Query) (vendorapi.Answer, error) { return p.Query(t.Context(), q) }}
		a.Provider = v
		r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "a"))
		for vendor.Stats().Calls < 4 {
			if got := r.task(t, edgeAccount, "a"); got.Answered || got.Counts.Total() != 0 {
				t.Fatalf("shown after %d calls: %v", vendor.Stats().Calls, got.Counts)
			}
			wait(10 * second)
		}
		wait(10 * second)
		if got, truth := r.task(t, edgeAccount, "a"), vendor.Counts("a"); got.Counts != truth || truth[prefetch.Waiting] != 100 {
			t.Errorf("shown after four calls: %v, the vendor has %v", got.Counts, truth)
		}
		wait(6 * time.Hour)
		if got, truth := r.task(t, edgeAccount, "a"), vendor.Counts("a"); got.Counts != truth || truth[prefetch.Waiting] != 0 {
			t.Errorf("in the end %v, the vendor has %v", got.Counts, truth)
		}
		asked := askedFor(v, waits)
		wait(6 * time.Hour)
		if again := askedFor(v, waits); asked < 2 || again != asked {
			t.Errorf("%d counts of what waits, and %d after none did", asked, again-asked)
		}
	})
}

// waits reports whether a question counts what waits.
func waits(q vendorapi.Query) bool { return q.Status != nil && *q.Status == prefetch.Waiting }

// askedFor is how many such questions were asked.
func askedFor(v *stub, like func(vendorapi.Query) bool) (n int) {
	for _, q := range v.asked() {
		if like(q) {
			n++
		}
	}
	return n
}

// Of large tasks that were submitted together one call tells that none of their URLs
// waits. Where others wait that were submitted with them each is asked alone.
func TestOneCallTellsThatNothingWaits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		others        int
		windows, byID int
	}{
		{"nobody waits", 0, 1, 0},
		{"others wait", 3, 1, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Truncate(time.Second).Add(-time.Hour)
				var o joins
				specs := []prefetch.Task{}
				for _, id := range []string{"a", "b", "c"} {
					rows := itemOf(id, 150, began, after(5*time.Minute))
					for i := range 20 {
						rows[i].ends = began.Add(100 * time.Hour)
					}
					o.rows = append(o.rows, rows...)
					specs = append(specs, edgeTask(id, began, nil))
				}
				for n := range c.others {
					o.rows = append(o.rows, joinRow{url: fmt.Sprint(n), created: began, begins: began.Add(99 * time.Hour), ends: began.Add(100 * time.Hour)})
				}
				v := windowsOf(&o)
				r := start(t, newMemory(), []poller.Account{account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})}, specs...)
				wait(3 * time.Hour)
				for _, spec := range specs {
					if got, want := r.task(t, edgeAccount, spec.ID), (prefetch.Counts{prefetch.Running: 20, prefetch.Succeeded: 130}); got.Counts != want {
						t.Errorf("%s: %v, want %v", spec.ID, got.Counts, want)
					}
				}
				windows := askedFor(v, func(q vendorapi.Query) bool { return waits(q) && q.TaskID == "" })
				byID := askedFor(v, func(q vendorapi.Query) bool { return waits(q) && q.TaskID != "" })
				if windows != c.windows || byID != c.byID {
					t.Errorf("%d windows and %d counts of one task, want %d and %d", windows, byID, c.windows, c.byID)
				}
			})
		})
	}
}

// A vendor that refuses to count what waits, or ignores that only those are asked for,
// tells it by its pages. What cannot be read either is not shown until all is final.
func TestAVendorThatDoesNotCountWhatWaits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		urls    int
		ignores bool
	}{
		{"refuses", 250, false},
		{"ignores", 250, true},
		{"refuses, and too many pages", 8000, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Truncate(time.Second).Add(-time.Hour)
				o := &oddVendor{joins: joins{rows: itemOf("a", c.urls, began, after(5*time.Minute))}}
				for i := range o.rows[:100] {
					o.rows[i].ends = began.Add(10 * time.Hour)
					if i < 60 {
						o.rows[i].begins = began.Add(4 * time.Hour)
					}
				}
				o.odd = func(q vendorapi.Query, ans *vendorapi.Answer) {
					if waits(q) && c.ignores {
						q.Status = nil
						*ans, _ = o.joins.answer(0, q)
					}
				}
				v := windowsOf(&o.joins)
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					if waits(q) && !c.ignores {
						return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeatureStatusFilter}
					}
					ans, err := o.answer(n, vendorapi.Query{Kind: q.Kind, TaskID: q.TaskID, Status: q.Status, From: q.From, To: q.To, PageSize: 10_000})
					first := min((q.Page-1)*q.PageSize, len(ans.URLs))
					ans.URLs = ans.URLs[first:min(first+q.PageSize, len(ans.URLs))]
					return ans, err
				}
				r := start(t, newMemory(), []poller.Account{account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})}, edgeTask("a", began, nil))
				seen := map[prefetch.Counts]bool{}
				for range 12 * 7 {
					wait(5 * time.Minute)
					if got := r.task(t, edgeAccount, "a"); got.Answered {
						seen[got.Counts] = true
					}
				}
				done := c.urls - 100
				waiting, running := prefetch.Counts{60, 40, done}, prefetch.Counts{0, 100, done}
				shown := c.urls < 8000
				if seen[waiting] != shown || seen[running] != shown || len(seen) > 2 {
					t.Errorf("shown were %v", seen)
				}
				wait(5 * time.Hour)
				if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts[prefetch.Succeeded] != c.urls {
					t.Errorf("%v %v in the end", got.Phase, got.Counts)
				}
				if n := askedFor(v, waits); n != 1 {
					t.Errorf("asked %d times for what waits", n)
				}
			})
		})
	}
}
