package poller_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// joins is a vendor of few URLs and seconds, so that its rows are easily taken
// for each other. It answers with its rows in another order each time, or, without
// shuffle, as they are.
type joins struct {
	rows    []joinRow
	shuffle *rand.Rand
	// order is 1 if the rows are in order of their creation, -1 if the newest is
	// first; those of one second are in any order, and those without one first.
	order int
	// gradual: rows appear when they are created.
	gradual bool
}

// joinRow is a row, whose it is, and when it begins and ends.
type joinRow struct {
	url     string
	owner   string // empty for a stranger's
	created time.Time
	begins  time.Time // zero if it never waits
	ends    time.Time
	failed  bool
	undated bool
}

func (r *joinRow) at(now time.Time) prefetch.URL {
	u := prefetch.URL{URL: r.url, Created: r.created, Status: prefetch.Running}
	if r.undated {
		u.Created = time.Time{}
	}
	if now.Before(r.begins) {
		u.Status = prefetch.Waiting
	}
	if !now.Before(r.ends) {
		u.Status, u.Finished = prefetch.Succeeded, r.ends
		if r.failed {
			u.Status = prefetch.Failed
		}
	}
	return u
}

func (j *joins) answer(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
	found := []prefetch.URL{}
	for i := range j.rows {
		r := &j.rows[i]
		u := r.at(time.Now())
		switch {
		case j.gradual && r.created.After(time.Now()),
			q.TaskID != "" && r.owner != q.TaskID,
			!q.From.IsZero() && (r.created.Before(q.From) || r.created.After(q.To)),
			q.Status != nil && u.Status != *q.Status:
		default:
			found = append(found, u)
		}
	}
	if j.shuffle != nil {
		j.shuffle.Shuffle(len(found), func(a, b int) { found[a], found[b] = found[b], found[a] })
	}
	if j.order != 0 {
		slices.SortStableFunc(found, func(a, b prefetch.URL) int {
			if a.Created.IsZero() || b.Created.IsZero() {
				return a.Created.Compare(b.Created)
			}
			return j.order * a.Created.Compare(b.Created)
		})
	}
	return vendorapi.Answer{Count: len(found), URLs: found[:min(len(found), q.PageSize)], Page: 1, PageSize: q.PageSize}, nil
}

// counts is the truth about a task at a time.
func (j *joins) counts(id string, now time.Time) prefetch.Counts {
	var c prefetch.Counts
	for i := range j.rows {
		if j.rows[i].owner == id {
			c[j.rows[i].at(now).Status]++
		}
	}
	return c
}

// submit draws a submission of an owner.
func (j *joins) submit(rt *rapid.T, owner string) (created time.Time, urls []string) {
	began := time.Date(1999, time.December, 31, 23, 0, 0, 0, time.UTC) // an hour before the test
	created = began.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "second")) * time.Second)
	names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	urls = rapid.SliceOfN(names, 1, 4).Draw(rt, "urls of "+owner)
	for _, url := range urls {
		j.rows = append(j.rows, joinRow{
			url: url, owner: owner, created: created,
			failed:  rapid.Bool().Draw(rt, "failed"),
			ends:    created.Add(time.Duration(rapid.IntRange(0, 240).Draw(rt, "minutes")) * time.Minute),
			undated: rapid.IntRange(0, 9).Draw(rt, "undated") == 9,
		})
	}
	return created, urls
}

// TestJoin asks of tasks that share URLs, that have the same one twice, that were
// submitted in the same second or nearby, and that lie among rows of strangers:
// is a task ever shown with rows that are not just its own?
func TestJoin(t *testing.T) {
	t.Parallel()
	joined := 0
	rapid.Check(t, func(rt *rapid.T) {
		j := &joins{shuffle: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 0))}
		var tasks []prefetch.Task
		for i := range rapid.IntRange(1, 6).Draw(rt, "tasks") {
			spec := configured(edgeAccount, fmt.Sprint("task-", i))
			created, urls := j.submit(rt, spec.ID)
			spec.Created = created.Add(time.Duration(rapid.IntRange(-2, 2).Draw(rt, "off")) * time.Second)
			if rapid.Bool().Draw(rt, "urls are given") {
				spec.URLs = urls
			}
			tasks = append(tasks, spec)
		}
		for range rapid.IntRange(0, 2).Draw(rt, "strangers") {
			j.submit(rt, "")
		}
		filter := rapid.Bool().Draw(rt, "status filter")
		pageSize := rapid.SampledFrom([]int{4, 8, 100}).Draw(rt, "page size") // each task fits
		if pageSize < 100 {
			j.order = rapid.SampledFrom([]int{-1, 1}).Draw(rt, "order of creation")
		}
		synctest.Test(t, func(t *testing.T) {
			v := &stub{answer: j.answer, caps: vendorapi.Capabilities{
				Windows: true, Paged: true, FilterWords: filters(filter), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1,
				PageSize: pageSize, LookBack: 72 * time.Hour, MaxSpan: longest,
			}}
			a := account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
			a.MaxStaleness = 24 * time.Hour
			r := start(t, newMemory(), []poller.Account{a}, tasks...)
			for range 60 {
				wait(edgeSlot)
				for _, task := range r.account(t, edgeAccount).Tasks {
					if last := v.asked()[len(v.asked())-1]; last.Kind == vendorapi.QueryWindow && time.Since(task.LastRefresh) < edgeSlot {
						joined++
					}
					if truth := j.counts(task.ID, task.LastRefresh); task.Answered && task.Counts != truth {
						rt.Errorf("%s is shown with %v as of %v, its rows were %v; asked %+v",
							task.ID, task.Counts, task.LastRefresh, truth, v.asked())
					}
				}
			}
			for _, task := range r.account(t, edgeAccount).Tasks {
				if !task.Settled() {
					rt.Errorf("%s has not settled: %v as of %v", task.ID, task.Counts, task.LastRefresh)
				}
			}
			r.stop()
		})
	})
	if joined == 0 {
		t.Error("no window told of any task")
	}
}

