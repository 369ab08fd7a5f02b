package quota_test

import (
	"errors"
	"testing"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// An entry that stands for several calls counts from the last of them, also for a
// replica that knew only the other.
func TestEntriesThatAreMergedElsewhere(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	two := prefetch.Limit{Calls: 2, Per: time.Minute}
	a, b := r.replica("a", 0), r.replica("b", 0)
	for _, x := range []*replica{a, b} {
		x.Join(someAccount, two, nil)
	}
	first, second := a.calls(), a.calls()
	a.End(second, true)
	b.hears()
	r.after(20 * time.Second)
	a.End(first, true)
	b.hears()
	r.after(20 * time.Minute)
	a.calls() // the first two are one entry from here on
	b.hears()
	if n := keys(t, r.store); n != 2 {
		t.Fatalf("%d entries, want two in one and the last", n)
	}
	b.Join(someAccount, prefetch.Limit{Calls: 1, Per: 30 * time.Minute}, nil)
	r.after(quota.Departure + vendorapi.DefaultTimeout) // the last is a smaller matter
	b.Join(someAccount, prefetch.Limit{Calls: 3, Per: 30 * time.Minute}, nil)
	const period = 30*time.Minute + 18*time.Second
	b.waits("the last of two", period-20*time.Minute-quota.Departure-vendorapi.DefaultTimeout)
}

// Who closes a call that others took for over does not lose what they have merged
// into its entry.
func TestACallThatIsMergedWhileUnderWay(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", 0)
	a.End(a.calls(), true)
	r.after(taken)
	stopped := a.calls()
	b.hears()
	r.after(40 * time.Minute)
	last := b.calls() // the two before are one entry from here on
	if n := keys(t, r.store); n != 2 {
		t.Fatalf("%d entries, want two in one and the last", n)
	}
	a.hears()
	a.End(stopped, true)
	b.End(last, true)
	c := r.replica("c", 0)
	c.Join(someAccount, prefetch.Limit{Calls: 3, Per: time.Hour}, nil)
	c.waits("three calls", time.Hour+36*time.Second)
}

// A throttle that a former owner writes takes nothing from what this one was asked.
func TestTheStricterThrottleHolds(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", 0)
	c := a.calls()
	b.hears()
	a.End(c, true)
	b.Heed(&vendorapi.Error{Reason: prefetch.ReasonThrottled, RetryAfter: 10 * time.Minute}, c)
	a.Heed(&vendorapi.Error{Reason: prefetch.ReasonAuth, RetryAfter: time.Second}, c)
	b.hears()
	b.waits("asked to wait", 10*time.Minute)
	b.Restrict(nil)
	r.after(10 * time.Minute)
	b.Join(someAccount, prefetch.Limit{Calls: 1, Per: 10 * time.Minute}, nil)
	a.Heed(&vendorapi.Error{Reason: prefetch.ReasonAuth, RetryAfter: time.Second}, c)
	b.hears()
	const period = 10*time.Minute + 6*time.Second
	b.waits("a tenth came back", time.Duration(float64(period)/0.6)-10*time.Minute)
}

// A replica that begins after the store has forgotten counts the quota as spent, though
// nobody who was there has said so in the ledger.
func TestAReplicaThatBeginsAfterARewind(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	r.store.lost = time.Unix(1e9, 0)
	r.after(20 * time.Second)
	r.replica("a", 0).waits("forgotten", taken-20*time.Second)
}

// An account that waits is woken when a stricter limit is gone.
func TestRestrictWakes(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a := r.replica("a", 0)
	woken := 0
	a.Join(someAccount, inMinute, func() { woken++ })
	a.Restrict([]prefetch.Limit{{Calls: 1, Per: time.Hour}})
	a.End(a.calls(), true)
	a.waits("stricter elsewhere", time.Hour+36*time.Second)
	a.Restrict(nil)
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
}

// A shared store takes a hundred changes of a ledger at a time, and a ledger may have
// more entries to delete.
func TestPurgeOfALargeLedger(t *testing.T) {
	t.Parallel()
	st := &narrow{memory: newMemory()}
	then := clock.Stamp{Wall: time.Unix(1e9, 0)}
	b, err := quota.Open(someIdentity, st, func() clock.Stamp { return then })
	if err != nil {
		t.Fatal(err)
	}
	b.Join(someAccount, prefetch.Limit{Calls: 250, Per: time.Hour}, nil)
	for range 250 {
		c, _, err := b.Take(someAccount)
		if err != nil {
			t.Fatal(err)
		}
		b.End(c, true)
	}
	if err := quota.Purge(st, nil, then.Add(time.Hour), time.Minute); err != nil {
		t.Fatal(err)
	}
	if n := keys(t, st.memory); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// narrow is a store that takes no more than a hundred changes at a time.
type narrow struct{ *memory }

func (n *narrow) Write(ops ...store.Op) error {
	if len(ops) > 100 {
		return errors.New("too many operations")
	}
	return n.memory.Write(ops...)
}
