package quota_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	someIdentity = "vendor host key"
	someAccount  = "a"
)

// inMinute is a limit of one call in a minute, which a call takes for a little longer.
var inMinute = prefetch.Limit{Calls: 1, Per: time.Minute}

const taken = time.Minute + 600*time.Millisecond

// replicas share a ledger, each on a machine of its own whose wall clock is wrong.
type replicas struct {
	t     *testing.T
	store *memory

	mu  sync.Mutex
	now time.Duration
}

func newReplicas(t *testing.T) *replicas {
	t.Helper()
	return &replicas{t: t, store: newMemory()}
}

// after lets time pass.
func (r *replicas) after(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now += d
}

// replica is one that begins now, on a machine that is off by so much.
func (r *replicas) replica(machine string, off time.Duration) *replica {
	r.t.Helper()
	b, err := quota.Share(someIdentity, r.store, func() clock.Stamp {
		r.mu.Lock()
		defer r.mu.Unlock()
		return clock.Stamp{Wall: time.Unix(1e9, 0).Add(off + r.now), Boot: machine, Up: r.now}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	b.Join(someAccount, inMinute, nil)
	return &replica{Budget: b, r: r, seen: map[string][]byte{}}
}

type replica struct {
	*quota.Budget

	r    *replicas
	seen map[string][]byte
}

// hears tells the replica of everything that it was not told of before.
func (b *replica) hears() {
	b.r.t.Helper()
	there := map[string][]byte{}
	err := b.r.store.ScanScope(store.Ledger, someIdentity, func(key string, value []byte) error {
		there[key] = bytes.Clone(value)
		return nil
	})
	if err != nil {
		b.r.t.Fatal(err)
	}
	for key := range b.seen {
		if there[key] == nil {
			b.Heard(key, nil)
		}
	}
	for key, value := range there {
		if !bytes.Equal(b.seen[key], value) {
			b.Heard(key, value)
		}
	}
	b.seen = there
}

// calls has a call leave.
func (b *replica) calls() *quota.Call {
	b.r.t.Helper()
	c, wait, err := b.Take(someAccount)
	if err != nil || wait > 0 {
		b.r.t.Fatalf("no call may leave: wait %v, %v", wait, err)
	}
	return c
}

// waits tests for how long no call may leave.
func (b *replica) waits(what string, want time.Duration) {
	b.r.t.Helper()
	if want == 0 {
		b.r.t.Fatalf("%s: calls leave without a wait, use calls", what)
	}
	c, wait, err := b.Take(someAccount)
	if c != nil || err != nil || wait.Round(time.Millisecond) != want {
		b.r.t.Errorf("%s: a call may leave: %v, wait %v, %v; want %v", what, c != nil, wait, err, want)
	}
}

// A call of another replica is counted from when it is heard of, whatever any clock
// says, and until it is closed for as long as it can take.
func TestCallsOfAnotherReplica(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-24 * time.Hour, 0, 24 * time.Hour} {
		t.Run(fmt.Sprint(off), func(t *testing.T) {
			t.Parallel()
			r := newReplicas(t)
			a, b := r.replica("a", 0), r.replica("b", off)
			c := a.calls()
			r.after(2 * time.Second)
			b.hears()
			open := quota.Departure + vendorapi.DefaultTimeout + taken
			b.waits("under way", open)
			r.after(3 * time.Second)
			b.waits("under way for a while", open-3*time.Second)
			a.End(c, true)
			b.hears()
			b.waits("over", taken)
			a.waits("one's own", taken)
			r.after(taken)
			b.calls()
			a.hears()
			a.waits("called by the other", open)
		})
	}
}

// What is heard of twice counts from the earlier time.
func TestAHeardCallIsNeverDatedLater(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", 0)
	a.End(a.calls(), true)
	b.hears()
	r.after(50 * time.Second)
	if err := b.Reload(); err != nil {
		t.Fatal(err)
	}
	b.waits("read anew", taken-50*time.Second)
	r.after(taken)
	c := a.calls()
	b.hears()
	r.after(40 * time.Second)
	a.End(c, true)
	b.hears()
	// It could not be under way any more 31 s after it was heard of.
	b.waits("closed late", taken-9*time.Second)
}

// A replica that begins counts what it finds as of now, unless the writer has said
// how old it is, or is on the same machine.
func TestAReplicaThatBegins(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a := r.replica("a", 0)
	a.End(a.calls(), true)
	r.after(40 * time.Second)
	r.replica("b", -time.Hour).waits("another machine", taken)
	r.replica("a", 0).waits("the same machine", taken-40*time.Second)
	if err := a.HandOver(); err != nil {
		t.Fatal(err)
	}
	r.after(5 * time.Second)
	r.replica("b", time.Hour).waits("told how old it is", taken-40*time.Second)
}

// A hand-over tells of the throttle, of a Retry-After and of what is missing, too.
func TestHandOverOfAThrottle(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", -time.Hour)
	c := a.calls()
	a.End(c, true)
	a.Heed(&vendorapi.Error{Reason: prefetch.ReasonThrottled, RetryAfter: 10 * time.Minute}, c)
	b.hears()
	a.waits("asked to wait", 10*time.Minute)
	b.waits("asked the other to wait", 10*time.Minute)
	r.after(9 * time.Minute)
	if err := a.HandOver(); err != nil {
		t.Fatal(err)
	}
	b.hears()
	late := r.replica("c", time.Hour)
	for _, x := range []*replica{a, b, late} {
		x.waits("asked to wait a while ago", time.Minute)
	}
	r.after(time.Minute)
	a.Rewound()
	b.hears()
	for _, x := range []*replica{a, b} {
		// Half the rate, and a tenth that came back.
		x.waits("rewound", time.Duration(float64(taken)/0.6))
	}
	// It cannot know that a minute has passed since the age was written.
	r.replica("d", 0).waits("rewound before it began", 2*taken)
	r.after(time.Minute)
	if err := a.HandOver(); err != nil {
		t.Fatal(err)
	}
	r.replica("e", 0).waits("rewound a while ago", time.Duration(float64(taken)/0.6)-time.Minute)
}

// Nothing leaves by a charge of which nobody knows whether it was made. If it was, it
// is taken back when it shows.
func TestAChargeOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { chargeOfUnknownOutcome(t) })
}