// Two tasks with the same URL and second are each asked for by id, once a window
// showed that their rows cannot be told apart. A row without creation is counted,
// and no window tells of its task.
func TestRowsThatAreNotJoined(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rows []joinRow
		// windowed: a window tells of the task.
		windowed map[string]bool
	}{
		{name: "twins", rows: []joinRow{{url: "a", owner: "x"}, {url: "a", owner: "y"}, {url: "b", owner: "z"}}, windowed: map[string]bool{"z": true}},
		{name: "undated", rows: []joinRow{{url: "a", owner: "x"}, {url: "b", owner: "x", undated: true}, {url: "c", owner: "z"}}, windowed: map[string]bool{"z": true}},
		{name: "a stranger's", rows: []joinRow{{url: "a", owner: "x"}, {url: "a"}, {url: "b", owner: "z"}}, windowed: map[string]bool{"z": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				created := time.Now().Add(-time.Hour)
				j := &joins{rows: c.rows, shuffle: rand.New(rand.NewPCG(1, 1))}
				urls := map[string][]string{}
				for i := range j.rows {
					r := &j.rows[i]
					r.created, r.ends = created, created.Add(100*time.Hour)
					urls[r.owner] = append(urls[r.owner], r.url)
				}
				var tasks []prefetch.Task
				for id := range urls {
					spec := configured(edgeAccount, id)
					if spec.Created, spec.URLs = created, urls[id]; id != "" {
						tasks = append(tasks, spec)
					}
				}
				v := &stub{answer: j.answer, caps: vendorapi.Capabilities{
					Windows: true, Paged: true, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1, PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: longest,
				}}
				r := start(t, newMemory(), []poller.Account{account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})}, tasks...)
				byWindow, byID := map[string]bool{}, map[string]int{}
				for range 40 {
					wait(edgeSlot)
					last := v.asked()[len(v.asked())-1]
					byID[last.TaskID]++
					for _, task := range r.account(t, edgeAccount).Tasks {
						if time.Since(task.LastRefresh) < edgeSlot && last.TaskID == "" {
							byWindow[task.ID] = true
						}
					}
				}
				for _, task := range r.account(t, edgeAccount).Tasks {
					if byWindow[task.ID] != c.windowed[task.ID] || !c.windowed[task.ID] && byID[task.ID] == 0 {
						t.Errorf("%s: a window told of it: %v, asked by itself %d times", task.ID, byWindow[task.ID], byID[task.ID])
					}
					if n := len(urls[task.ID]); task.Counts.Total() != n {
						t.Errorf("%s has %d rows, shown are %v", task.ID, n, task.Counts)
					}
				}
			})
		})
	}
}

// A window shows whole each task that it is asked for, also one whose creation is
// known less well than that of another of the same second.
func TestTheMarginsOfAWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		created := time.Now().Add(-time.Hour)
		never := created.Add(1000 * time.Hour)
		j := &joins{shuffle: rand.New(rand.NewPCG(1, 1)), rows: []joinRow{
			{url: "a", owner: "a-known", created: created, ends: never},
			{url: "b", owner: "b-told", created: created.Add(-30 * second), ends: never},
		}}
		known, told := configured(edgeAccount, "a-known"), configured(edgeAccount, "b-told")
		known.Created, told.Created, told.URLs = created, created, []string{"b"}
		v := &stub{answer: j.answer, caps: vendorapi.Capabilities{
			Windows: true, Paged: true, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1, PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: longest,
		}}
		r := start(t, newMemory(), []poller.Account{account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})}, known)
		wait(30 * time.Minute)
		r.list(known, told)
		before := len(v.asked())
		for !r.task(t, edgeAccount, told.ID).Answered && len(v.asked()) < before+20 {
			wait(edgeSlot)
		}
		if last := v.asked()[len(v.asked())-1]; last.TaskID != "" || len(v.asked()) > before+2 {
			t.Errorf("answered after %d calls, the last of them %+v", len(v.asked())-before, last)
		}
	})
}
