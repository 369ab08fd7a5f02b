package quota

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// keptFor is how long calls are remembered that no limit counts now, in case
	// one is changed: longer than any limit's period may be.
	keptFor = 32 * 24 * time.Hour
	// fine is what part of their age such calls may be apart to be counted as one,
	// and mostMerged how many become one at a time.
	fine       = 16
	mostMerged = 4
	// throttleKey and forgottenKey are the ledger's keys for what is no call;
	// calls have numbers.
	throttleKey, forgottenKey = "throttle", "forgotten"
)

// Call is one entry of the ledger: usually one call. Ended is nil while the call is under way.
type Call struct {
	Begun clock.Stamp  `json:"begun"`
	Ended *clock.Stamp `json:"ended,omitempty"`
	// Count is how many calls the entry stands for, the first of which began at
	// Begun and the last of which ended at Ended; 0 for one.
	Count int `json:"count,omitempty"`
	// Late is by how much after Ended the vendor may still have answered: nobody
	// saw the answer, and some vendors count a call only then.
	Late time.Duration `json:"late,omitempty"`
	// By is who wrote the entry last, and Over how long the call had been over then:
	// only in a ledger that replicas share, whose clocks are not one.
	By   string        `json:"by,omitempty"`
	Over time.Duration `json:"over,omitempty"`

	number uint64
}

func (c *Call) key() string { return fmt.Sprintf("%020d", c.number) }

// newNumber returns a number for a call that no other call has or had. Its upper half
// counts, so that numbers are in the order of calls. Its lower half is chance: nobody
// remembers the numbers of calls that were deleted, and two replicas may count to the
// same. Earlier versions only counted.
func (b *Budget) newNumber() uint64 {
	const half = 32
	var last uint64
	if n := len(b.calls); n > 0 {
		last = b.calls[n-1].number
	}
	return (last>>half+1)<<half | uint64(rand.Uint32()) //nolint:gosec // nobody gains by guessing it
}

func (c *Call) count() int { return max(1, c.Count) }

// since is how long ago the vendor counted the call at the latest; negative if it
// still may. The call has ended.
func (c *Call) since(now clock.Stamp) time.Duration { return c.Ended.Elapsed(now) - c.Late }

// over notes that the call ended. If nobody saw its answer, it may be under way at
// the vendor for as long as a call can take.
func (c *Call) over(now clock.Stamp, answered bool) {
	c.Ended = &now
	if !answered {
		c.Late = max(0, vendorapi.DefaultTimeout-c.Begun.Elapsed(now))
	}
}

// throttle is what the vendor asked for beyond the configured limit.
type throttle struct {
	// Factor was the part of the configured rate in force at At; it recovers
	// from there.
	Factor float64     `json:"factor"`
	At     clock.Stamp `json:"at"`
	// Hold is for how long, from HoldAt, no call may leave at all.
	Hold   time.Duration `json:"hold,omitempty"`
	HoldAt clock.Stamp   `json:"hold_at"`
	// By is who wrote it, and Age and HoldAge how long ago At and HoldAt were then:
	// only in a ledger that replicas share.
	By      string        `json:"by,omitempty"`
	Age     time.Duration `json:"age,omitempty"`
	HoldAge time.Duration `json:"hold_age,omitempty"`
}

// factor is the part of the configured rate that is in force at now.
func (t *throttle) factor(now clock.Stamp) float64 {
	if t.Factor == 0 {
		return 1
	}
	steps := float64(t.At.Elapsed(now) / recoveryTime)
	return min(1, t.Factor+steps*recoveryStep)
}

func (t *throttle) holds(now clock.Stamp) time.Duration {
	return max(0, t.Hold-t.HoldAt.Elapsed(now))
}

// Damaged reports whether some of the ledger could not be read: then the whole
// quota counts as spent.
func (b *Budget) Damaged() bool { return b.damaged }