func chargeOfUnknownOutcome(t *testing.T) {
	t.Helper()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", 0)
	r.store.failWith(fmt.Errorf("timed out: %w", store.ErrUnknown))
	if c, _, err := a.Take(someAccount); c != nil || err == nil {
		t.Fatalf("a call leaves: %v, %v", c, err)
	}
	r.store.failWith(nil)
	c := a.calls() // it has a key of its own
	a.End(c, true)
	b.hears()
	b.waits("the call that left", taken)
	r.after(taken)
	if err := r.store.Write(r.store.held...); err != nil { // it is applied at last
		t.Fatal(err)
	}
	b.hears()
	b.waits("the one that did not leave", quota.Departure+vendorapi.DefaultTimeout+taken)
	synctest.Wait()
	a.hears()
	synctest.Wait()
	b.hears()
	if n := keys(t, r.store); n != 1 {
		t.Errorf("%d records, want the call that left", n)
	}
	a.hears()
	a.End(a.calls(), true)
	b.hears()
	b.waits("the call after", taken)
}

// A call that did not leave is taken back, for everybody.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", 0)
	c := a.calls()
	b.hears()
	a.Cancel(c)
	b.hears()
	c = b.calls()
	a.hears()
	r.store.failWith(store.ErrUnknown)
	b.Cancel(c)
	r.store.failWith(nil)
	b.waits("not taken back", taken)
	a.waits("not taken back by the other", quota.Departure+vendorapi.DefaultTimeout+taken)
}

// A deletion that is heard of late is that of another call.
func TestALateDeletion(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a, b := r.replica("a", 0), r.replica("b", 0)
	c := a.calls()
	key := named(t, r.store)[0]
	a.Cancel(c)
	b.End(b.calls(), true)
	b.Heard(key, nil)
	b.waits("called", taken)
}

// The strictest limit holds that any replica states.
func TestRestrict(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a := r.replica("a", 0)
	a.Restrict([]prefetch.Limit{{Calls: 1, Per: 2 * time.Minute}, {Calls: 5, Per: time.Minute}})
	a.End(a.calls(), true)
	a.waits("stricter elsewhere", 2*taken)
	a.Restrict([]prefetch.Limit{{Calls: 5, Per: time.Minute}})
	a.waits("not any more", taken)
}

// What cannot be read counts as a spent quota; a call that is gone is gone for all
// that read anew.
func TestASharedLedgerThatIsOdd(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	a := r.replica("a", 0)
	if err := r.store.Write(store.Op{Table: store.Ledger, Scope: someIdentity, Key: "00000000000000000007", Value: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	a.hears()
	a.waits("odd", taken)
	if !a.Damaged() {
		t.Error("it is not told of")
	}
	b := r.replica("b", 0)
	b.waits("odd for whoever begins", taken)
	r.after(taken)
	b.End(b.calls(), true)
	for _, key := range named(t, r.store) {
		_ = r.store.Write(store.Op{Table: store.Ledger, Scope: someIdentity, Key: key})
	}
	if err := b.Reload(); err != nil {
		t.Fatal(err)
	}
	b.End(b.calls(), true)
	_ = r.store.Close()
	if err := b.Reload(); err == nil {
		t.Error("a closed store is no error")
	}
	if err := b.HandOver(); err == nil {
		t.Error("a closed store takes the ages")
	}
}
