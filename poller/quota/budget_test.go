package quota_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	identity = "someone"
	minute   = time.Minute
	day      = 24 * time.Hour
)

// process is a budget with the clock of its machine, which the test moves.
type process struct {
	*quota.Budget

	t     *testing.T
	store *memory
	now   clock.Stamp
}

func begin(t *testing.T, st *memory) *process {
	t.Helper()
	p := &process{t: t, store: st, now: clock.Stamp{Wall: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), Boot: "a", Up: time.Hour}}
	p.open()
	return p
}

// open begins anew with what the store has.
func (p *process) open() {
	p.t.Helper()
	b, err := quota.Open(identity, p.store, func() clock.Stamp { return p.now })
	if err != nil {
		p.t.Fatal(err)
	}
	p.Budget = b
}

// join has account a share the budget.
func (p *process) join(calls int, per time.Duration) {
	p.Join("a", prefetch.Limit{Calls: calls, Per: per}, func() {})
}

func (p *process) wait(d time.Duration) { p.now = p.now.Add(d) }

// call makes a call of account a that takes so long, and fails the test if it must wait.
func (p *process) call(takes time.Duration) *quota.Call {
	p.t.Helper()
	c, wait, err := p.Take("a")
	if err != nil || wait > 0 {
		p.t.Fatalf("a call must wait %v, %v", wait, err)
	}
	p.wait(takes)
	p.End(c, true)
	return c
}

// waits is how long a call must wait, which is not made.
func (p *process) waits(account string) time.Duration {
	p.t.Helper()
	c, wait, err := p.Take(account)
	if err != nil {
		p.t.Fatal(err)
	}
	if wait == 0 {
		p.End(c, true)
	}
	return wait
}

// made is a call as the vendor sees it, by time since boot.
type made struct {
	call         *quota.Call
	began, ended time.Duration
	open         bool
}

// Whatever happens (latencies, kills, clocks that are set or reboots, limits that
// change, calls that nobody hears the answer of), a call leaves only where the limit
// of that moment has a slot, whatever the vendor takes for the call's time. Of a
// clock that is set ahead before a reboot nobody can know.
func TestEveryLimitHoldsForAllCallsBefore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 3))
			p := begin(t, newMemory())
			truth := time.Duration(0) // time since the test began, which nobody sets
			limit := prefetch.Limit{Calls: 1 + random.IntN(9), Per: minute}
			var calls []*made
			join := func() {
				for _, name := range []string{"one", "two"} {
					p.Join(name, limit, func() {})
				}
			}
			end := func(c *made, answered bool) {
				c.open, c.ended = false, truth
				if !answered {
					c.ended = max(truth, c.began+vendorapi.DefaultTimeout)
				}
				if c.call != nil {
					p.End(c.call, answered)
				}
			}
			join()
			for range 2000 {
				switch n := random.IntN(400); {
				case n == 0:
					limit = prefetch.Limit{Calls: 1 + random.IntN(30), Per: time.Duration(60+random.IntN(1<<random.IntN(13))) * time.Second}
					join()
				case n < 3: // a kill: what is under way goes on at the vendor
					p.store = p.store.copied(t)
					for _, c := range calls {
						if c.open {
							c.call = nil
							end(c, false)
						}
					}
					if n == 1 && seed%2 == 0 { // and a reboot, with a clock that is set back
						p.now.Boot, p.now.Up = p.now.Boot+"a", 0
						p.now.Wall = p.now.Wall.Add(-time.Duration(random.IntN(7200)) * time.Second)
					}
					p.open()
					join()
				case n < 6 && seed%2 == 1:
					p.now.Wall = p.now.Wall.Add(time.Duration(random.IntN(7200)-3600) * time.Second)
				case n < 10 && len(calls) > 0:
					p.Heed(&vendorapi.Error{Reason: prefetch.ReasonThrottled, RetryAfter: time.Duration(random.IntN(60)) * time.Second},
						&quota.Call{Begun: p.now})
				case n < 150:
					for _, c := range calls {
						if c.open && random.IntN(2) == 0 {
							end(c, random.IntN(5) > 0)
						}
					}
				default:
					call, wait, err := p.Take([]string{"one", "two"}[random.IntN(2)])
					if err != nil {
						t.Fatal(err)
					}
					if wait > 0 {
						wait = time.Duration(random.Int64N(int64(wait)) + 1)
						p.wait(wait)
						truth += wait
						break
					}
					counted := 0
					for _, c := range calls {
						if c.open || truth-c.ended < limit.Per {
							counted++
						}
					}
					if counted >= limit.Calls {
						t.Fatalf("call %d left although %d of %v were counted", len(calls), counted, limit)
					}
					calls = append(calls, &made{call: call, began: truth, open: true})
				}
				takes := time.Duration(random.IntN(5000)) * time.Millisecond
				p.wait(takes)
				truth += takes
			}
			if len(calls) < 30 {
				t.Errorf("%d calls: the test tests nothing", len(calls))
			}
		})
	}
}

