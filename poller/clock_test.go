package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// noticed is how long after the wall clock was set every loop knows; 30 s is the
// most that it may be.
const noticed = 12 * second

// clocks are a machine's clock as the system tells it, and with less: the wall clock
// with and without a monotonic reading, and with and without a time since boot.
func clocks() map[string]func(*machine) {
	return map[string]func(*machine){
		"monotonic, boot": func(*machine) {},
		"boot":            func(m *machine) { m.bare = true },
		"monotonic":       func(m *machine) { m.bootless = true },
		"wall":            func(m *machine) { m.bare, m.bootless = true, true },
	}
}

// rigUpClock starts a poller of one account by a clock. It ends with the test.
func rigUpClock(t *testing.T, m *machine, log *logs, a poller.Account, tasks ...prefetch.Task) *rigged {
	t.Helper()
	r := &rigged{recorder: newRecorder()}
	r.Poller = poller.New(poller.Options{Store: newMemory(), Recorder: r.recorder, Clock: m.clock, Logger: log.logger()})
	if err := r.Configure([]poller.Account{a}); err != nil {
		t.Fatal(err)
	}
	r.List(map[string][]prefetch.Task{a.Name: tasks})
	r.run(t)
	t.Cleanup(r.end)
	return r
}

// Whatever the wall clock is set to, and set back to, calls go on as they did; no
// time that is shown is further off than it can be, and what is known since when is
// told rightly where a clock goes on that nobody sets.
func TestCallsGoOnWhenTheClockIsSet(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{-time.Hour, -30 * second, -second, 30 * second, time.Hour, 1000 * time.Hour, -1000 * time.Hour} {
		for name, with := range clocks() {
			t.Run(fmt.Sprint(name, " ", by), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v, mood := moody()
					mood.set("task-0", urls(prefetch.Running))
					v.takes = func(int) time.Duration { return 15 * second }
					m := newMachine(0)
					with(m)
					var log logs
					r := rigUpClock(t, m, &log, account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 40 * second}), many(huaweiAccount, 1)...)
					wait(10 * time.Minute)
					for n, ahead := range []time.Duration{by, 0} {
						// First during a call, and then 20 s after one.
						for v.underWay() == (n > 0) {
							wait(second)
						}
						wait(time.Duration(n) * 20 * second)
						m.step(ahead)
						if next := r.Snapshot().Accounts[0].NextCall.Sub(m.clock().Wall.Round(0)); next > 45*second && !m.bootless {
							t.Errorf("the next call is allowed in %v", next)
						}
						wait(noticed)
						checkMoments(t, r, m, v)
						if got := log.lines("the wall clock was set"); len(got) != n+1 {
							t.Errorf("the log tells %q, want %d steps of the clock", got, n+1)
						}
						before := len(v.calls())
						for range 60 {
							wait(10 * second)
							checkMoments(t, r, m, v)
						}
						if n := len(v.calls()) - before; n < 7 || n > 9 {
							t.Errorf("%d calls in 10 minutes, want 8", n)
						}
					}
					for _, took := range r.recorder.took {
						if took != 15*second && !m.bootless {
							t.Errorf("a call took %v, want 15s", took)
						}
					}
				})
			})
		}
	}
}

// underWay reports whether a call is.
func (s *stub) underWay() bool {
	calls := s.calls()
	return calls[len(calls)-1].ended.IsZero()
}

// checkMoments checks what is shown of times.
func checkMoments(t *testing.T, r *rigged, m *machine, v *stub) {
	t.Helper()
	a, now := r.Snapshot().Accounts[0], m.clock().Wall.Round(0)
	task := a.Tasks[0]
	if next := a.NextCall.Sub(now); next > 45*second {
		t.Errorf("the next call is allowed in %v", next)
	}
	if a.NextQuery != nil && a.NextQuery.Time.Sub(now) > 70*second {
		t.Errorf("the next question comes in %v", a.NextQuery.Time.Sub(now))
	}
	for what, at := range map[string]time.Time{"the last answer": task.LastRefresh, "the last question": a.LastQuery.Time, "the first sight": task.FirstSeen} {
		if age := now.Sub(at); age < 0 {
			t.Errorf("%s is %v old", what, age)
		}
	}
	if m.bootless {
		return // by how much it was set, nobody knows
	}
	if calls := v.calls(); !v.underWay() {
		last := calls[len(calls)-1]
		if age, want := now.Sub(task.LastRefresh), time.Since(last.ended); (age - want).Abs() > second {
			t.Errorf("the last answer is told to be %v old, and is %v", age, want)
		}
	}
}

