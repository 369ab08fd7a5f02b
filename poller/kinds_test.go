package poller_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// kinds are what vendors differ in that say of which tasks an answer is.
func kinds() map[string]vendorapi.Capabilities {
	created := vendorapi.RowTimes{Created: true}
	return map[string]vendorapi.Capabilities{
		"rows with tasks": {
			Windows: true, RowTask: true, Paged: true, PageSize: 100, LookBack: 7 * 24 * time.Hour, MaxSpan: 7 * 24 * time.Hour,
			Times: created, NeverWaits: true, MaxInFlight: 2,
			FilterWords: vendorapi.OneWord(prefetch.Running, prefetch.Succeeded, prefetch.Failed),
		},
		"ten tasks a question": {
			Windows: true, RowTask: true, TasksPerQuery: 10, PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: 72 * time.Hour,
			Times: created, Gradual: true, Causes: true, MaxInFlight: 2,
		},
		"lists": {
			Lists: true, Paged: true, ListSize: 10_000, PageSize: 10_000, LookBack: 15 * 24 * time.Hour, MaxSpan: 15 * 24 * time.Hour,
			Times: created, Causes: true, MaxInFlight: 2,
		},
	}
}

// namedTask is one task of a naming vendor: its URLs end at these ages.
type namedTask struct {
	id      string
	created time.Time
	ends    []time.Duration
	fails   int // of its URLs, the first
}

func (n *namedTask) rows(now time.Time) (urls []prefetch.URL) {
	for i, end := range n.ends {
		u := prefetch.URL{URL: fmt.Sprintf("https://example.com/%s/%d", n.id, i), Status: prefetch.Running, Created: n.created.Truncate(time.Second)}
		switch {
		case now.Before(n.created.Add(end)):
		case i < n.fails:
			u.Status, u.Cause, u.Words = prefetch.Failed, prefetch.CauseOrigin, "origin timeout"
		default:
			u.Status = prefetch.Succeeded
		}
		urls = append(urls, u)
	}
	return urls
}

func (n *namedTask) settled() time.Time { return n.created.Add(slices.Max(n.ends)) }

// naming is a vendor whose answers say of which tasks they are.
type naming struct {
	*stub

	mu    sync.Mutex
	tasks []*namedTask // in order of creation
}

func newNaming(caps vendorapi.Capabilities) *naming {
	v := &naming{}
	v.stub = &stub{caps: caps, answer: v.reply, takes: func(int) time.Duration { return 300 * time.Millisecond }}
	return v
}

func (v *naming) reply(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	ans := vendorapi.Answer{Date: now.Truncate(time.Second), Page: q.Page, PageSize: q.PageSize}
	ids := q.Tasks()
	for _, n := range v.tasks {
		second := n.created.Truncate(time.Second)
		inside := !second.Before(q.From) && !second.After(q.To)
		switch {
		case now.Before(n.created), len(ids) > 0 && !slices.Contains(ids, n.id), len(ids) == 0 && !inside:
			continue
		case q.Kind == vendorapi.QueryList:
			c := prefetch.CountURLs(n.rows(now))
			ans.Tasks = append(ans.Tasks, vendorapi.TaskSummary{ID: n.id, Created: second, Counts: c, Done: c.AllFinal()})
			continue
		}
		for _, u := range n.rows(now) {
			if q.Status == nil || *q.Status == u.Status {
				ans.URLs, ans.RowTasks = append(ans.URLs, u), append(ans.RowTasks, n.id)
			}
		}
	}
	ans.Count = len(ans.URLs) + len(ans.Tasks)
	if size := q.PageSize; size > 0 && q.Kind != vendorapi.QueryList {
		first := min(len(ans.URLs), (max(1, q.Page)-1)*size)
		last := min(len(ans.URLs), first+size)
		ans.URLs, ans.RowTasks = ans.URLs[first:last], ans.RowTasks[first:last]
	}
	return ans, nil
}

