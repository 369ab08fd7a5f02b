package poller_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// totals are the durations that all processes observed together.
type totals struct{ wait, fetch, tasks int }

func (sum *totals) add(r *recorder) {
	sum.wait += len(r.wait)
	sum.fetch += len(r.fetch)
	sum.tasks += len(r.tasks)
}

// TestRestart stops the poller at random moments while tasks progress, in order
// or as SIGKILL does, and asks whether anything that it had shown is lost, and
// whether any duration is observed twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		for _, how := range []string{"stop", "kill", "kill within a write"} {
			t.Run(fmt.Sprint(how, " ", seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { restarts(t, how, rand.New(rand.NewPCG(seed, 2))) })
			})
		}
	}
}

const (
	restartTasks = 2
	restartURLs  = 110 // two pages
)

func restarts(t *testing.T, how string, random *rand.Rand) {
	t.Helper()
	o := edgeOptions()
	o.RefuseStatusFilter = true // the rows are counted otherwise
	o.Quota = simulator.Quota{Calls: 1, Per: 20 * second}
	o.Latency = simulator.Jitter(random.Uint64(), 3*second)
	vendor := simcdnetworks.New(o)
	a := edge(t, vendor)
	a.Limit = prefetch.Limit{Calls: 1, Per: 20 * second}
	var tasks []prefetch.Task
	for i := range restartTasks {
		id := fmt.Sprint("task-", i)
		vendor.Submit(simulator.Task{ID: id, Owner: user, URLs: plans(restartURLs, time.Duration(20+5*i)*time.Minute)})
		tasks = append(tasks, configured(edgeAccount, id))
	}
	st := newMemory()
	var sum totals
	var before []*prefetch.TaskState
	for range 12 {
		r := &rigged{recorder: newRecorder()}
		r.Poller = poller.New(poller.Options{Store: st, Recorder: r.recorder, Clock: clock.Wall(time.Now)})
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		r.List(map[string][]prefetch.Task{a.Name: tasks})
		if diff := cmp.Diff(before, r.Snapshot().Accounts[0].Tasks); before != nil && diff != "" {
			t.Fatalf("after a restart, before any call (-before +after):\n%s", diff)
		}
		r.run(t)
		wait(time.Duration(random.IntN(4*60*1000)) * time.Millisecond)
		before, st = stopSomehow(r, st, how, random)
		sum.add(r.recorder)
	}
	r := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, tasks)
	wait(time.Hour)
	for _, task := range r.Snapshot().Accounts[0].Tasks {
		if !task.Settled() || task.Counts.Total() != restartURLs {
			t.Errorf("%s: %v, %v", task.ID, task.Phase, task.Counts)
		}
	}
	r.end()
	sum.add(r.recorder)
	if n := vendor.Stats().OverQuota; n != 0 {
		t.Errorf("%d calls over the quota", n)
	}
	all := totals{restartTasks * restartURLs, restartTasks * restartURLs, restartTasks}
	if how == "stop" && sum != all || sum.wait > all.wait || sum.fetch > all.fetch || sum.tasks > all.tasks {
		t.Errorf("durations observed %+v, there were %+v", sum, all)
	}
	if least := all.wait / 2; sum.wait < least || sum.fetch < least {
		t.Errorf("durations observed %+v, of %+v", sum, all)
	}
}

// stopSomehow ends the poller. It returns the tasks that the next one must show,
// as far as that can be told, and the store as it finds it.
func stopSomehow(r *rigged, st *memory, how string, random *rand.Rand) ([]*prefetch.TaskState, *memory) {
	switch how {
	case "stop":
		r.end()
		return r.Snapshot().Accounts[0].Tasks, st
	case "kill":
		return r.Snapshot().Accounts[0].Tasks, r.kill(st)
	}
	left := random.IntN(4)
	st.failWith(func([]store.Op) error {
		if left == 0 {
			return errors.New("killed")
		}
		left--
		return nil
	})
	wait(30 * second)
	return nil, r.kill(st)
}

// run starts what New and Configure prepared.
func (r *rigged) run(t *testing.T) {
	t.Helper()
	ctx, cancel := contextWithCancel(t)
	r.cancel, r.done = cancel, make(chan struct{})
	go func() {
		defer close(r.done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
}

func TestHealthSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", fails(prefetch.ReasonAuth))
		st, a := newMemory(), quick(v)
		r := start(t, st, []poller.Account{a}, configured(huaweiAccount, "a"))
		wait(time.Hour)
		before := r.account(t, huaweiAccount)
		r.stop()
		calls := len(v.calls())
		r = start(t, st, []poller.Account{a}, configured(huaweiAccount, "a"))
		after := r.account(t, huaweiAccount)
		if before.Up || after.Up || after.Failing != prefetch.ReasonAuth {
			t.Errorf("before %+v, after %+v", before, after)
		}
		wait(4 * time.Minute)
		if n := len(v.calls()) - calls; n > 1 {
			t.Errorf("%d calls within 4 minutes after a restart: the backoff is forgotten", n)
		}
		if last := after.Tasks[0].LastError; last == nil || last.Reason != prefetch.ReasonAuth {
			t.Errorf("the task's error: %+v", last)
		}
	})
}

