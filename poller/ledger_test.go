package poller_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// A ledger that is not whole counts as spent once: not at each restart after it.
func TestADamagedLedgerIsSpentOnce(t *testing.T) {
	t.Parallel()
	unreadable := func(key, value string) func(*memory) error {
		return func(st *memory) error {
			return st.Write(store.Op{Table: store.Ledger, Scope: huaweiAccount.Provider, Key: key, Value: []byte(value)})
		}
	}
	for name, damage := range map[string]func(*memory) error{
		"call":              unreadable("00000000000000000007", "nonsense"),
		"throttle":          unreadable("throttle", "nonsense"),
		"forgotten":         unreadable("forgotten", "nonsense"),
		"what?":             unreadable("what?", "{}"),
		"7 and what?":       unreadable("7 and what?", "{}"),
		"lost":              func(st *memory) error { st.lost = time.Now(); return nil },
		"lost, clock ahead": func(st *memory) error { st.lost = time.Now().Add(1000 * time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
				a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
				st := newMemory()
				if err := damage(st); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				for range 3 {
					p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, many(huaweiAccount, 3))
					wait(4 * time.Minute)
					p.end()
				}
				calls := v.calls()
				if len(calls) != 2 {
					t.Fatalf("%d calls within 12 minutes of restarts every 4, want 2", len(calls))
				}
				if got := calls[0].began.Sub(began); got < a.Limit.Per {
					t.Errorf("the first call left %v after the ledger was damaged, want %v", got, a.Limit.Per)
				}
				if err := overQuota(calls, a.Limit); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A limit that is changed to a longer period counts the calls that the one before
// had no use for, and no more than those; though the ledger stays small.
func TestALongerPeriodCountsEarlierCalls(t *testing.T) {
	t.Parallel()
	const (
		minute = time.Minute
		day    = 24 * time.Hour
	)
	for name, c := range map[string]struct {
		before, after prefetch.Limit
		lasts         time.Duration // until the change
		resumes       time.Duration // after it, at the latest
	}{
		// Of the 500 calls, the last 250 are younger than 26 minutes.
		"an hour":       {prefetch.Limit{Calls: 10, Per: minute}, prefetch.Limit{Calls: 250, Per: time.Hour}, 50 * minute, 38 * minute},
		"the same rate": {prefetch.Limit{Calls: 1, Per: 5 * minute}, prefetch.Limit{Calls: 280, Per: day}, 3 * day, 2 * time.Hour},
		"many are left": {prefetch.Limit{Calls: 1, Per: 5 * minute}, prefetch.Limit{Calls: 700, Per: 31 * day}, 2 * day, 6 * minute},
		"few are left":  {prefetch.Limit{Calls: 2, Per: 10 * minute}, prefetch.Limit{Calls: 586, Per: 31 * day}, 2 * day, 90 * minute}, // evenly
	} {
		for _, how := range []string{"reload", "restart", "kill"} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 4}, answer: running}
					a := account(huaweiAccount, v, c.before)
					a.PollInterval = second
					st, tasks := newMemory(), many(huaweiAccount, 30)
					p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, tasks)
					wait(c.lasts)
					a.Limit = c.after
					before := len(v.calls())
					switch how {
					case "kill":
						st = p.kill(st)
					case "restart":
						p.end()
					default:
						if err := p.Configure([]poller.Account{a}); err != nil {
							t.Fatal(err)
						}
					}
					if how != "reload" {
						p = rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, tasks)
					}
					wait(c.resumes)
					if n := len(v.calls()) - before; n == 0 {
						t.Errorf("no call within %v of the change, after %d calls", c.resumes, before)
					}
					wait(2 * time.Hour)
					p.end()
					calls := v.calls()
					if err := overQuota(calls[max(0, before-c.after.Calls):], c.after); err != nil {
						t.Errorf("%d calls, %d before: %v", len(calls), before, err)
					}
					entries := 0
					if err := st.Scan(store.Ledger, func(string, string, []byte) error { entries++; return nil }); err != nil {
						t.Fatal(err)
					}
					if entries > 300+len(calls)-before {
						t.Errorf("%d entries for %d calls, %d of them since the change", entries, len(calls), len(calls)-before)
					}
				})
			})
		}
	}
}

