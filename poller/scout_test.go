package poller_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

const (
	// edgeSlot is the time from one call to the next on a quota of one in five
	// minutes, with the slack.
	edgeSlot = 5*time.Minute + 3*second
	// runFilter is what a question for rows that run has in its body.
	runFilter = `"status":"run"`
	// straggling is how many URLs each task of stragglers has.
	straggling = 20
)

// One page of the rows that run tells of many tasks: those whose row is there are
// refreshed by it, and one whose row is gone is proven settled soon after, never
// by the scout itself.
func TestScouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		// Only every third ends while the test lasts.
		ends := func(i int) time.Duration {
			return 2*time.Hour + time.Duration(i)*11*time.Minute + time.Duration(i%3)*100*time.Hour
		}
		tasks := stragglers(vendor, 30, ends)
		began := time.Now()
		s := startScouting(t, newMemory(), vendor, vendor, tasks...)
		asked, missing := 0, map[string]time.Time{}
		for time.Since(began) < 9*time.Hour {
			before := s.account(t, edgeAccount).Tasks
			call := s.next(t)
			if !call.scout() {
				continue
			}
			asked++
			s.checkScout(t, call, before, missing)
		}
		if asked < 50 {
			t.Errorf("%d scouts in 9 hours", asked)
		}
		if n := s.unsettled(t); n != 20 || len(missing) != 10 {
			t.Errorf("%d tasks are left, 20 have a URL that runs; %d were missed by scouts", n, len(missing))
		}
		for id, at := range missing {
			// At once, or together with the next that ends: no later than that
			// would be worth another scout.
			if lag := s.task(t, edgeAccount, id).LastRefresh.Sub(at); lag > 3*edgeSlot {
				t.Errorf("%s was proven settled %v after a scout did not show it any more", id, lag)
			}
		}
	})
}

// checkScout asks whether a scout's answer changed what it proves and nothing
// else. It adds the tasks that are first missing from it.
func (s *scouting) checkScout(t *testing.T, call listened, before []*prefetch.TaskState, missing map[string]time.Time) {
	t.Helper()
	runs := map[int64]bool{}
	for _, u := range call.answer.URLs {
		runs[u.Created.Unix()] = true
	}
	for _, old := range before {
		task := s.task(t, edgeAccount, old.ID)
		within := !old.Created.Before(call.query.From) && !old.Created.After(call.query.To)
		switch {
		case old.Settled() || !within:
		case task.Settled():
			t.Errorf("%s was settled by a scout", old.ID)
		case runs[old.Created.Unix()]:
			if !task.LastRefresh.Equal(call.at) || task.Counts != s.vendor.Counts(old.ID) || task.Counts[prefetch.Running] != 1 {
				t.Errorf("%s: its row runs at %v, and it shows %v of %v", old.ID, call.at, task.Counts, task.LastRefresh)
			}
		case !task.LastRefresh.Equal(old.LastRefresh) || task.Counts != old.Counts:
			t.Errorf("%s is not in the scout's answer, and changed from %+v to %+v", old.ID, old, task)
		default:
			if _, known := missing[old.ID]; !known {
				missing[old.ID] = call.at
			}
			if got := poller.Chance(s.Poller, edgeAccount, old.ID, time.Now()); got != 1 {
				t.Errorf("%s has no row that runs any more, and settled with chance %v", old.ID, got)
			}
		}
	}
}

