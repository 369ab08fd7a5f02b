package poller_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

const (
	lookBack = 72 * time.Hour
	halfDay  = 12 * time.Hour // a sixth of it
)

// watching is an account that counts its look-back.
func watching(a poller.Account) poller.Account {
	a.WatchWindow = true
	return a
}

// rowsSince is the truth about the tasks that were created since from.
func rowsSince(vendor *simcdnetworks.Server, tasks []simulator.Task, from time.Time) prefetch.Counts {
	var sum prefetch.Counts
	for _, task := range tasks {
		if task.Created.Before(from) {
			continue
		}
		for status, n := range vendor.Counts(task.ID) {
			sum[status] += n
		}
	}
	return sum
}

// firstPart is when the oldest part begins that lies whole within the look-back.
func firstPart(now time.Time) time.Time {
	oldest := now.Add(2*time.Minute - lookBack)
	return oldest.Add(halfDay - 1).Truncate(halfDay)
}

// submitted is a task of n URLs that was created at a time and whose last URL
// ends after d; of ten one fails.
func submitted(vendor *simcdnetworks.Server, id string, created time.Time, n int, d time.Duration) simulator.Task {
	task := simulator.Task{ID: id, Owner: user, Created: created, URLs: plans(n, d)}
	for i := range task.URLs {
		task.URLs[i].Fails = i%10 == 3
	}
	vendor.Submit(task)
	return task
}

// The look-back moves on part by part, and the figure with it: never absent, and
// never without a part that is in it.
func TestTheLookBackMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		var tasks []simulator.Task
		began := time.Now()
		for i := range 24 * 6 {
			tasks = append(tasks, submitted(vendor, fmt.Sprint(i), began.Add(time.Duration(i-24*3)*time.Hour+time.Minute), 20, 10*time.Minute))
		}
		r := start(t, newMemory(), []poller.Account{watching(edge(t, vendor))})
		wait(5 * time.Hour)
		for range 24 * 2 * 4 {
			wait(15 * time.Minute)
			got := r.account(t, edgeAccount)
			if got.Window == nil {
				t.Fatalf("absent at %v", time.Now())
			}
			if age := time.Since(got.WindowRefresh); age > 30*time.Minute {
				t.Fatalf("%v old at %v", age, time.Now())
			}
			// What was created in the last half hour may not be counted yet.
			// A part is left out when the next call is thought of.
			most, least := rowsSince(vendor, tasks, firstPart(time.Now().Add(-10*time.Minute))).Total(), 0
			for _, task := range tasks {
				if !task.Created.Before(firstPart(time.Now())) && time.Since(task.Created) > 30*time.Minute {
					least += len(task.URLs)
				}
			}
			if n := got.Window.Total(); n < least || n > most {
				t.Fatalf("%d URLs shown at %v, between %d and %d are there", n, time.Now(), least, most)
			}
		}
		if n := vendor.Stats().OverQuota; n != 0 {
			t.Errorf("%d calls over the quota", n)
		}
	})
}

// greedy is a vendor whose tasks never end and are always worth a call.
func greedy() *stub {
	return &stub{
		caps: vendorapi.Capabilities{
			Windows: true, Paged: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true,
			PageSize: 100, LookBack: lookBack, MaxSpan: longest, MaxInFlight: 1,
		},
		answer: func(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
			if q.TaskID == "" {
				return vendorapi.Answer{}, nil
			}
			return vendorapi.Answer{URLs: []prefetch.URL{{URL: "https://example.com/a", Status: prefetch.Running}}, Count: 1}, nil
		},
	}
}

