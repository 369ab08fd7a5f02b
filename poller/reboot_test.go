package poller_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// machine is a computer whose wall clock runs ahead until it boots anew, or is set.
type machine struct {
	mu     sync.Mutex
	boots  int
	booted time.Time
	ahead  time.Duration
	slept  time.Duration
	// bare: its clock carries no monotonic reading; bootless: nor a time since boot.
	bare, bootless bool
}

func newMachine(ahead time.Duration) *machine { return &machine{booted: time.Now(), ahead: ahead} }

func (m *machine) clock() clock.Stamp {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := clock.Stamp{Wall: setBy(time.Now(), m.ahead+m.slept), Boot: fmt.Sprint("boot ", m.boots), Up: time.Since(m.booted) + m.slept}
	if m.bare {
		s.Wall = s.Wall.Round(0)
	}
	if m.bootless {
		s.Boot, s.Up = "", 0
	}
	return s
}

// setBy is what [time.Now] tells once the clock was set ahead by d: the wall clock
// moved, and Go's monotonic reading did not. In a bubble of synctest there is none,
// so it is put in as the package time does. There is no other way to have such a
// time without setting the machine's clock.
func setBy(now time.Time, d time.Duration) time.Time {
	const hasMonotonic, nanoseconds = 1 << 63, 30
	began, since1885 := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	wall := now.Add(d)
	set := time.Time{}
	inside := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&set))
	inside.wall = hasMonotonic | uint64(wall.Unix()-since1885)<<nanoseconds | uint64(wall.Nanosecond())
	inside.ext = int64(now.Sub(began)) + 1
	if !set.Round(0).Equal(wall) {
		panic("time.Time is not what it was")
	}
	return set
}

// reboot boots the machine with the right time.
func (m *machine) reboot() {
	m.set()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boots, m.booted = m.boots+1, time.Now()
}

// step has the wall clock run ahead by d from now on, or behind.
func (m *machine) step(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead = d
}

// set sets the clock right.
func (m *machine) set() { m.step(0) }

// sleep lets the machine sleep: its clocks go on, and no timer does.
func (m *machine) sleep(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slept += d
}

// throttles answers that there were too many calls.
func throttles(retryAfter time.Duration) func() (vendorapi.Answer, error) {
	return func() (vendorapi.Answer, error) {
		return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonThrottled, RetryAfter: retryAfter}
	}
}

// What the vendor asked for while the clock ran ahead ends after a reboot as it
// would have without that.
func TestThrottlingOfAClockThatRanAhead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retryAfter, lasts time.Duration
		soon              int // calls in the first hour
	}{
		"retry after": {retryAfter: time.Minute, lasts: second, soon: 5},
		// Slowed down to a sixteenth, a call leaves each 80 minutes at first.
		"throttling": {lasts: 3 * time.Hour},
	} {
		for _, ahead := range []time.Duration{time.Hour, 1000 * time.Hour} {
			t.Run(fmt.Sprint(name, " ", ahead), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v, mood := moody()
					mood.set("task-0", throttles(c.retryAfter))
					a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
					m, st := newMachine(ahead), newMemory()
					p := rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 1))
					wait(c.lasts)
					p.end()
					m.reboot()
					mood.set("task-0", urls(prefetch.Running))
					p = rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 1))
					defer p.end()
					before := mood.count("task-0")
					wait(time.Hour)
					if n := mood.count("task-0") - before; n < c.soon {
						t.Errorf("%d calls in the first hour, want %d", n, c.soon)
					}
					wait(4 * time.Hour)
					before = mood.count("task-0")
					wait(time.Hour)
					if n := mood.count("task-0") - before; n < 11 {
						t.Errorf("%d calls an hour when the rate should be whole again, want 11", n)
					}
				})
			})
		}
	}
}

// What counts as now because it was dated in the future does so once: not at each
// restart after it.
func TestTheFutureCountsAsNowOnce(t *testing.T) {
	t.Parallel()
	const per = 5 * time.Minute
	for name, c := range map[string]struct {
		says   func() (vendorapi.Answer, error)
		within time.Duration // of the reboot, the next call must leave
	}{
		"call":        {urls(prefetch.Running), 2 * per},
		"retry after": {throttles(4 * per), 8 * per},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, mood := moody()
				mood.set("task-0", c.says)
				a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: per})
				m, st := newMachine(1000*time.Hour), newMemory()
				p := rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 1))
				wait(second)
				p.end()
				m.reboot()
				for range c.within / (per - time.Minute) {
					p = rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 1))
					wait(per - time.Minute)
					p.end()
				}
				if n := mood.count("task-0"); n < 2 {
					t.Errorf("no call within %v of restarts", c.within)
				}
				if err := overQuota(v.calls(), a.Limit); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// What a clock that ran ahead dated in the future neither keeps a task from being
