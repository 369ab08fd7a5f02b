package poller_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

const day24 = 24 * time.Hour

// TestStoreDoesNotGrow lets ten launches a day come, settle and go for four months.
func TestStoreDoesNotGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
		v.answer = func(int, vendorapi.Query) (vendorapi.Answer, error) {
			return urls(prefetch.Succeeded, prefetch.Failed)()
		}
		a := quick(v)
		st := newMemory()
		r := start(t, st, []poller.Account{a})
		peak := 0
		for today := range 60 {
			// A pipeline lists what it launched within two days.
			var tasks []prefetch.Task
			for d := max(0, today-1); d <= today; d++ {
				for i := range 10 {
					tasks = append(tasks, configured(huaweiAccount, fmt.Sprintf("day-%d-%d", d, i)))
				}
			}
			r.list(tasks...)
			wait(day24)
			n := keys(t, st)
			if today < 30 {
				peak = max(peak, n)
			} else if n > peak+10 {
				t.Fatalf("%d records after %d days, at most %d in the first month", n, today, peak)
			}
		}
		if n := len(v.calls()); n != 600 {
			t.Errorf("%d calls for 600 tasks", n)
		}
		if peak > 250 {
			t.Errorf("%d records", peak)
		}
	})
}

// What belongs to an account that is not configured any more stays for a month,
// counted from when that was first noticed, and is deleted then. Others' records
// stay.
func TestPurge(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { purge(t, restart) })
		})
	}
}

func purge(t *testing.T, restart bool) {
	t.Helper()
	v, m := moody()
	for _, task := range many(huaweiAccount, 3) {
		m.set(task.ID, urls(prefetch.Succeeded))
	}
	a, b := quick(v), quick(v)
	a.Retention, b.Retention = 1000*day24, 1000*day24
	b.Name, b.Identity = "b", "b"
	b.Provider = &stub{caps: v.caps, answer: func(n int, _ vendorapi.Query) (vendorapi.Answer, error) {
		if n == 0 { // it leaves a throttle in the ledger
			return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonThrottled, RetryAfter: second}
		}
		return urls(prefetch.Succeeded)()
	}}
	st := newMemory()
	foreign := store.Op{Table: store.Submitted, Scope: "b", Key: "task-0", Value: []byte("of the task API")}
	if err := st.Write(foreign); err != nil {
		t.Fatal(err)
	}
	r := start(t, st, []poller.Account{a})
	r.list(many(a.Account, 3)...)
	wait(second)
	without := keys(t, st)
	if err := r.Configure([]poller.Account{a, b}); err != nil {
		t.Fatal(err)
	}
	r.list(append(many(a.Account, 3), many(b.Account, 3)...)...)
	wait(5 * time.Minute)
	with := keys(t, st)
	if with < without+3+3+1 {
		t.Fatalf("%d records with b, %d without", with, without)
	}
	remove := func() {
		t.Helper()
		if restart {
			r.stop()
			r = start(t, st, []poller.Account{a}, many(a.Account, 3)...)
		} else if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
	}
	remove()
	wait(29 * day24)
	if n := keys(t, st); n != with {
		t.Errorf("%d records after 29 days, want all %d", n, with)
	}
	// It comes back, and all is known still: the month begins anew when it goes.
	if err := r.Configure([]poller.Account{a, b}); err != nil {
		t.Fatal(err)
	}
	r.list(append(many(a.Account, 3), many(b.Account, 3)...)...)
	if got := r.account(t, b.Account); got.Phases != ([prefetch.NumPhases]int{prefetch.Settled: 3}) {
		t.Errorf("back after 29 days: %+v", got)
	}
	wait(day24)
	remove()
	wait(20 * day24)
	left := 0
	err := st.ScanScope(store.Tasks, b.Account.Provider+":b", func(string, []byte) error { left++; return nil })
	if err != nil || left != 3 {
		t.Errorf("%d tasks 20 days after it went again, want 3 (%v)", left, err)
	}
	st.failWith(func([]store.Op) error { return errors.New("no space left on device") })
	wait(15 * day24)
	st.failWith(nil)
	wait(2 * day24)
	if n := keys(t, st); n != without {
		t.Errorf("%d records after a month and a full disk, want %d", n, without)
	}
	wait(day24)
	if got := r.account(t, a.Account).Phases; got != [prefetch.NumPhases]int{prefetch.Settled: 3} {
		t.Errorf("the account that stayed: %v", got)
	}
}