// Open loads the ledger of an identity.
func Open(identity string, st Store, tells clock.Clock) (*Budget, error) {
	b := &Budget{identity: identity, store: st, clock: tells, members: map[string]*member{}}
	now := tells()
	var ops []store.Op
	err := st.ScanScope(store.Ledger, identity, func(key string, value []byte) error {
		entry, anew, err := b.load(key, value, now)
		switch {
		case err != nil: // who knows what it was
			b.damaged = true
			ops = append(ops, store.Op{Table: store.Ledger, Scope: identity, Key: key})
		case anew:
			ops = append(ops, b.put(key, entry))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger of %s: %w", identity, err)
	}
	if b.damaged {
		ops = append(ops, b.forget(now))
	} else if at, ok := st.Recovery(); ok && b.forgotten == nil {
		lost, _ := clock.Stamp{Wall: at}.Restamp(now)
		ops = append(ops, b.forget(lost))
	}
	if len(ops) > 0 {
		// If it cannot be recorded, the next restart does the same: safe.
		_ = b.store.Write(ops...)
	}
	return b, nil
}

// load takes over an entry of an earlier process. It returns the entry, and
// whether it is to be written anew, lest each restart dates it anew.
func (b *Budget) load(key string, value []byte, now clock.Stamp) (entry any, anew bool, err error) {
	switch key {
	case throttleKey:
		t := throttle{}
		if err := json.Unmarshal(value, &t); err != nil {
			return nil, false, fmt.Errorf("throttle: %w", err)
		}
		anew = t.restore(now)
		b.throttle = t
		return &b.throttle, anew, nil
	case forgottenKey:
		at := clock.Stamp{}
		if err := json.Unmarshal(value, &at); err != nil {
			return nil, false, fmt.Errorf("forgotten: %w", err)
		}
		at, anew = at.Restamp(now)
		b.forgotten = &at
		return at, anew, nil
	}
	c := &Call{}
	if c.number, err = strconv.ParseUint(key, 10, 64); err != nil {
		return nil, false, fmt.Errorf("call: %w", err)
	}
	if err := json.Unmarshal(value, c); err != nil {
		return nil, false, fmt.Errorf("call %s: %w", key, err)
	}
	return c, b.restore(c, now), nil
}

// forget notes that calls until then may be missing in the ledger.
func (b *Budget) forget(at clock.Stamp) store.Op {
	b.forgotten = &at
	return b.put(forgottenKey, &missing{Stamp: at})
}

// restore adds a call of an earlier process. A call that was never closed left
// before now, and may be under way at the vendor still; one from the future counts
// as now. Its end is dated on the present boot's clock from here on. It reports
// whether that says something new.
func (b *Budget) restore(c *Call, now clock.Stamp) (anew bool) {
	if c.Ended == nil {
		c.Ended, c.Late, anew = &now, vendorapi.DefaultTimeout, true
	} else {
		var ended clock.Stamp
		ended, anew = c.Ended.Restamp(now)
		c.Ended = &ended
		c.Begun, _ = c.Begun.Restamp(now)
	}
	b.calls = append(b.calls, c)
	return anew
}

// restore dates the throttle of an earlier process likewise.
func (t *throttle) restore(now clock.Stamp) (anew bool) {
	at, anewAt := t.At.Restamp(now)
	hold, anewHold := t.HoldAt.Restamp(now)
	t.At, t.HoldAt = at, hold
	return anewAt || anewHold
}

// Restamp takes what is dated in the future for now, after a clock was set back of
// which nobody knows by how much.
func (b *Budget) Restamp(now clock.Stamp) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		c.Begun, _ = c.Begun.Restamp(now)
		if c.Ended != nil {
			ended, _ := c.Ended.Restamp(now)
			c.Ended = &ended
		}
	}
	if b.forgotten != nil {
		at, _ := b.forgotten.Restamp(now)
		b.forgotten = &at
	}
	for _, m := range b.members {
		m.left, _ = m.left.Restamp(now)
	}
	b.throttle.restore(now)
	b.publishNext(now)
}

// compact keeps the ledger small. Calls that no limit can count any more go. Of
// calls that no limit counts now, neighbors become one entry, which a limit with a
// longer period or a throttled rate may count again. The entry has the end of the
// last of its calls: so it counts none of them too briefly.
func (b *Budget) compact(now clock.Stamp) []store.Op {
	var counted time.Duration
	for _, m := range b.members {
		counted = max(counted, b.period(m.limit, now))
	}
	var ops []store.Op
	left, merged := b.calls[:0], 0
	for _, c := range b.calls {
		if c.Ended == nil || c.since(now) < counted {
			left = append(left, c)
			continue
		}
		age := c.since(now)
		if age >= keptFor {
			ops = append(ops, b.drop(c))
			continue
		}
		if n := len(left); n > 0 && merged < mostMerged {
			d := left[n-1]
			if d.Ended != nil && d.since(now) >= counted && d.Begun.Elapsed(now)-age <= age/fine {
				c.merge(d, now)
				ops = append(ops, b.drop(d), b.put(c.key(), c))
				left[n-1] = c
				merged++
				continue
			}
		}
		left = append(left, c)
	}
	clear(b.calls[len(left):])
	b.calls = left
	return ops
}

// merge makes the call stand for another before it, too.
func (c *Call) merge(d *Call, now clock.Stamp) {
	c.Begun, c.Count = d.Begun, c.count()+d.count()
	if d.since(now) < c.since(now) {
		c.Ended, c.Late = d.Ended, d.Late
	}
}

func (b *Budget) drop(c *Call) store.Op {
	return store.Op{Table: store.Ledger, Scope: b.identity, Key: c.key()}
}

func (b *Budget) put(key string, entry any) store.Op {
	if b.self != "" {
		b.sign(entry)
	}
	return put(b.identity, key, entry)
}

func put(scope, key string, entry any) store.Op {
	value, err := json.Marshal(entry)
	if err != nil {
		// Stamps, numbers and bytes always marshal.
		panic(err)
	}
	return store.Op{Table: store.Ledger, Scope: scope, Key: key, Value: value}
}
