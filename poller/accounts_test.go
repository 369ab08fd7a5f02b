package poller_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// TestMain draws fewer examples than rapid does by itself: what is drawn here runs a
// whole account for hours of its time, and the rooms have properties of their own.
// The flag says otherwise.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// Accounts come, go and change while snapshots are taken; what is known of a
// removed account's tasks returns with it.
func TestConfigureUnderSnapshots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("task-0", urls(prefetch.Running))
		m.set("task-1", urls(prefetch.Succeeded))
		a, b := quick(v), quick(v)
		b.Name = "b"
		r := start(t, newMemory(), []poller.Account{a, b}, append(many(a.Account, 2), many(b.Account, 2)...)...)
		ctx, cancel := contextWithCancel(t)
		var scrapes sync.WaitGroup
		for range 3 {
			scrapes.Go(func() {
				for ctx.Err() == nil {
					for _, account := range r.Snapshot().Accounts {
						phases := [prefetch.NumPhases]int{}
						for _, task := range account.Tasks {
							phases[task.Phase]++
						}
						if phases != account.Phases {
							t.Errorf("phases %v of tasks in %v", account.Phases, phases)
						}
					}
					time.Sleep(7 * time.Millisecond)
				}
			})
		}
		wait(second)
		for i := range 40 {
			if err := r.Configure([]poller.Account{a}); err != nil {
				t.Fatal(err)
			}
			if got := r.Snapshot().Accounts; len(got) != 1 || len(got[0].Tasks) != 2 {
				t.Errorf("after b was removed: %+v", got)
			}
			time.Sleep(time.Duration(i) * 10 * time.Millisecond)
			if err := r.Configure([]poller.Account{b, a}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i) * time.Millisecond) // a reload lists the tasks a moment later
			r.list(append(many(a.Account, 2), many(b.Account, 2)...)...)
			if got := r.account(t, b.Account); len(got.Tasks) != 2 || got.Phases != [prefetch.NumPhases]int{prefetch.Active: 1, prefetch.Settled: 1} {
				t.Errorf("b is back: %+v", got)
			}
		}
		cancel()
		scrapes.Wait()
		if n := m.count("task-1"); n != 2 {
			t.Errorf("the settled tasks of two accounts were asked %d times", n)
		}
	})
}

// A call that is under way when its account is removed must not write over what
// the account knows when it is back, nor be recorded for one that is gone.
func TestACallOfARemovedAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := true
		v, m := moody()
		m.set("task-0", urls(prefetch.Running))
		v.takes = func(int) time.Duration {
			if slow {
				return 4 * second
			}
			return 0
		}
		a := quick(v)
		r := start(t, newMemory(), []poller.Account{a}, many(a.Account, 1)...)
		wait(second)
		if err := r.Configure(nil); err != nil {
			t.Fatal(err)
		}
		slow = false
		m.set("task-0", urls(prefetch.Succeeded))
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		r.list(many(a.Account, 1)...)
		wait(10 * second)
		if got := r.task(t, huaweiAccount, "task-0"); !got.Settled() || r.recorder.answered != 1 {
			t.Errorf("%+v, %d answers recorded", got, r.recorder.answered)
		}
		r.stop()
		again := start(t, r.store, []poller.Account{a}, many(a.Account, 1)...)
		if got := again.task(t, huaweiAccount, "task-0"); !got.Settled() {
			t.Errorf("after a restart: %+v", got)
		}
	})
}

// A call whose task is gone when it ends teaches the account only.
func TestACallAboutATaskThatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("task-0", urls(prefetch.Running))
		v.takes = func(int) time.Duration { return 4 * second }
		a := quick(v)
		a.Retention = second
		r := start(t, newMemory(), []poller.Account{a}, many(a.Account, 1)...)
		wait(second)
		r.list()
		wait(2 * second)
		before := keys(t, r.store)
		wait(10 * second)
		if got := r.account(t, huaweiAccount); !got.Up || len(got.Tasks) != 0 || keys(t, r.store) != before {
			t.Errorf("%+v, %d keys, %d before", got, keys(t, r.store), before)
		}
	})
}