// A limit that is changed to a longer period counts the calls that the one before
// had no use for, and no more than those; though the ledger stays small.
func TestALongerPeriodCountsEarlierCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		calls, then   int
		per, thenPer  time.Duration
		lasts         time.Duration // until the change
		before, after time.Duration // between these a call is allowed
	}{
		"an hour":       {10, 250, minute, time.Hour, 50 * minute, 30 * minute, 38 * minute},
		"the same rate": {1, 280, 5 * minute, day, 3 * day, 0, 2 * time.Hour},
		"many are left": {1, 700, 5 * minute, 31 * day, 2 * day, 0, time.Second},
		"forgotten":     {1, 1, time.Hour, 31 * day, 40 * day, 30 * day, 32 * day},
	} {
		for _, restart := range []bool{false, true} {
			p := begin(t, newMemory())
			p.join(c.calls, c.per)
			made := 0
			for start := p.now; start.Elapsed(p.now) < c.lasts; {
				c, wait, err := p.Take("a")
				switch {
				case err != nil:
					t.Fatal(err)
				case wait > 0:
					p.wait(wait)
				default:
					made++
					p.End(c, true)
				}
			}
			if restart {
				p.store = p.store.copied(t)
				p.open()
			}
			p.join(c.then, c.thenPer)
			if wait := p.waits("a"); wait < c.before || wait > c.after {
				t.Errorf("%s, restart %v: the next call must wait %v", name, restart, wait)
			}
			if n := keys(t, p.store); n > 300 {
				t.Errorf("%s: %d entries for %d calls", name, n, made)
			}
		}
	}
}

// A ledger that is not whole counts as spent once: not at each restart after it.
func TestADamagedLedgerIsSpentOnce(t *testing.T) {
	t.Parallel()
	const key = "00000000000000000007"
	for name, c := range map[string]struct {
		key, value string
		lost       time.Duration // how long ago the store was
		damaged    bool
	}{
		"call":              {key: key, value: "nonsense", damaged: true},
		"throttle":          {key: "throttle", value: "nonsense", damaged: true},
		"forgotten":         {key: "forgotten", value: "nonsense", damaged: true},
		"what?":             {key: "what?", value: "{}", damaged: true},
		"7 and what?":       {key: "7 and what?", value: "{}", damaged: true},
		"lost":              {lost: time.Second},
		"lost, clock ahead": {lost: -1000 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := begin(t, newMemory())
			if c.key != "" {
				if err := p.store.Write(store.Op{Table: store.Ledger, Scope: identity, Key: c.key, Value: []byte(c.value)}); err != nil {
					t.Fatal(err)
				}
			} else {
				p.store.lost = p.now.Wall.Add(-c.lost)
			}
			p.open()
			if p.Damaged() != c.damaged {
				t.Errorf("damaged: %v", p.Damaged())
			}
			p.join(1, 5*minute)
			if wait := p.waits("a"); wait < 5*minute-time.Second {
				t.Errorf("a call must wait %v", wait)
			}
			for range 2 {
				p.wait(150 * time.Second)
				p.open()
				p.join(1, 5*minute)
			}
			if wait := p.waits("a"); wait > 5*time.Second {
				t.Errorf("the next call must wait %v more after restarts", wait)
			}
		})
	}
}

// Retry-After forbids every call; throttling halves the rate, which recovers by a
// tenth every ten minutes, once for calls that were under way together.
func TestThrottling(t *testing.T) {
	t.Parallel()
	p := begin(t, newMemory())
	p.join(1, minute)
	first := p.call(time.Second)
	p.Heed(&vendorapi.Error{Reason: prefetch.ReasonAuth, RetryAfter: 20 * minute}, first)
	if at := p.Next(p.now); !at.Equal(p.now.Wall.Add(20 * minute)) {
		t.Errorf("the next call is at %v, want in 20 minutes", at)
	}
	p.wait(20 * minute)
	for _, again := range []*quota.Call{p.call(0), first} { // the second began before the first was throttled
		p.Heed(&vendorapi.Error{Reason: prefetch.ReasonUnavailable, HTTPStatus: 200}, again)
	}
	for _, step := range []struct {
		after, wait time.Duration
	}{{0, 121200 * time.Millisecond}, {121200 * time.Millisecond, 0}} {
		p.wait(step.after)
		if wait := p.waits("a"); wait != step.wait {
			t.Errorf("%v later a call must wait %v, want %v", step.after, wait, step.wait)
		}
	}
	p.wait(8 * minute) // 0.6 of the rate since the tenth minute
	p.call(0)
	if wait, want := p.waits("a"), 101*time.Second; wait != want {
		t.Errorf("a call must wait %v, want %v", wait, want)
	}
	p.open()
	p.join(1, minute)
	if wait, want := p.waits("a"), 101*time.Second; wait != want {
		t.Errorf("after a restart a call must wait %v, want %v", wait, want)
	}
	if kept := p.Taken(p.now); kept != 101*time.Second {
		t.Errorf("a call is taken for %v", kept)
	}
	p.wait(time.Hour)
	p.call(0)
	if wait := p.waits("a"); wait != 60600*time.Millisecond {
		t.Errorf("an hour later a call must wait %v", wait)
	}
}

