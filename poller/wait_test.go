package poller_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// endless is a vendor of windows whose tasks never finish.
type endless struct {
	*stub

	rows    []joinRow
	offset  time.Duration // of its clock
	maxPage int           // it refuses larger ones
	order   int           // 1 if its rows are in order of creation, -1 if the newest is first
	// problems are questions that no vendor should be asked.
	problems []string
}

// filters is what a vendor can limit answers to: every status, or none.
func filters(some bool) (words [prefetch.NumStatuses]int) {
	if some {
		return vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed)
	}
	return words
}

func newEndless(rt *rapid.T) *endless {
	e := &endless{
		maxPage: rapid.IntRange(8, 100).Draw(rt, "largest page"),
		offset:  time.Duration(rapid.IntRange(-5, 5).Draw(rt, "offset")) * time.Minute,
	}
	e.stub = &stub{answer: e.answer, caps: vendorapi.Capabilities{
		Windows: true, Paged: true, FilterWords: filters(rapid.Bool().Draw(rt, "status filter")), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1,
		PageSize: 50, LookBack: 72 * time.Hour, MaxSpan: longest,
	}}
	return e
}

func (e *endless) answer(n int, q vendorapi.Query) (vendorapi.Answer, error) {
	now := time.Now().Add(e.offset)
	e.check(n, q, now)
	if q.PageSize > e.maxPage {
		return vendorapi.Answer{}, &vendorapi.Error{
			Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeaturePageSize, HTTPStatus: 200, Date: now.Truncate(time.Second),
		}
	}
	ans := vendorapi.Answer{Page: q.Page, PageSize: q.PageSize, Date: now.Truncate(time.Second)}
	for i := range e.rows {
		r := &e.rows[i]
		if q.TaskID != "" && r.owner != q.TaskID || q.Status != nil && *q.Status != prefetch.Running ||
			!q.From.IsZero() && (r.created.Before(q.From) || r.created.After(q.To)) {
			continue
		}
		if ans.Count++; ans.Count > (q.Page-1)*q.PageSize && len(ans.URLs) < q.PageSize {
			u := r.at(now)
			u.Started = r.created
			ans.URLs = append(ans.URLs, u)
		}
	}
	return ans, nil
}

// check notes what no vendor should be asked.
func (e *endless) check(n int, q vendorapi.Query, now time.Time) {
	problem := func(format string, args ...any) {
		e.problems = append(e.problems, fmt.Sprintf("call %d (%+v): ", n, q)+fmt.Sprintf(format, args...))
	}
	// The first answer tells the vendor's clock and the largest page, as well as
	// a few refusals do that halve it.
	const learned = 4
	if span := q.To.Sub(q.From); !q.From.IsZero() && (span < 0 || span > longest) {
		problem("spans %v", span)
	}
	if oldest := now.Add(2*time.Minute - e.caps.LookBack - 4*time.Second); n > 0 && !q.From.IsZero() && q.From.Before(oldest) {
		problem("begins %v before what may be asked for", oldest.Sub(q.From))
	}
	if n >= learned && q.PageSize > e.maxPage {
		problem("pages of %d, when %d were refused", q.PageSize, e.maxPage+1)
	}
}

// waiting is a drawn set of tasks at a vendor that never finishes any.
type waiting struct {
	*endless

	tasks    []prefetch.Task
	limit    prefetch.Limit
	slot     time.Duration // from one call to the next
	interval time.Duration
}

func drawWaiting(rt *rapid.T, now time.Time) *waiting {
	w := &waiting{endless: newEndless(rt)}
	w.limit = prefetch.Limit{Calls: rapid.IntRange(1, 3).Draw(rt, "calls"), Per: time.Duration(rapid.IntRange(60, 600).Draw(rt, "per")) * second}
	w.slot = (w.limit.Per + w.limit.Per/100) / time.Duration(w.limit.Calls)
	w.interval = time.Duration(rapid.IntRange(1, 20).Draw(rt, "interval")) * second // no longer than a slot
	for i := range rapid.IntRange(1, 25).Draw(rt, "tasks") {
		spec := configured(edgeAccount, fmt.Sprintf("task-%02d", i))
		age := time.Duration(rapid.IntRange(10, 40*60).Draw(rt, "age")) * time.Minute
		created := now.Add(w.offset - age).Truncate(second) // the vendor's time
		var urls []string
		for n := range rapid.IntRange(1, 8).Draw(rt, "urls") {
			urls = append(urls, fmt.Sprintf("%s/%d", spec.ID, n))
			w.rows = append(w.rows, joinRow{url: urls[n], owner: spec.ID, created: created, ends: now.Add(10_000 * time.Hour)})
		}
		told := rapid.IntRange(0, 2).Draw(rt, "told")
		if told > 0 {
			spec.Created = created
		}
		if told > 1 {
			spec.URLs = urls
		}
		if at := rapid.IntRange(-40, 40).Draw(rt, "deadline in slots"); at > 0 {
			spec.Deadline = now.Add(time.Duration(at) * w.slot)
		}
		w.tasks = append(w.tasks, spec)
	}
	if w.order = rapid.IntRange(-1, 1).Draw(rt, "order of creation"); w.order != 0 {
		slices.SortStableFunc(w.rows, func(a, b joinRow) int { return w.order * a.created.Compare(b.created) })
	}
	return w
}