// A call that was under way when the process was killed counts as ended at the
// next start, once: not at each one after it.
func TestACallThatWasNeverClosedCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{
			caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running,
			takes: func(int) time.Duration { return 20 * second },
		}
		limit := prefetch.Limit{Calls: 1, Per: 5 * time.Minute}
		a := account(huaweiAccount, v, limit)
		st := newMemory()
		p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, many(huaweiAccount, 3))
		wait(10 * second)
		st = p.kill(st)
		for range 6 {
			p = rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, many(huaweiAccount, 3))
			wait(time.Minute)
			p.end()
		}
		if n := len(v.calls()); n != 2 {
			t.Errorf("%d calls within 6 minutes of restarts each minute, want the one that was killed and one more", n)
		}
	})
}

// What cannot be understood is left out, and the rest is watched.
func TestUnreadableRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		st := newMemory()
		scope := huaweiAccount.Provider + ":" + huaweiAccount.Name
		err := st.Write(
			store.Op{Table: store.Tasks, Scope: scope, Key: "task-0", Value: []byte(`{"phase":"sideways"}`)},
			store.Op{Table: store.Tasks, Scope: scope, Key: "task-1", Value: []byte(`{"rows":7}`)},
			store.Op{Table: store.Accounts, Scope: scope, Key: "state", Value: []byte(`nonsense`)},
		)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, st, []poller.Account{quick(v)}, many(huaweiAccount, 3)...)
		wait(second)
		if got := r.account(t, huaweiAccount).Phases; got != [prefetch.NumPhases]int{prefetch.Active: 3} {
			t.Errorf("phases %v", got)
		}
	})
}

// A ledger that cannot be read in part says nothing of what was spent.
func TestAnUnreadableLedgerIsSpent(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"00000000000000000007": "nonsense", "throttle": "nonsense", "what?": "{}",
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
				a := account(huaweiAccount, v, prefetch.Limit{Calls: 3, Per: 10 * time.Minute})
				a.PollInterval = 1
				st := newMemory()
				r := start(t, st, []poller.Account{a}, many(huaweiAccount, 9)...)
				wait(second)
				r.stop()
				wait(time.Hour) // all of these calls are free again
				if err := st.Write(store.Op{Table: store.Ledger, Scope: a.Identity, Key: key, Value: []byte(value)}); err != nil {
					t.Fatal(err)
				}
				calls := len(v.calls())
				start(t, st, []poller.Account{a}, many(huaweiAccount, 9)...)
				wait(10 * time.Minute)
				if n := len(v.calls()) - calls; n != 0 {
					t.Errorf("%d calls on a quota that nobody knows", n)
				}
				wait(time.Minute)
				if n := len(v.calls()) - calls; n != 3 {
					t.Errorf("%d calls once it was free, want 3", n)
				}
			})
		})
	}
}

func reasons() []prefetch.Reason {
	all := prefetch.Reasons()
	return all[:]
}

// Whatever the wall clock does, tasks are asked again soon.
func TestAClockThatIsSetBackStopsNothing(t *testing.T) {
	t.Parallel()
	for _, reason := range slices.Concat(reasons(), []prefetch.Reason{""}) {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				if reason == "" {
					m.set("task-0", urls(prefetch.Running))
				} else {
					m.set("task-0", fails(reason))
				}
				boot := time.Now()
				jump := 1000 * time.Hour
				tells := func() clock.Stamp {
					return clock.Stamp{Wall: time.Now().Add(jump), Boot: "b", Up: time.Since(boot)}
				}
				st, a := newMemory(), quick(v)
				p := rigUp(t, st, tells, []poller.Account{a}, many(huaweiAccount, 1))
				wait(20 * time.Minute)
				p.end()
				jump = 0
				p = rigUp(t, st, tells, []poller.Account{a}, many(huaweiAccount, 1))
				calls := m.count("task-0")
				wait(20 * time.Minute)
				if m.count("task-0") == calls {
					t.Error("no call for 20 minutes after the clock was set back")
				}
				p.end()
			})
		})
	}
}