// A loop that waits for a time of day learns of it when the clock is set, or when
// the machine wakes up.
func TestTheClockWakesALoopThatWaits(t *testing.T) {
	t.Parallel()
	const far = 5 * time.Hour
	for how, jump := range map[string]func(*machine){
		"set right": func(m *machine) { m.step(0) },
		"set ahead": func(m *machine) { m.step(far) },
		"asleep":    func(m *machine) { m.sleep(far) },
	} {
		for name, with := range clocks() {
			t.Run(how+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v, mood := moody()
					mood.set("task-0", urls(prefetch.Running))
					m := newMachine(0)
					with(m)
					if how == "set right" {
						m.step(-far)
					}
					var log logs
					a := account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})
					a.PollInterval, a.MaxStaleness = 24*time.Hour, 48*time.Hour
					spec := configured(huaweiAccount, "task-0")
					spec.Deadline = m.clock().Wall.Round(0).Add(far + 5*second)
					rigUpClock(t, m, &log, a, spec)
					wait(10 * second)
					before := len(v.calls())
					jump(m)
					wait(noticed)
					if n := len(v.calls()) - before; n == 0 {
						t.Errorf("no call for a deadline that has passed; the log tells %q", log.lines(""))
					}
				})
			})
		}
	}
}

// A clock that ran ahead by more than the retention ended the time of tasks; set
// right, it gives them back as they were, however it is set right.
func TestAClockThatRanAheadBuriesNothingForGood(t *testing.T) {
	t.Parallel()
	for phase, says := range map[prefetch.Phase]func() (vendorapi.Answer, error){
		prefetch.Settled: urls(prefetch.Succeeded, prefetch.Failed),
		prefetch.Lost:    fails(prefetch.ReasonNotFound),
	} {
		for _, how := range []string{"step", "restart", "reboot"} {
			for name, with := range clocks() {
				t.Run(fmt.Sprint(phase, " ", how, " ", name), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						v, mood := moody()
						mood.set("task-0", says)
						m, st := newMachine(0), newMemory()
						with(m)
						a := account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})
						spec := configured(huaweiAccount, "task-0")
						spec.Labels = map[string]string{"title": "launch"}
						run := func() *rigged { return rigUp(t, st, m.clock, []poller.Account{a}, []prefetch.Task{spec}) }
						p := run()
						wait(time.Hour)
						was := p.Snapshot().Accounts[0].Tasks[0]
						if was.Phase != phase {
							t.Fatalf("it is %v", was.Phase)
						}
						p.end()
						m.step(48 * time.Hour)
						p = run()
						wait(time.Hour)
						if n := len(p.Snapshot().Accounts[0].Tasks); n != 0 {
							t.Fatalf("%d tasks are shown two days later, by the clock", n)
						}
						calls := len(v.calls())
						switch how {
						case "step":
							m.set()
							wait(noticed)
						case "restart":
							p.end()
							m.set()
							p = run()
						default:
							p.end()
							m.reboot()
							p = run()
						}
						defer p.end()
						wait(second)
						shown := p.Snapshot().Accounts[0].Tasks
						if len(shown) != 1 {
							t.Fatalf("%d tasks are shown when the clock is right again", len(shown))
						}
						is := shown[0]
						if is.Phase != phase || is.Counts != was.Counts || len(is.URLs) != len(was.URLs) || is.Labels["title"] != "launch" ||
							!is.Finished.Equal(was.Finished) || !is.LastRefresh.Equal(was.LastRefresh) {
							t.Errorf("it is\n%+v, and was\n%+v", is, was)
						}
						if n := len(v.calls()) - calls; n > 0 && phase == prefetch.Settled {
							t.Errorf("it was asked for %d times", n)
						}
						wait(25 * time.Hour)
						if n := len(p.Snapshot().Accounts[0].Tasks); n != 0 {
							t.Errorf("%d tasks are shown after the retention", n)
						}
					})
				})
			}
		}
	}
}

// A clock that is ahead by more than a month at a start has nothing deleted of the
// accounts that are not configured, if it is set right within an hour.
func TestAClockThatRanAheadPurgesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, mood := moody()
		mood.set("task-0", urls(prefetch.Succeeded))
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Hour})
		other := a
		other.Name, other.Identity = "other", "other"
		m, st := newMachine(0), newMemory()
		p := rigUp(t, st, m.clock, []poller.Account{a, other}, many(huaweiAccount, 1))
		wait(time.Minute)
		if err := p.Configure([]poller.Account{other}); err != nil {
			t.Fatal(err)
		}
		p.end()
		m.reboot()
		m.step(40 * 24 * time.Hour)
		p = rigUp(t, st, m.clock, []poller.Account{other}, nil)
		wait(30 * time.Minute)
		m.set()
		wait(3 * time.Hour)
		p.end()
		for _, table := range []store.Table{store.Ledger, store.Tasks, store.Accounts} {
			n, scope := 0, huaweiAccount.Provider+":"+huaweiAccount.Name
			if table == store.Ledger {
				scope = a.Identity
			}
			if err := st.ScanScope(table, scope, func(string, []byte) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				t.Errorf("nothing is left of the account in %s", table)
			}
		}
	})
}