// asked, lost or forgotten when it should, nor is it shown, once a reboot set the
// clock right; however often the poller starts anew then.
func TestTasksOfAClockThatRanAhead(t *testing.T) {
	t.Parallel()
	const slow = 5 * time.Minute
	for name, c := range map[string]struct {
		says      func() (vendorapi.Answer, error)
		rowTimes  bool
		unlist    bool
		lasts     time.Duration // until the reboot
		after     time.Duration // it
		calls     int           // at least since
		phase     prefetch.Phase
		forgotten bool
	}{
		"never asked": {says: urls(prefetch.Running), rowTimes: true, lasts: second, after: 3 * slow, calls: 2, phase: prefetch.Active},
		"active":      {says: urls(prefetch.Running), lasts: time.Hour, after: 3 * slow, calls: 2, phase: prefetch.Active},
		"settled":     {says: urls(prefetch.Succeeded), lasts: time.Hour, after: 25 * time.Hour, forgotten: true},
		"missed":      {says: fails(prefetch.ReasonNotFound), lasts: second, after: time.Hour, calls: 3, phase: prefetch.Lost},
		"lost":        {says: fails(prefetch.ReasonNotFound), lasts: 2 * time.Hour, after: time.Hour, calls: 1, phase: prefetch.Lost},
		"lost before": {says: fails(prefetch.ReasonNotFound), lasts: 2 * time.Hour, after: 25 * time.Hour, calls: 1, forgotten: true},
		"invalid":     {says: fails(prefetch.ReasonInvalid), lasts: 2 * time.Hour, after: time.Hour, calls: 3},
		"unlisted":    {says: urls(prefetch.Running), unlist: true, lasts: time.Hour, after: 25 * time.Hour, forgotten: true},
	} {
		for _, restarts := range []int{0, 2} {
			t.Run(fmt.Sprint(name, ", ", restarts, " restarts"), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v, mood := moody()
					v.caps.Gradual = c.rowTimes
					mood.set("task-0", c.says)
					a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: slow})
					m, st := newMachine(1000*time.Hour), newMemory()
					tasks := many(huaweiAccount, 1)
					p := rigUp(t, st, m.clock, []poller.Account{a}, tasks)
					wait(c.lasts)
					if c.unlist {
						p.List(nil)
						tasks = nil
					}
					p.end()
					before := mood.count("task-0")
					m.reboot()
					for range restarts + 1 {
						p = rigUp(t, st, m.clock, []poller.Account{a}, tasks)
						for _, task := range p.Snapshot().Accounts[0].Tasks {
							if now := time.Now(); task.FirstSeen.After(now) || task.LastRefresh.After(now) || task.Finished.After(now) {
								t.Errorf("shown with times from the future: %+v", task)
							}
						}
						wait(c.after / time.Duration(restarts+1))
						p.end()
					}
					if n := mood.count("task-0") - before; n < c.calls {
						t.Errorf("%d calls within %v, want at least %d", n, c.after, c.calls)
					}
					shown := p.Snapshot().Accounts[0].Tasks
					if len(shown) == 0 != c.forgotten {
						t.Errorf("%d tasks are shown", len(shown))
					}
					for _, task := range shown {
						if task.Phase != c.phase {
							t.Errorf("%v, want %v", task.Phase, c.phase)
						}
					}
					kept := 0
					if err := st.Scan(store.Tasks, func(string, string, []byte) error { kept++; return nil }); err != nil {
						t.Fatal(err)
					}
					// One that is listed still leaves a tombstone.
					if c.unlist && kept != 0 {
						t.Errorf("%d tasks are kept", kept)
					}
				})
			})
		}
	}
}

// A task that was asked for by a clock that ran ahead has its turn among others
// that came later.
func TestATaskOfAClockThatRanAheadDoesNotStarve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		m, st := newMachine(1000*time.Hour), newMemory()
		tasks := many(huaweiAccount, 20)
		p := rigUp(t, st, m.clock, []poller.Account{a}, tasks[:3])
		wait(10 * time.Minute)
		p.end()
		m.reboot()
		p = rigUp(t, st, m.clock, []poller.Account{a}, tasks)
		defer p.end()
		booted := time.Now()
		wait(3 * time.Hour)
		for _, task := range p.Snapshot().Accounts[0].Tasks {
			if age := time.Since(task.LastRefresh); age > 2*time.Hour || age < 0 || !task.LastRefresh.After(booted) {
				t.Errorf("%s was refreshed %v ago", task.ID, age)
			}
		}
	})
}