// An account whose limit stays waits for no call that it does not count, however
// often it starts anew.
func TestEarlierCallsDelayNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 4}, answer: running}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 30, Per: time.Minute})
		a.PollInterval = second
		st := newMemory()
		for range 10 { // most calls are not counted any more then
			before := len(v.calls())
			p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, many(huaweiAccount, 100))
			wait(time.Minute)
			p.end()
			if n := len(v.calls()) - before; n < 27 {
				t.Errorf("%d calls within a minute of a restart, want about 30", n)
			}
		}
		wait(72 * time.Hour) // now none is
		for range 2 {
			before := len(v.calls())
			p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, many(huaweiAccount, 1))
			wait(second)
			p.end()
			if n := len(v.calls()) - before; n == 0 {
				t.Error("no call within a second of a restart, though 29 of 30 are left")
			}
		}
	})
}

// However the limit changes, over reloads and kills: a call leaves only where the
// limit of that moment allows it, whatever allowed those before it.
func TestEveryLimitHoldsForAllCallsBefore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { changes(t, rand.New(rand.NewPCG(seed, 3))) })
		})
	}
}

func changes(t *testing.T, random *rand.Rand) {
	t.Helper()
	v := &stub{
		caps: vendorapi.Capabilities{MaxInFlight: 4}, answer: running,
		takes: func(n int) time.Duration { return time.Duration(n%7) * second },
	}
	a := account(huaweiAccount, v, prefetch.Limit{Calls: 10, Per: time.Minute})
	a.PollInterval = second
	st, tasks := newMemory(), many(huaweiAccount, 30)
	p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, tasks)
	checked := 0
	for range 15 {
		wait(time.Duration(random.IntN(int(20 * time.Minute))))
		calls := v.calls()
		for i := checked; i < len(calls); i++ {
			counted := 0
			for _, c := range calls[:i] {
				if c.ended.IsZero() || calls[i].began.Sub(c.ended) < a.Limit.Per {
					counted++
				}
			}
			if counted >= a.Limit.Calls {
				t.Fatalf("call %d left although %d of %v were counted", i, counted, a.Limit)
			}
		}
		checked = len(calls)
		a.Limit = prefetch.Limit{Calls: 1 + random.IntN(30), Per: time.Duration(60+random.IntN(1<<random.IntN(13))) * second}
		if random.IntN(2) == 0 {
			st = p.kill(st)
			p = rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, tasks)
		} else if err := p.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
	}
	p.end()
	if checked < 50 {
		t.Errorf("%d calls: the test tests nothing", checked)
	}
}

// A call that was under way when its process ended holds its slot until the vendor
// must have answered it, whoever waits for that, and however often the next process
// begins anew; and no longer.
func TestACallThatNobodyWaitsForHoldsItsSlot(t *testing.T) {
	t.Parallel()
	const takes, limit = 25 * second, 30 * second // the vendor's, and that of any call
	for _, how := range []string{"kill", "stop"} {
		for _, restarts := range []int{0, 5} {
			t.Run(fmt.Sprint(how, ", ", restarts, " restarts"), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					v := &stub{
						caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running,
						takes: func(int) time.Duration { return takes },
					}
					a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
					m, st := newMachine(0), newMemory()
					p := rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 3))
					wait(second)
					if how == "kill" {
						st = p.kill(st)
					} else {
						p.end()
					}
					left := time.Now()
					for range restarts {
						p = rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 3))
						wait(4 * second)
						p.end()
					}
					p = rigUp(t, st, m.clock, []poller.Account{a}, many(huaweiAccount, 3))
					defer p.end()
					wait(a.Limit.Per + limit + 30*second)
					calls := v.calls()
					if len(calls) != 2 {
						t.Fatalf("%d calls, want the one under way and the next", len(calls))
					}
					if err := overQuota(calls, a.Limit); err != nil {
						t.Error(err)
					}
					if waited := calls[1].began.Sub(left); waited > a.Limit.Per+limit+5*second {
						t.Errorf("the next call left %v after the end of the process", waited)
					}
				})
			})
		}
	}
}
