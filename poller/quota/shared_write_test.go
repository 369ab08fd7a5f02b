package quota_test

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// No two calls have one number, whichever were deleted and whoever did not hear of
// them. Earlier versions, which only count, can read them and count on.
func TestNumbersAreTakenOnce(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	last := "00000000000000004711" // an earlier version's
	entry := []byte(`{"begun":{"wall":"2001-01-01T00:00:00Z"},"ended":{"wall":"2001-01-01T00:00:01Z"}}`)
	if err := r.store.Write(store.Op{Table: store.Ledger, Scope: someIdentity, Key: last, Value: entry}); err != nil {
		t.Fatal(err)
	}
	a, b := r.replica("a", 0), r.replica("b", 0)
	r.after(taken)
	seen := map[string]bool{}
	for i, x := range []*replica{a, b, r.replica("a", 0), a} {
		if i == 2 {
			r.after(taken) // it has just begun
		}
		c := x.calls()
		key := named(t, r.store)[1]
		if seen[key] {
			t.Errorf("%s is taken a second time", key)
		}
		seen[key] = true
		if number, err := strconv.ParseUint(key, 10, 64); err != nil || len(key) != len(last) || key <= last || number+1 == 0 {
			t.Errorf("an earlier version cannot count on from %q: %v", key, err)
		}
		x.Cancel(c)
	}
	c, d := a.calls(), r.replica("d", 0)
	a.End(c, true)
	first := named(t, r.store)[1]
	r.after(2 * taken)
	d.End(d.calls(), true)
	if all := named(t, r.store); all[1] != first || len(all) != 3 {
		t.Errorf("numbers are not in the order of calls: %q", all)
	}
}

// What somebody else writes while a replica hands over is newer, and stays.
func TestWrittenDuringAHandOver(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", 0)
	c := a.calls()
	b.hears()
	a.Heed(&vendorapi.Error{Reason: prefetch.ReasonAuth, RetryAfter: time.Second}, c)
	r.after(2 * time.Minute)
	r.store.before = func() { // the first was paused, and its answer is there only now
		a.Heed(&vendorapi.Error{Reason: prefetch.ReasonAuth, RetryAfter: 10 * time.Minute}, c)
		a.End(c, true)
	}
	if err := b.HandOver(); err != nil {
		t.Fatal(err)
	}
	d := r.replica("d", 0)
	d.waits("asked to wait", 10*time.Minute)
	d.Join(someAccount, prefetch.Limit{Calls: 1, Per: time.Hour}, nil)
	d.waits("just ended", time.Hour+36*time.Second)
	b.hears()
	r.after(time.Minute)
	if err := b.HandOver(); err != nil {
		t.Fatal(err)
	}
	r.replica("e", 0).waits("handed over", 9*time.Minute)
}

// A charge that was never made is made by nobody else's number. What another writes
// stays, also when the first hands over and writes its age.
func TestAChargeThatWasNeverMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t)
		a, b := r.replica("a", 0), r.replica("b", 0)
		r.store.failWith(fmt.Errorf("timed out: %w", store.ErrUnknown))
		if c, _, err := a.Take(someAccount); c != nil || err == nil {
			t.Fatalf("a call leaves: %v, %v", c, err)
		}
		r.store.failWith(nil)
		b.End(b.calls(), true)
		a.hears()
		if err := a.HandOver(); err != nil {
			t.Fatal(err)
		}
		a.hears()
		synctest.Wait()
		if n := keys(t, r.store); n != 1 {
			t.Errorf("%d records, want the call that left", n)
		}
		r.replica("c", 0).waits("a call that was handed over", taken)
	})
}