// Where tasks want every call, the look-back gets one in twelve; of questions
// that are pressing it waits for twice as many.
func TestABusyAccountCountsItsLookBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := greedy()
		a := watching(account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute}))
		r := start(t, newMemory(), []poller.Account{a}, many(edgeAccount, 40)...)
		wait(24 * time.Hour)
		tasks, gaps := 0, []int{}
		for _, q := range v.asked() {
			// One limited to what runs is for the tasks.
			if q.TaskID == "" && (q.Status == nil || q.Status.Final()) {
				gaps, tasks = append(gaps, tasks), 0
				continue
			}
			tasks++
		}
		if len(gaps) < 20 || gaps[0] != 23 {
			t.Fatalf("calls for tasks between those for the look-back: %v; the first 40 are pressing", gaps)
		}
		for _, n := range gaps[3:] {
			if n != 11 {
				t.Errorf("calls for tasks between those for the look-back: %v", gaps)
				break
			}
		}
		if got := r.account(t, edgeAccount); got.Window == nil || got.Window.Total() != 0 {
			t.Errorf("after a day: %v", got.Window)
		}
	})
}

// Accounts that share a budget share it fairly; but one that has no task leaves
// it to another's tasks, all but one call in twelve.
func TestALookBackLeavesCallsToOtherAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mine, theirs := greedy(), greedy()
		limit := prefetch.Limit{Calls: 1, Per: 5 * time.Minute}
		other := prefetch.Account{Provider: edgeAccount.Provider, Name: "other"}
		r := start(t, newMemory(), []poller.Account{watching(account(edgeAccount, mine, limit)), account(other, theirs, limit)}, many(other, 10)...)
		wait(24 * time.Hour)
		a, b := len(mine.calls()), len(theirs.calls())
		if share := float64(a) / float64(a+b); share > 1.0/12+0.01 || share < 0.05 || a+b < 280 {
			t.Errorf("%d calls for the look-back, %d for the other account's tasks", a, b)
		}
		if got := r.account(t, edgeAccount); got.Window == nil {
			t.Error("not counted after a day")
		}
	})
}

// When nothing can change any more and the next part has not begun, the account
// wakes when it has.
func TestTheNextPartIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := greedy()
		a := watching(account(edgeAccount, v, prefetch.Limit{Calls: 1000, Per: second}))
		wait(59*second + second/2) // midnight is within the minute in which rows may appear
		r := start(t, newMemory(), []poller.Account{a})
		synctest.Wait()
		before := r.account(t, edgeAccount)
		if before.Window == nil || before.WindowRefresh.IsZero() {
			t.Fatalf("not counted at once: %v %v", before.Window, before.WindowRefresh)
		}
		wait(10 * time.Minute)
		if age := time.Since(r.account(t, edgeAccount).WindowRefresh); age > 2*time.Minute {
			t.Errorf("%v old", age)
		}
	})
}

// A slot that a task will want before the next one is free is left to it.
func TestALookBackDelaysNoTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		r := start(t, newMemory(), []poller.Account{watching(edge(t, vendor))})
		wait(2 * time.Hour)
		for time.Until(r.account(t, edgeAccount).NextCall) > 30*second {
			wait(second)
		}
		vendor.Submit(simulator.Task{ID: "a", Owner: user, URLs: plans(20, time.Second)})
		spec := configured(edgeAccount, "a")
		spec.Created = time.Now()
		r.list(spec)
		wait(70 * second)
		if got := r.task(t, edgeAccount, "a"); !got.Settled() {
			t.Errorf("%v: the call that was free was spent on something else", got.Phase)
		}
	})
}

// With the URLs given, a window that was asked for the look-back tells of tasks,
// too.
func TestALookBackTellsOfTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		wait(3 * time.Hour) // not at midnight, when a part begins
		urls := plans(20, 3*time.Minute)
		vendor.Submit(simulator.Task{ID: "a", Owner: user, URLs: urls})
		spec := configured(edgeAccount, "a")
		spec.Created = time.Now()
		for _, u := range urls {
			spec.URLs = append(spec.URLs, u.URL)
		}
		a := watching(edge(t, vendor))
		a.PollInterval = 10 * time.Hour // the task alone would be asked for once
		r := start(t, newMemory(), []poller.Account{a}, spec)
		wait(2 * time.Minute)
		if got := r.task(t, edgeAccount, "a"); !got.Answered || got.Settled() {
			t.Fatalf("%v, answered: %v", got.Phase, got.Answered)
		}
		wait(15 * time.Minute)
		got := r.task(t, edgeAccount, "a")
		if !got.Settled() || got.Counts != vendor.Counts("a") {
			t.Errorf("%v %v", got.Phase, got.Counts)
		}
	})
}