func (w *waiting) start(t *testing.T) *rig {
	t.Helper()
	a := account(edgeAccount, w, w.limit)
	a.PollInterval = w.interval
	return start(t, newMemory(), []poller.Account{a}, w.tasks...)
}

// round is how long it takes to ask for every task once.
func (w *waiting) round() time.Duration { return time.Duration(len(w.tasks)) * w.slot }

// answers is how many calls it takes to answer for every task, and once more for
// those with a deadline.
func (w *waiting) answers() int {
	page := w.caps.PageSize
	for page > w.maxPage { // as it is learned
		if page /= 2; page > 10 {
			page = max(page, 20)
		}
	}
	sizes := map[string]int{}
	for _, r := range w.rows {
		sizes[r.owner]++
	}
	calls := 0
	for _, task := range w.tasks {
		n := (sizes[task.ID] + page - 1) / page
		if n > 1 && w.caps.Filters(prefetch.Succeeded) {
			n = 3 // the first page and two counts
		}
		calls += n
		if !task.Deadline.IsZero() {
			calls += n
		}
	}
	return calls
}

// TestWait asks how long a task waits for an answer that is shown of it, at a
// vendor that never finishes any. After six rounds of all tasks and the poll
// interval waiting alone brings it to the front, behind others that starve, each
// of which takes the calls of one answer, and behind those whose deadline passes.
// A few calls are lost to what is learned of the vendor.
func TestWait(t *testing.T) {
	t.Parallel()
	const rounds, lost = 6, 6
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWaiting(rt, bubble())
		bound := w.interval + rounds*w.round() + time.Duration(w.answers()+lost)*w.slot
		synctest.Test(t, func(t *testing.T) {
			r, last := w.start(t), map[string]time.Time{}
			for began := time.Now(); time.Since(began) < 2*bound && !rt.Failed(); {
				wait(w.slot)
				for _, task := range r.account(t, edgeAccount).Tasks {
					at := later(task.LastRefresh, began)
					waited := max(time.Since(at), at.Sub(later(last[task.ID], began)))
					last[task.ID] = at
					if waited > bound {
						rt.Errorf("%s of %d waited %v for an answer, want at most %v: %+v", task.ID, len(w.tasks), waited, bound, task)
					}
				}
			}
			for _, problem := range w.problems {
				rt.Errorf("%s", problem)
			}
			r.stop()
		})
	})
}

// TestDeadlines asks whether every call that leaves while deadlines have passed
// is about a task of one of them, by itself or in a window of several.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWaiting(rt, bubble())
		w.limit.Calls, w.slot, w.maxPage = 1, w.limit.Per+w.limit.Per/100, w.caps.PageSize
		synctest.Test(t, func(t *testing.T) {
			r := w.start(t)
			for began := time.Now(); time.Since(began) < 45*w.slot; {
				before, call := r.account(t, edgeAccount).Tasks, len(w.asked())
				wait(w.slot / 20)
				if len(w.asked()) == call {
					continue
				}
				q, at := w.asked()[call], w.calls()[call].began
				late, about := []string{}, false
				for _, task := range before {
					if d := task.Deadline; !d.IsZero() && !d.After(at) && task.LastRefresh.Before(d) {
						late = append(late, task.ID)
						about = about || q.TaskID == task.ID ||
							q.TaskID == "" && !task.Created.Before(q.From) && !task.Created.After(q.To)
					}
				}
				if len(late) > 0 && !about {
					rt.Errorf("the deadlines of %v have passed at %v, and it is asked for %+v", late, at, q)
				}
			}
			r.stop()
		})
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// bubble is when time begins in a synctest bubble. Nothing can be drawn inside.
func bubble() time.Time { return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) }