func TestAReplacedProviderKeepsTheState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("task-0", urls(prefetch.Succeeded))
		m.set("task-1", urls(prefetch.Running))
		a := quick(v)
		r := start(t, newMemory(), []poller.Account{a}, many(a.Account, 2)...)
		wait(second)
		other, n := moody()
		n.set("task-1", urls(prefetch.Failed))
		a.Provider = other
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		if n.count("task-0") != 0 || n.count("task-1") != 1 || m.count("task-1") != 1 {
			t.Errorf("asked the new provider %v, the old one %v", n.asked, m.asked)
		}
		if got := r.account(t, huaweiAccount).Phases; got != [prefetch.NumPhases]int{prefetch.Settled: 2} {
			t.Errorf("phases %v", got)
		}
	})
}

// What was learned of one vendor's host does not hold for another's.
func TestAnotherIdentityIsLearnedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindowed(72 * time.Hour)
		w.created = time.Now()
		a := account(edgeAccount, w, prefetch.Limit{Calls: 9, Per: second})
		r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "a"))
		wait(10 * second)
		v := &stub{caps: w.caps, answer: running}
		a.Provider, a.Identity = v, "another host"
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		if q := v.asked()[0]; !q.From.IsZero() || !q.To.IsZero() {
			t.Errorf("first asked with a window: %+v", q)
		}
	})
}

func TestOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		tasks  int
		limit  prefetch.Limit
		takes  time.Duration
		says   func() (vendorapi.Answer, error)
		calls  int
		failed bool
	}{
		{name: "all", tasks: 7, limit: prefetch.Limit{Calls: 10, Per: time.Minute}, says: urls(prefetch.Running), calls: 7},
		{name: "budget", tasks: 7, limit: prefetch.Limit{Calls: 5, Per: time.Minute}, says: urls(prefetch.Running), calls: 5},
		// While the calls take their time, slots become free and tasks due.
		{name: "slow", tasks: 7, limit: prefetch.Limit{Calls: 5, Per: second}, takes: time.Minute, says: urls(prefetch.Running), calls: 5},
		{name: "not found", tasks: 2, limit: prefetch.Limit{Calls: 10, Per: time.Minute}, says: fails(prefetch.ReasonNotFound), calls: 2, failed: true},
		{name: "auth", tasks: 9, limit: prefetch.Limit{Calls: 10, Per: time.Minute}, says: fails(prefetch.ReasonAuth), calls: 2, failed: true},
		{name: "no tasks", limit: prefetch.Limit{Calls: 1, Per: time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				v.takes = func(int) time.Duration { return c.takes }
				tasks := many(huaweiAccount, c.tasks)
				for _, task := range tasks {
					m.set(task.ID, c.says)
				}
				st, a := newMemory(), account(huaweiAccount, v, c.limit)
				p := poller.New(poller.Options{Store: st, Recorder: newRecorder(), Clock: clock.Wall(time.Now)})
				if err := p.Configure([]poller.Account{a}); err != nil {
					t.Fatal(err)
				}
				p.List(map[string][]prefetch.Task{a.Name: tasks})
				began := time.Now()
				if failed := p.Once(t.Context()); failed != c.failed {
					t.Errorf("failed %v, want %v", failed, c.failed)
				}
				if n := len(v.calls()); n != c.calls {
					t.Errorf("%d calls, want %d", n, c.calls)
				}
				if took := time.Since(began); took > time.Duration(c.calls)*c.takes {
					t.Errorf("took %v: it waited for more than its calls", took)
				}
				if p.Ready() {
					t.Error("ready although nothing runs")
				}
			})
		})
	}
}

func TestOnceStopsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("task-0", urls(prefetch.Running))
		p := poller.New(poller.Options{Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now)})
		if err := p.Configure([]poller.Account{quick(v)}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{huaweiAccount.Name: many(huaweiAccount, 1)})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p.Once(ctx) || len(v.calls()) != 0 {
			t.Errorf("%d calls after the context ended", len(v.calls()))
		}
	})
}

// A call that is under way when the poller stops may end within a grace; one that
// takes longer is cut, and that is no failure of the vendor.
func TestStopDuringACall(t *testing.T) {
	t.Parallel()
	for takes, answered := range map[time.Duration]bool{4 * second: true, 20 * second: false} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				m.set("task-0", urls(prefetch.Running))
				v.takes = func(int) time.Duration { return takes }
				a := quick(v)
				r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 1)...)
				wait(0)
				began := time.Now()
				r.stop()
				if took := time.Since(began); took > 5*second {
					t.Errorf("stopping took %v", took)
				}
				got := r.account(t, huaweiAccount)
				if len(r.recorder.failed) != 0 || got.Failing != "" || got.Tasks[0].Answered != answered || got.Up != answered {
					t.Errorf("failures %v, %+v, %+v", r.recorder.failed, got, got.Tasks[0])
				}
			})
		})
	}
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, _ := moody()
		r := start(t, newMemory(), []poller.Account{quick(v)})
		wait(0)
		if !r.Ready() {
			t.Error("not ready while it runs")
		}
		if err := r.Run(t.Context()); err == nil {
			t.Error("no error from running twice")
		}
	})
}

// A scrape must never wait for the disk, whoever does.
func TestASlowStoreDoesNotBlockSnapshots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("task-0", urls(prefetch.Running))
		a := quick(v)
		r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 1)...)
		wait(second)
		block := make(chan struct{})
		r.store.failWith(func([]store.Op) error { <-block; return nil })
		wait(2 * time.Minute) // a call wants to be written down
		var others sync.WaitGroup
		others.Go(func() { r.list(many(huaweiAccount, 2)...) })
		others.Go(func() {
			if err := r.Configure([]poller.Account{a}); err != nil {
				t.Error(err)
			}
		})
		for range 1000 {
			runtime.Gosched() // neither Sleep nor Wait: who waits for a lock stops a bubble's time
		}
		if got := r.task(t, huaweiAccount, "task-0"); !got.Answered || !r.Ready() {
			t.Errorf("%+v", got)
		}
		close(block)
		others.Wait()
		wait(time.Minute)
		if got := r.task(t, huaweiAccount, "task-0"); time.Since(got.LastRefresh) > 2*time.Minute || r.task(t, huaweiAccount, "task-1") == nil {
			t.Errorf("after the store went on: %+v", got)
		}
	})
}

// A store that cannot be read leaves everything as it was.
func TestAStoreThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, table := range []store.Table{store.Ledger, store.Accounts, store.Tasks} {
		t.Run(string(table), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				m.set("task-0", urls(prefetch.Running))
				st := &unreadable{memory: newMemory()}
				p := poller.New(poller.Options{Store: st, Recorder: newRecorder()})
				a, b := quick(v), quick(v)
				b.Name, b.Identity = "b", "b"
				if err := p.Configure([]poller.Account{a}); err != nil {
					t.Fatal(err)
				}
				st.table = table
				if err := p.Configure([]poller.Account{b}); !errors.Is(err, errUnreadable) {
					t.Errorf("error %v, want %v", err, errUnreadable)
				}
				if got := p.Snapshot().Accounts; len(got) != 1 || got[0].Account != a.Account {
					t.Errorf("after a failed change: %+v", got)
				}
			})
		})
	}
}

var errUnreadable = errors.New("bad sector")

type unreadable struct {
	*memory

	table store.Table
}

func (u *unreadable) ScanScope(t store.Table, scope string, f func(key string, value []byte) error) error {
	if t == u.table {
		return fmt.Errorf("table %s: %w", t, errUnreadable)
	}
	return u.memory.ScanScope(t, scope, f)
}