// Accounts that share a budget take turns, and one that has no question, or has
// left, keeps nobody waiting.
func TestAccountsTakeTurns(t *testing.T) {
	t.Parallel()
	p := begin(t, newMemory())
	p.join(1, minute)
	woken := 0
	p.Join("b", prefetch.Limit{Calls: 1, Per: minute}, func() { woken++ })
	if !p.LastLeft("a").Wall.IsZero() {
		t.Error("a call has left")
	}
	left := p.now
	p.call(time.Second)
	if p.LastLeft("a") != left || !p.LastLeft("b").Wall.IsZero() {
		t.Errorf("the last calls left at %v and %v", p.LastLeft("a"), p.LastLeft("b"))
	}
	if p.waits("a") == 0 || p.waits("b") == 0 || !p.Wanted("a") {
		t.Error("a call leaves at once")
	}
	p.wait(60700 * time.Millisecond)
	if wait := p.waits("a"); wait <= 0 || wait > time.Second {
		t.Errorf("the account whose turn it is not waits %v", wait)
	}
	p.Rest("b")
	if p.Wanted("a") {
		t.Error("an account that rests wants a call")
	}
	p.call(0)
	p.waits("b")
	before := woken
	p.Leave("a")
	if woken == before {
		t.Error("nobody was woken")
	}
	if _, _, err := p.Take("a"); err == nil {
		t.Error("an account that has left got a call")
	}
	if p.waits("b") == 0 {
		t.Error("the calls of an account that has left are free")
	}
	if p.Spare(0, p.now.Add(2*minute)) != 0 || p.Spare(1, p.now.Add(2*minute)) == 0 {
		t.Error("one call is to spare, and no more")
	}
}

// No call leaves while the ledger cannot be kept.
func TestNoCallWithoutLedger(t *testing.T) {
	t.Parallel()
	p := begin(t, newMemory())
	p.join(5, minute)
	full := errors.New("no space left on device")
	p.store.failWith(full)
	if c, wait, err := p.Take("a"); !errors.Is(err, full) || c != nil || wait != 0 {
		t.Errorf("%v, %v, %v", c, wait, err)
	}
	p.store.failWith(nil)
	p.call(0)
	if p.Spare(3, p.now) != 0 || p.Spare(4, p.now) == 0 {
		t.Error("not 4 of 5 calls are free after one")
	}
}

// Where a clock was set back and nobody knows by how much, what is dated in the
// future counts as now.
func TestRestamp(t *testing.T) {
	t.Parallel()
	st := newMemory()
	st.lost = time.Date(2026, 11, 26, 11, 0, 0, 0, time.UTC)
	p := begin(t, st)
	p.now.Boot = ""
	p.join(2, minute)
	p.call(time.Second)
	if _, wait, err := p.Take("a"); wait > 0 || err != nil { // it stays under way
		t.Fatal(wait, err)
	}
	p.wait(-24 * time.Hour)
	p.Restamp(p.now)
	if at := p.Next(p.now); at.After(p.now.Wall.Add(61 * time.Second)) {
		t.Errorf("the next call is at %v, now it is %v", at, p.now.Wall)
	}
	if p.LastLeft("a") != p.now {
		t.Errorf("the last call left at %v, now it is %v", p.LastLeft("a"), p.now)
	}
}

// Ledgers that nobody uses go when their last entry is old, whatever it is; others
// stay.
func TestPurge(t *testing.T) {
	t.Parallel()
	now := clock.Stamp{Wall: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	const old, young = `{"wall":"2026-10-01T00:00:00Z"}`, `{"wall":"2026-11-20T00:00:00Z"}`
	for name, c := range map[string]struct {
		key, value string
		goes       bool
	}{
		"an old call":         {"1", `{"begun":` + old + `,"ended":` + old + `}`, true},
		"a young call":        {"1", `{"begun":` + old + `,"ended":` + young + `}`, false},
		"an old open call":    {"1", `{"begun":` + old + `}`, true},
		"an old throttle":     {"throttle", `{"at":` + old + `,"hold_at":` + old + `}`, true},
		"a young hold":        {"throttle", `{"at":` + old + `,"hold_at":` + young + `}`, false},
		"an old gap":          {"forgotten", old, true},
		"a young gap":         {"forgotten", young, false},
		"nonsense":            {"1", "nonsense", false},
		"a nonsense throttle": {"throttle", "nonsense", false},
		"a nonsense gap":      {"forgotten", "nonsense", false},
	} {
		st := newMemory()
		for _, scope := range []string{"used", "unused"} {
			err := st.Write(store.Op{Table: store.Ledger, Scope: scope, Key: c.key, Value: []byte(c.value)})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := quota.Purge(st, map[string]bool{"used": true}, now, 30*day); err != nil {
			t.Fatal(err)
		}
		want := 2
		if c.goes {
			want = 1
		}
		if n := keys(t, st); n != want {
			t.Errorf("%s: %d of 2 ledgers are left, want %d", name, n, want)
		}
	}
}