// submit gives the vendor tasks of three URLs, created over a time from now on.
func (v *naming) submit(n int, over time.Duration, random *rand.Rand) {
	now := time.Now()
	for i := range n {
		task := &namedTask{id: fmt.Sprintf("task-%04d", i), created: now.Add(over * time.Duration(i) / time.Duration(n))}
		for range 3 {
			task.ends = append(task.ends, time.Minute+time.Duration(random.ExpFloat64()*float64(5*time.Minute)))
		}
		if i%10 == 0 {
			task.fails = 1
		}
		v.tasks = append(v.tasks, task)
	}
}

// fewCalls are how many calls it takes at most to tell of all that each of the tests has.
// When windows and lists told only of tasks whose turn it was, it took 1,824, 1,717 and
// 742 calls; and of those discovered 2,700 to 5,400. Where rows may appear gradually a
// window shows two minutes more than its tasks, which leaves no room in a busy account.
func fewCalls(kind string) (many, discovered int) {
	many = map[string]int{"rows with tasks": 1500, "ten tasks a question": 1900, "lists": 500}[kind]
	return many, 1100
}

// At every kind of vendor 500 tasks of three URLs are known to be settled 30 seconds
// after they are, in the mean, with 60 calls a minute and none too many; and what is
// shown is what the vendor has.
func TestManyTasksAtEachKindOfVendor(t *testing.T) {
	t.Parallel()
	for name, caps := range kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := newNaming(caps)
				v.submit(500, 10*time.Minute, rand.New(rand.NewPCG(1, 2)))
				a := account(edgeAccount, v, prefetch.Limit{Calls: 60, Per: time.Minute})
				a.PollInterval = 30 * time.Second
				tasks := make([]prefetch.Task, len(v.tasks))
				for i, n := range v.tasks {
					tasks[i] = prefetch.Task{Account: edgeAccount.Name, ID: n.id, Created: n.created}
				}
				r := start(t, newMemory(), []poller.Account{a})
				for i, n := range v.tasks { // named when they are submitted, five at once
					if (i+1)%5 == 0 {
						time.AfterFunc(time.Until(n.created), func() { r.list(tasks[:i+1]...) })
					}
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				v.check(t, r)
				if most, _ := fewCalls(name); len(v.calls()) > most {
					t.Errorf("it took %d calls", len(v.calls()))
				}
			})
		})
	}
}

// check checks what is shown of all tasks, and how late.
func (v *naming) check(t *testing.T, r *rig) {
	t.Helper()
	var lag time.Duration
	state := r.Snapshot().Accounts[0]
	if len(state.Tasks) != len(v.tasks) {
		t.Fatalf("%d tasks are watched of %d", len(state.Tasks), len(v.tasks))
	}
	for i, s := range state.Tasks {
		n := v.tasks[i]
		if want := prefetch.CountURLs(n.rows(time.Now())); !s.Settled() || s.Counts != want {
			t.Errorf("%s is %v with %v, want %v", s.ID, s.Phase, s.Counts, want)
			continue
		}
		if len(s.URLs) != n.fails || s.HasCauses && s.Causes[prefetch.CauseOrigin] != n.fails {
			t.Errorf("%s keeps %d rows of %d that failed, causes %v", s.ID, len(s.URLs), n.fails, s.Causes)
		}
		if late := s.Finished.Sub(n.settled()); late < 0 {
			t.Errorf("%s is settled %v too early", s.ID, -late)
		} else {
			lag += late
		}
	}
	lag /= time.Duration(len(v.tasks))
	t.Logf("%d calls, mean lag %v", len(v.calls()), lag.Round(time.Second/10))
	if lag > 30*time.Second {
		t.Errorf("the mean lag is %v", lag)
	}
	if err := overQuota(v.calls(), prefetch.Limit{Calls: 60, Per: time.Minute}); err != nil {
		t.Error(err)
	}
}