// The figure goes when it is switched off or belongs to another user, and comes
// back when everything was counted anew; a longer look-back is counted before it
// is shown.
func TestAReloadOfWatchWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := edgeOptions()
		o.LookBack = 7 * 24 * time.Hour
		vendor := simcdnetworks.New(o)
		task := submitted(vendor, "a", time.Now().Add(-5*24*time.Hour), 30, time.Hour)
		submitted(vendor, "b", time.Now().Add(-24*time.Hour), 20, time.Hour)
		on := watching(edge(t, vendor))
		r := start(t, newMemory(), []poller.Account{on})
		shows := func(after time.Duration, want int) {
			t.Helper()
			wait(after)
			got := -1
			if w := r.account(t, edgeAccount).Window; w != nil {
				got = w.Total()
			}
			if got != want {
				t.Errorf("%d URLs, want %d", got, want)
			}
		}
		configure := func(a poller.Account) {
			t.Helper()
			if err := r.Configure([]poller.Account{a}); err != nil {
				t.Fatal(err)
			}
		}
		shows(2*time.Hour, 20)
		off := on
		off.WatchWindow = false
		configure(off)
		shows(second, -1)
		calls := vendor.Stats().Calls
		shows(time.Hour, -1)
		if n := vendor.Stats().Calls - calls; n != 0 {
			t.Errorf("%d calls while it is off", n)
		}
		configure(on)
		shows(second, -1)
		shows(2*time.Hour, 20)
		long := on
		long.Provider = believing{on.Provider, 7 * 24 * time.Hour}
		configure(long)
		shows(5*time.Minute, -1)
		shows(3*time.Hour, 20+len(task.URLs))
		other := on
		other.Identity = "somebody else"
		configure(other)
		shows(second, -1)
	})
}

// What fails is asked again, and what was shown stays with its date.
func TestALookBackWhoseCallsFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := greedy()
		fine := v.answer
		var broken atomic.Bool
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if broken.Load() {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid}
			}
			return fine(n, q)
		}
		a := watching(account(edgeAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute}))
		r := start(t, newMemory(), []poller.Account{a})
		wait(time.Hour)
		before := r.account(t, edgeAccount)
		broken.Store(true)
		calls := len(v.calls())
		wait(2 * time.Hour)
		after := r.account(t, edgeAccount)
		if before.Window == nil || after.Window == nil || !after.WindowRefresh.Equal(before.WindowRefresh) || after.Failing != prefetch.ReasonInvalid {
			t.Errorf("before %v %v, after %v %v", before.Window, before.WindowRefresh, after.Window, after.WindowRefresh)
		}
		if n := len(v.calls()) - calls; n < 2 || n > 10 {
			t.Errorf("%d calls in two hours of refusals", n)
		}
		broken.Store(false)
		wait(time.Hour)
		if got := r.account(t, edgeAccount); !got.WindowRefresh.After(before.WindowRefresh) {
			t.Errorf("mended, and still of %v", got.WindowRefresh)
		}
	})
}

// rigUpWith starts a poller of one account that logs to log.
func rigUpWith(t *testing.T, st *memory, log *slog.Logger, a poller.Account, tasks ...prefetch.Task) *rigged {
	t.Helper()
	r := &rigged{recorder: newRecorder()}
	r.Poller = poller.New(poller.Options{Store: st, Recorder: r.recorder, Clock: clock.Wall(time.Now), Logger: log})
	if err := r.Configure([]poller.Account{a}); err != nil {
		t.Fatal(err)
	}
	r.List(map[string][]prefetch.Task{a.Name: tasks})
	r.run(t)
	t.Cleanup(r.end)
	return r
}
