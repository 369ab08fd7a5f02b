package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// windowsOf is a vendor of those rows that can be asked for windows.
func windowsOf(vendor *joins) *stub {
	return &stub{answer: vendor.answer, caps: vendorapi.Capabilities{
		Windows: true, Paged: true, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), MaxInFlight: 1,
		PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: longest,
	}}
}

// burst submits tasks of three URLs, one a second from now on, that are final
// after a while.
func (j *joins) burst(tasks int, takes time.Duration) []prefetch.Task {
	now := time.Now().Truncate(time.Second)
	specs := make([]prefetch.Task, tasks)
	for n := range specs {
		specs[n] = configured(edgeAccount, fmt.Sprint("task-", n))
		specs[n].Created = now.Add(time.Duration(n) * time.Second)
		for i := range 3 {
			u := fmt.Sprintf("https://example.com/%d/%d", n, i)
			specs[n].URLs = append(specs[n].URLs, u)
			j.rows = append(j.rows, joinRow{
				url: u, owner: specs[n].ID, created: specs[n].Created, ends: now.Add(takes),
			})
		}
	}
	return specs
}

// repeated is a question that left less than the poll interval after one that
// could tell of the same tasks, were all of them created between the two times. A
// deadline has a task asked sooner, so that its answer is there at the deadline.
func repeated(v *stub, interval time.Duration, tasks []prefetch.Task) error {
	calls, asked := v.calls(), v.asked()
	about := func(q vendorapi.Query, spec prefetch.Task) bool {
		return q.TaskID == spec.ID || q.TaskID == "" && !spec.Created.Before(q.From) && !spec.Created.After(q.To)
	}
	like := func(a, b vendorapi.Query) bool {
		return a.Kind == b.Kind && a.TaskID == b.TaskID && a.Page == b.Page &&
			(a.Status == nil) == (b.Status == nil) && (a.Status == nil || *a.Status == *b.Status)
	}
	for i, q := range asked {
		told := map[string]bool{} // by the questions like it
		for n := i - 1; n >= 0 && calls[i].began.Sub(calls[n].began) < interval; n-- {
			for _, spec := range tasks {
				const lead = 10 * second
				sooner := calls[n].began.Before(spec.Deadline) && !calls[i].began.Before(spec.Deadline.Add(-lead))
				told[spec.ID] = told[spec.ID] || like(q, asked[n]) && about(asked[n], spec) && !sooner
			}
		}
		tells := false
		for _, spec := range tasks {
			tells = tells || about(q, spec) && !told[spec.ID]
		}
		if !tells {
			return fmt.Errorf("call %d tells of nothing new: %+v", i, q)
		}
	}
	return nil
}

// A window cannot tell of a task by its URLs until all its rows must have
// appeared. Until then none is asked for its sake: tasks that were just submitted
// are asked for by id, and the next call is the one window that tells of all.
func TestABurstOfTasks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		calls, tasks int
		deadline     time.Duration
		known        time.Duration // when all of it is
	}{
		{calls: 10, tasks: 5, known: 70 * second},
		{calls: 10, tasks: 5, deadline: 30 * second, known: 95 * second},
		{calls: 10, tasks: 1, deadline: 30 * second, known: 95 * second},
		{calls: 2, tasks: 1, deadline: 90 * second, known: 95 * second},
		{calls: 1, tasks: 5, known: edgeSlot + 71*second},
		{calls: 1, tasks: 5, deadline: 90 * second, known: edgeSlot + 91*second},
	} {
		t.Run(fmt.Sprintf("%d calls, %d tasks, %v", c.calls, c.tasks, c.deadline), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := &joins{}
				specs := vendor.burst(c.tasks, 40*second)
				for n := range specs {
					if c.deadline > 0 {
						specs[n].Deadline = specs[n].Created.Add(c.deadline)
					}
				}
				v := windowsOf(vendor)
				a := account(edgeAccount, v, prefetch.Limit{Calls: c.calls, Per: 5 * time.Minute})
				r := start(t, newMemory(), []poller.Account{a}, specs...)
				wait(c.known)
				if got := r.account(t, edgeAccount).Phases[prefetch.Settled]; got != c.tasks {
					t.Errorf("%d of %d tasks are known to be settled after %v: %+v", got, c.tasks, c.known, v.asked())
				}
				if err := repeated(v, time.Minute, specs); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Whatever tasks are watched and whatever the vendor shows of them: no question
// is asked again within the poll interval, so that none can take a quota that
// allows many calls at once. And every task is known in the end.
func TestNoQuestionTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		minutes := func(label string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(rt, label)) * time.Minute
		}
		calls := rapid.SampledFrom([]int{1, 3, 10, 40}).Draw(rt, "calls")
		interval := minutes("poll interval", 1, 5)
		blind := rapid.SampledFrom([]string{"", "windows", "scouts"}).Draw(rt, "shows nothing")
		tasks := rapid.IntRange(1, 8).Draw(rt, "tasks")
		ages := rapid.SliceOfN(rapid.IntRange(0, 12), tasks, tasks).Draw(rt, "ages") // of 5 minutes
		takes := rapid.SliceOfN(rapid.IntRange(0, 300), tasks, tasks).Draw(rt, "takes")
		deadlines := rapid.SliceOfN(rapid.IntRange(-1, 10), tasks, tasks).Draw(rt, "deadlines")
		urls := rapid.SliceOfN(rapid.Bool(), tasks, tasks).Draw(rt, "urls are given")
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(2 * time.Hour)
			vendor := &joins{}
			specs := vendor.burst(tasks, 0)
			for n := range specs {
				spec := &specs[n]
				spec.Created = spec.Created.Add(-time.Duration(ages[n]) * 5 * time.Minute)
				if deadlines[n] >= 0 {
					spec.Deadline = spec.Created.Add(time.Duration(deadlines[n]) * 30 * second)
				}
				if !urls[n] {
					spec.URLs = nil
				}
				for i := range vendor.rows {
					if row := &vendor.rows[i]; row.owner == spec.ID {
						row.created = spec.Created
						row.ends = spec.Created.Add(time.Duration(takes[n]) * time.Minute / 2)
					}
				}
			}
			v := windowsOf(vendor)
			v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
				if q.TaskID == "" && (q.Status == nil && blind == "windows" || q.Status != nil && blind == "scouts") {
					return vendorapi.Answer{Page: 1, PageSize: q.PageSize}, nil
				}
				return vendor.answer(n, q)
			}
			a := account(edgeAccount, v, prefetch.Limit{Calls: calls, Per: 5 * time.Minute})
			a.PollInterval = interval
			r := start(t, newMemory(), []poller.Account{a}, specs...)
			wait(5 * time.Hour)
			r.stop()
			if err := repeated(v, interval, specs); err != nil {
				rt.Error(err)
			}
			if got := r.account(t, edgeAccount).Phases[prefetch.Settled]; got != tasks {
				rt.Errorf("%d of %d tasks are known to be settled", got, tasks)
			}
		})
	})
}