// Nobody names the tasks, and they are watched all the same: those that are younger
// than what was asked for, at the cost of a listing, over restarts, and each until its
// time is over. A named one keeps what was said of it.
func TestDiscover(t *testing.T) {
	t.Parallel()
	for name, caps := range kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := newNaming(caps)
				v.submit(1000, 40*time.Hour, rand.New(rand.NewPCG(3, 4)))
				time.Sleep(30 * time.Hour)
				a := account(edgeAccount, v, prefetch.Limit{Calls: 60, Per: time.Minute})
				a.Discover, a.Retention = 24*time.Hour, time.Hour
				now, st := time.Now(), newMemory()
				named := prefetch.Task{Account: edgeAccount.Name, ID: v.tasks[749].id, Labels: map[string]string{"title": "launch"}}
				r := start(t, st, []poller.Account{a}, named)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				state := r.Snapshot().Accounts[0]
				first := len(v.calls())
				young := 0
				for _, n := range v.tasks {
					if n.created.After(now.Add(-24*time.Hour)) && n.created.Before(now.Add(8*time.Minute)) {
						young++
					}
				}
				if got := len(state.Tasks); got < young || got > young+20 {
					t.Errorf("%d tasks are watched, %d are young enough", got, young)
				}
				for _, s := range state.Tasks {
					switch want := prefetch.SourceVendor; {
					case s.ID == named.ID && (s.Source == want || s.Labels["title"] != "launch"):
						t.Errorf("the named one is %+v", s)
					case s.ID != named.ID && (s.Source != want || s.Created.IsZero()):
						t.Errorf("a found one is %+v", s)
					}
				}
				r.stop()
				r = start(t, st, []poller.Account{a}, named)
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := len(r.Snapshot().Accounts[0].Tasks); got < young {
					t.Errorf("%d tasks after a restart", got)
				}
				if again := len(v.calls()) - first; again > 10 {
					t.Errorf("%d calls after a restart", again)
				}
				time.Sleep(15 * time.Hour)
				synctest.Wait()
				last := r.Snapshot().Accounts[0]
				if got := len(last.Tasks); got > 120 {
					t.Errorf("%d tasks are watched after all were over", got)
				}
				calls := len(v.calls())
				t.Logf("%d young tasks, %d calls in the first ten minutes, %d in all", young, first, calls)
				if _, most := fewCalls(name); calls > most {
					t.Errorf("it took %d calls", calls)
				}
				if err := overQuota(v.calls(), a.Limit); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// More tasks than there is room for are counted, and come in when others are over;
// those that somebody names go before them.
func TestDiscoverMoreThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newNaming(kinds()["lists"])
		v.submit(50, time.Minute, rand.New(rand.NewPCG(5, 6)))
		v.tasks[0].ends = []time.Duration{100 * time.Hour}
		time.Sleep(2 * time.Minute)
		a := account(edgeAccount, v, prefetch.Limit{Calls: 60, Per: time.Minute})
		a.Discover, a.TaskLimit = 24*time.Hour, 30
		st := newMemory()
		r := start(t, st, []poller.Account{a})
		time.Sleep(time.Minute)
		synctest.Wait()
		state := r.Snapshot().Accounts[0]
		if len(state.Tasks) != 30 || state.Dropped != 20 {
			t.Errorf("%d tasks, %d dropped", len(state.Tasks), state.Dropped)
		}
		r.stop()
		r = start(t, st, []poller.Account{a}, prefetch.Task{Account: edgeAccount.Name, ID: v.tasks[49].id, Labels: map[string]string{"a": "b"}})
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		state = r.Snapshot().Accounts[0]
		settled := map[string]bool{}
		for _, s := range state.Tasks {
			settled[s.ID] = s.Settled()
		}
		if len(state.Tasks) != 30 || state.Dropped != 0 || !settled[v.tasks[49].id] || settled[v.tasks[0].id] {
			t.Errorf("%d tasks, %d dropped, the named one settled: %v", len(state.Tasks), state.Dropped, settled[v.tasks[49].id])
		}
	})
}