// A vendor that does not do what scouts need is found out, and tasks settle
// without them. What was learned is known after a restart.
func TestVendorsWithoutScouts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		with  func(vendor *simcdnetworks.Server) http.Handler
		most  int // scouts that it takes to find out
		least int
	}{
		{name: "refused", least: 1, most: 1, with: func(vendor *simcdnetworks.Server) http.Handler {
			answersRunning(vendor, `{"Code":0,"message":"task status error,eg: init wait run success failure"}`)
			return vendor
		}},
		{name: "ignored", least: 1, most: 1, with: func(vendor *simcdnetworks.Server) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body) // what is cut is refused
				r.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(b), runFilter+",", "")))
				vendor.ServeHTTP(w, r)
			})
		}},
		{name: "empty", least: 1, most: 12, with: func(vendor *simcdnetworks.Server) http.Handler {
			answersRunning(vendor, `{"count":0,"Code":1,"message":"success","pageNo":1,"pageSize":100,"resultDetail":[]}`)
			return vendor
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := simcdnetworks.New(edgeOptions())
				tasks := stragglers(vendor, 12, func(i int) time.Duration { return 3*time.Hour + time.Duration(i)*20*time.Minute })
				counted := large("large", 250)
				counted.URLs[249].Fetch = 6 * time.Hour
				vendor.Submit(counted)
				tasks = append(tasks, configured(edgeAccount, "large"))
				st, h := newMemory(), c.with(vendor)
				s := startScouting(t, st, vendor, h, tasks...)
				for began := time.Now(); time.Since(began) < 3*time.Hour; {
					s.next(t)
				}
				n := scouts(s.since(0))
				if n < c.least || n > c.most {
					t.Errorf("%d scouts, want %d to %d", n, c.least, c.most)
				}
				if lines := s.lines("does not limit answers to URLs that run"); len(lines) > 1 || c.name != "refused" && len(lines) == 0 {
					t.Errorf("logged %d times: %v", len(lines), lines)
				}
				s.stop()
				if failed := s.recorder.failed; len(failed) != 0 {
					t.Errorf("learning was counted as a failure: %v", failed)
				}
				s = startScouting(t, st, vendor, h, tasks...)
				for began := time.Now(); time.Since(began) < 7*time.Hour; {
					if s.unsettled(t) == 0 {
						break
					}
					if call := s.next(t); call.scout() {
						t.Errorf("a scout after a restart: %+v", call)
					}
				}
				if n := s.unsettled(t); n != 0 {
					t.Errorf("%d tasks are not settled", n)
				}
				if n := s.recorder.called[string(vendorapi.QueryCount)]; n == 0 {
					t.Error("the large task is not counted any more")
				}
				if len(s.recorder.failed) != 0 {
					t.Errorf("failures %v", s.recorder.failed)
				}
				if n := s.recorder.called[string(vendorapi.QueryTask)]; n > len(tasks)*2/3 {
					t.Errorf("%d of %d calls were about one task: windows do not tell of them any more", n, len(s.since(0)))
				}
			})
		})
	}
}

// twins submits two tasks of the same URL and the same second, one of which has
// settled finish from now while the other goes on for two days.
func twins(vendor *simcdnetworks.Server, finish time.Duration) []prefetch.Task {
	created := time.Now().Add(-4 * time.Hour)
	var tasks []prefetch.Task
	for i, end := range []time.Duration{finish, 48 * time.Hour} {
		task := simulator.Task{ID: fmt.Sprint("twin-", i), Owner: user, Created: created, URLs: plans(straggling, 5*time.Minute)}
		task.URLs[3].Wait, task.URLs[3].Fetch = time.Minute, 4*time.Hour-time.Minute+end
		tasks = append(tasks, submit(vendor, task))
	}
	return tasks
}

// A row that runs and may be of either of two tasks tells of neither, and keeps
// neither from being asked for.
func TestAScoutOfTasksThatCannotBeToldApart(t *testing.T) {
	t.Parallel()
	for _, urls := range []bool{true, false} {
		t.Run(fmt.Sprintf("urls=%v", urls), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := simcdnetworks.New(edgeOptions())
				tasks := stragglers(vendor, 12, func(int) time.Duration { return 100 * time.Hour })
				tasks = append(tasks, twins(vendor, 3*time.Hour)...)
				if !urls {
					for i := range tasks {
						tasks[i].URLs = nil
					}
				}
				began := time.Now()
				s := startScouting(t, newMemory(), vendor, vendor, tasks...)
				for time.Since(began) < 7*time.Hour && s.unsettled(t) == len(tasks) {
					s.next(t)
					for _, task := range s.account(t, edgeAccount).Tasks {
						if truth := vendor.Counts(task.ID); time.Since(task.LastRefresh) < edgeSlot/2 && task.Counts != truth {
							t.Errorf("%s is shown as of %v with %v, the vendor has %v", task.ID, task.LastRefresh, task.Counts, truth)
						}
					}
				}
				if scouts(s.since(0)) == 0 {
					t.Error("no scout")
				}
				if got := s.task(t, edgeAccount, "twin-0"); !got.Settled() {
					t.Errorf("settled for %v and not noticed: %+v", time.Since(began)-3*time.Hour, got)
				}
			})
		})
	}
}

