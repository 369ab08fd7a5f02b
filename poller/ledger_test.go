package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
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
					p := rigUp(t, st, poller.WallClock(time.Now), []poller.Account{a}, many(huaweiAccount, 3))
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

// A limit with a longer period counts calls that the one before had no use for:
// where they are forgotten, it counts as spent.
func TestALongerPeriodCountsForgottenCalls(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"reload", "restart", "kill"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 4}, answer: running}
				a := account(huaweiAccount, v, prefetch.Limit{Calls: 20, Per: time.Minute})
				a.PollInterval = second
				st, tasks := newMemory(), many(huaweiAccount, 100)
				p := rigUp(t, st, poller.WallClock(time.Now), []poller.Account{a}, tasks)
				wait(50 * time.Minute)
				a.Limit = prefetch.Limit{Calls: 500, Per: time.Hour}
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
					p = rigUp(t, st, poller.WallClock(time.Now), []poller.Account{a}, tasks)
				}
				wait(90 * time.Minute)
				p.end()
				calls := v.calls()
				if len(calls) == before {
					t.Fatal("no call within 90 minutes of the change")
				}
				if err := overQuota(calls[before-a.Limit.Calls:], a.Limit); err != nil {
					t.Errorf("%d calls, %d before: %v", len(calls), before, err)
				}
			})
		})
	}
}

// An account whose limit stays waits for nothing that the ledger forgot, however
// often it starts anew.
func TestForgottenCallsDelayNoOtherCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 4}, answer: running}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 60, Per: time.Minute})
		a.PollInterval = second
		st := newMemory()
		for range 20 { // in this time the ledger forgets most of its calls
			before := len(v.calls())
			p := rigUp(t, st, poller.WallClock(time.Now), []poller.Account{a}, many(huaweiAccount, 100))
			wait(time.Minute)
			p.end()
			if n := len(v.calls()) - before; n < 55 {
				t.Errorf("%d calls within a minute of a restart, want about 60", n)
			}
		}
		wait(72 * time.Hour) // now the next call makes it forget the rest
		for range 2 {
			before := len(v.calls())
			p := rigUp(t, st, poller.WallClock(time.Now), []poller.Account{a}, many(huaweiAccount, 1))
			wait(second)
			p.end()
			if n := len(v.calls()) - before; n == 0 {
				t.Error("no call within a second of a restart, though 59 of 60 are left")
			}
		}
	})
}
