package poller_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// neverDone is a vendor without windows whose tasks run for ever.
func neverDone() *stub {
	return &stub{
		caps: vendorapi.Capabilities{MaxInFlight: 4}, answer: running,
		takes: func(int) time.Duration { return second },
	}
}

// manyTasks are more than flood has calls, so that each is asked later than it may.
const manyTasks = 150

// flood is a quota of 90 calls a minute.
func flood() prefetch.Limit { return prefetch.Limit{Calls: 90, Per: time.Minute} }

// A few tasks are asked for as soon as they may be, all at once.
func TestASmallAccountIsNotSlowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := neverDone()
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})
		start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 5)...)
		wait(10 * time.Minute)
		calls := v.calls()
		if len(calls) < 5*9 {
			t.Errorf("%d calls in 10 minutes for 5 tasks", len(calls))
		}
		for i := 4; i < len(calls); i += 5 {
			if took := calls[i].began.Sub(calls[i-4].began); took > second { // 4 at once, and one after them
				t.Errorf("round %d of 5 tasks took %v", i/5, took)
			}
		}
	})
}

// A deadline that passes is asked for at once, though others want every call:
// where there are fewer than tasks, and where one round of all tasks takes them all.
func TestDeadlinesOfABusyAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tasks, oneIn int
		latency      time.Duration
	}{{manyTasks, 10, second}, {95, 19, 0}} {
		t.Run(fmt.Sprint(c.tasks), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := neverDone()
				v.takes = func(int) time.Duration { return c.latency }
				tasks := many(huaweiAccount, c.tasks)
				began := time.Now()
				for i := range tasks {
					if i%c.oneIn == 0 {
						tasks[i].Deadline = began.Add(7*time.Minute + time.Duration(i)*1100*time.Millisecond)
					}
				}
				start(t, newMemory(), []poller.Account{account(huaweiAccount, v, flood())}, tasks...)
				wait(12 * time.Minute)
				for _, task := range tasks {
					if lag := firstAfter(v, task); lag > 2*second {
						t.Errorf("%s was asked for %v after its deadline", task.ID, lag)
					}
				}
			})
		})
	}
}

// firstAfter is how long after its deadline a task was asked for.
func firstAfter(v *stub, task prefetch.Task) time.Duration {
	if task.Deadline.IsZero() {
		return 0
	}
	calls := v.calls()
	for i, q := range v.asked() {
		if q.TaskID == task.ID && !calls[i].began.Before(task.Deadline) {
			return calls[i].began.Sub(task.Deadline)
		}
	}
	return time.Hour
}

// For deadlines that pass in one moment calls are kept back before, also from tasks
// that were never asked for: they are asked for as fast as the vendor answers, and
// not as fast as calls become free again.
func TestDeadlinesOfOneMoment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ together, newcomers int }{{60, 0}, {30, 100}} {
		t.Run(fmt.Sprintf("%d with %d newcomers", c.together, c.newcomers), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := neverDone()
				specs := many(huaweiAccount, manyTasks+c.newcomers)
				moment := time.Now().Add(8 * time.Minute)
				due := map[string]bool{}
				for i := range c.together {
					specs[2*i].Deadline = moment
					due[specs[2*i].ID] = true
				}
				r := start(t, newMemory(), []poller.Account{account(huaweiAccount, v, flood())}, specs[:manyTasks]...)
				wait(8*time.Minute - 5*second)
				r.list(specs...)
				wait(2 * time.Minute)
				calls, asked := v.calls(), v.asked()
				for i, q := range asked {
					if calls[i].began.Before(moment) || !due[q.TaskID] {
						continue
					}
					delete(due, q.TaskID)
					// Four at a time, a second each.
					if late := calls[i].began.Sub(moment); late > time.Duration(c.together)*second/4+second {
						t.Errorf("%s was asked for %v after its deadline", q.TaskID, late)
					}
				}
				if len(due) > 0 {
					t.Errorf("never asked for: %v", due)
				}
				if err := overQuota(calls, flood()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A clock that is set back by hours stops no calls.
func TestABusyAccountWhoseClockIsSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var jump atomic.Int64
		v, began := neverDone(), time.Now()
		tells := func() clock.Stamp {
			return clock.Stamp{Wall: time.Now().Add(time.Duration(jump.Load())), Boot: "b", Up: time.Since(began)}
		}
		a := account(huaweiAccount, v, flood())
		p := rigUp(t, newMemory(), tells, []poller.Account{a}, many(huaweiAccount, manyTasks))
		defer p.end()
		wait(10 * time.Minute)
		before := len(v.calls())
		jump.Store(-int64(5 * time.Hour))
		wait(10 * time.Minute)
		if n, all := len(v.calls())-before, 10*a.Limit.Calls; n < all*8/10 {
			t.Errorf("%d calls in 10 minutes after the clock was set back, of %d", n, all)
		}
	})
}

// --once makes every call that is allowed, without a pause.
func TestOnceMakesEveryCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := neverDone()
		p := poller.New(poller.Options{Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now)})
		a := account(huaweiAccount, v, flood())
		if err := p.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{a.Name: many(huaweiAccount, a.Limit.Calls+10)})
		for range 2 { // most were asked for before
			before, began := len(v.calls()), time.Now()
			if p.Once(t.Context()) {
				t.Error("a call failed")
			}
			if n, took := len(v.calls())-before, time.Since(began); n != a.Limit.Calls || took > 30*second {
				t.Errorf("%d calls in %v", n, took)
			}
			wait(5 * time.Minute)
		}
	})
}

// A task goes exactly when its time is over, whatever else happens or does not,
// and a list that changes is seen at once.
func TestTasksGoInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody() // what it was not told of is lost
		m.set("done", urls(prefetch.Succeeded))
		m.set("new", urls(prefetch.Running))
		a := quick(v)
		a.Retention = 5 * time.Hour
		r := start(t, newMemory(), []poller.Account{a}, configured(huaweiAccount, "done"), configured(huaweiAccount, "lost"))
		ends := map[string]time.Time{}
		for _, id := range []string{"done", "lost"} {
			phase := map[string]prefetch.Phase{"done": prefetch.Settled, "lost": prefetch.Lost}[id]
			for range 3600 {
				if r.task(t, huaweiAccount, id).Phase == phase {
					break
				}
				wait(second)
			}
			ends[id] = time.Now().Add(a.Retention) // to the second
		}
		for _, id := range []string{"done", "lost"} {
			wait(time.Until(ends[id]) - 2*second)
			if r.task(t, huaweiAccount, id) == nil {
				t.Errorf("%s is gone before its time", id)
			}
			wait(3 * second)
			if got := r.task(t, huaweiAccount, id); got != nil {
				t.Errorf("%s is there still: %+v", id, got)
			}
		}
		r.list(configured(huaweiAccount, "new"))
		synctest.Wait()
		if got := r.task(t, huaweiAccount, "new"); got == nil || !got.Answered {
			t.Errorf("a task that is listed now: %+v", got)
		}
		r.list()
		synctest.Wait()
		if n := len(r.account(t, huaweiAccount).Tasks); n != 0 {
			t.Errorf("%d tasks of an empty list", n)
		}
	})
}