// Where more rows run than fit a page, tasks that it does not show may run still.
func TestAScoutThatIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		tasks := stragglers(vendor, 20, func(int) time.Duration { return 100 * time.Hour })
		// Rows of nobody that is watched, created before most of the tasks.
		crowd := simulator.Task{ID: "crowd", Owner: user, Created: tasks[14].Created.Add(time.Minute), URLs: plans(200, time.Minute)}
		for i := range crowd.URLs {
			crowd.URLs[i].Stuck = true
		}
		s := startScouting(t, newMemory(), vendor, vendor, tasks...)
		for scouts(s.since(0)) == 0 {
			s.next(t)
		}
		vendor.Submit(crowd)
		var call listened
		for call = s.next(t); !call.scout(); {
			call = s.next(t)
		}
		if call.answer.Count != 220 || len(call.answer.URLs) != 100 {
			t.Fatalf("a scout of %d rows: %+v", call.answer.Count, call.query)
		}
		for i, task := range tasks {
			if chance := poller.Chance(s.Poller, edgeAccount, task.ID, time.Now()); chance > 0.1 {
				t.Errorf("task %d settled with chance %v; it was shown: %v", i, chance, i > 14)
			}
			if got := s.task(t, edgeAccount, task.ID); got.LastRefresh.Equal(call.at) {
				t.Errorf("task %d is refreshed by rows that may not be all", i)
			}
		}
	})
}

// Of two large tasks of one second and without URLs the one that finished is
// found, though every row that runs may be of either.
func TestAScoutOfTwoLargeTasksOfOneSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		// Four pairs, one task of which finishes.
		var tasks []prefetch.Task
		for i := range 8 {
			created, last := time.Now().Add(-30*time.Minute-time.Duration(i/2)*10*time.Minute), 24*time.Hour
			if i == 0 {
				last = 4 * time.Hour
			}
			task := simulator.Task{ID: fmt.Sprint("large-", i), Owner: user, Created: created, URLs: plans(250, 20*time.Minute)}
			for j := range 4 {
				task.URLs[j*50].Fetch = last + time.Duration(j)*10*time.Minute
			}
			vendor.Submit(task)
			spec := configured(edgeAccount, task.ID)
			spec.Created = created
			tasks = append(tasks, spec)
		}
		s := startScouting(t, newMemory(), vendor, vendor, tasks...)
		for began := time.Now(); time.Since(began) < 7*time.Hour && s.unsettled(t) == len(tasks); {
			s.next(t)
		}
		if scouts(s.since(0)) == 0 {
			t.Error("no scout")
		}
		got := s.task(t, edgeAccount, "large-0")
		truth, _ := vendor.Settled("large-0")
		lag := got.LastRefresh.Sub(truth)
		if !got.Settled() || lag > 2*time.Duration(len(tasks))*edgeSlot {
			t.Errorf("settled at %v, %v: %+v", truth, lag, got)
		}
	})
}

// Somebody else's item has the same URL, submitted in the same second, and begins
// to run when the task's own has ended. A scout shows one such row at any time and
// cannot tell whose it is: no finished task is shown as running.
func TestScoutsAndTwinsOfUnwatchedRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		finish := func(i int) time.Duration { return 4*time.Hour + time.Duration(i)*7*time.Minute }
		tasks := stragglers(vendor, 30, finish)
		for i := range tasks {
			twin := simulator.URLPlan{URL: tasks[i].URLs[3], Wait: time.Since(tasks[i].Created) + finish(i), Fetch: 100 * time.Hour}
			vendor.Submit(simulator.Task{ID: "twin-" + tasks[i].ID, Owner: user, Created: tasks[i].Created, URLs: []simulator.URLPlan{twin}})
			tasks[i].URLs = nil // known by an answer about the task alone
		}
		began := time.Now()
		s := startScouting(t, newMemory(), vendor, vendor, tasks...)
		for s.account(t, edgeAccount).Phases[prefetch.Settled] < len(tasks) && time.Since(began) < 9*time.Hour {
			s.next(t)
			for _, task := range s.account(t, edgeAccount).Tasks {
				if at, settled := vendor.Settled(task.ID); settled && !task.Settled() && task.LastRefresh.After(at) {
					t.Fatalf("%s settled at %v and is shown with %v as of %v", task.ID, at, task.Counts, task.LastRefresh)
				}
			}
		}
		if n := scouts(s.since(0)); n == 0 {
			t.Error("no scout was asked")
		}
	})
}
