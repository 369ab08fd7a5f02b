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
