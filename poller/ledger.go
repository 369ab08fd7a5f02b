package poller

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/store"
)

const (
	// kept and keptFor bound what the ledger remembers beyond the current
	// limits, so that a limit that is tightened finds the calls it counts.
	kept    = 200
	keptFor = 24 * time.Hour
	// throttleKey is the ledger's key for the throttle; calls have numbers.
	throttleKey = "throttle"
)

// call is one entry of the ledger. Ended is zero while the call is under way.
type call struct {
	Begun Stamp  `json:"begun"`
	Ended *Stamp `json:"ended,omitempty"`

	seq uint64
}

func (c *call) key() string { return fmt.Sprintf("%020d", c.seq) }

// throttle is what the vendor asked for beyond the configured limit.
type throttle struct {
	// Factor was the part of the configured rate in force at At; it recovers
	// from there.
	Factor float64 `json:"factor"`
	At     Stamp   `json:"at"`
	// Hold is for how long, from HoldAt, no call may leave at all.
	Hold   time.Duration `json:"hold,omitempty"`
	HoldAt Stamp         `json:"hold_at"`
}

// factor is the part of the configured rate that is in force at now.
func (t *throttle) factor(now Stamp) float64 {
	if t.Factor == 0 {
		return 1
	}
	steps := float64(t.At.elapsed(now) / recoveryTime)
	return min(1, t.Factor+steps*recoveryStep)
}

func (t *throttle) holds(now Stamp) time.Duration {
	return max(0, t.Hold-t.HoldAt.elapsed(now))
}

// newBudget loads the ledger of identity.
func newBudget(identity string, st Store, clock Clock) (*budget, error) {
	b := &budget{identity: identity, store: st, clock: clock, members: map[string]*member{}}
	now := clock()
	if at, ok := st.Recovery(); ok {
		lost := now.before(Stamp{Wall: at}.elapsed(now))
		b.refill = &lost
	}
	var open []*call
	err := st.ScanScope(store.Ledger, identity, func(key string, value []byte) error {
		if key == throttleKey {
			if json.Unmarshal(value, &b.throttle) != nil {
				b.refill = &now
			}
			return nil
		}
		c := &call{}
		if _, err := fmt.Sscanf(key, "%d", &c.seq); err != nil || json.Unmarshal(value, c) != nil {
			b.refill = &now // who knows what it was
			return nil      //nolint:nilerr // the quota counts as spent instead
		}
		if c.Ended == nil {
			open = append(open, c)
		}
		b.restore(c, now)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger of %s: %w", identity, err)
	}
	b.close(open)
	return b, nil
}

// close records that the calls ended now, lest each restart counts them anew.
// If it cannot be recorded, the next restart does just that: safe.
func (b *budget) close(calls []*call) {
	ops := make([]store.Op, len(calls))
	for i, c := range calls {
		ops[i] = b.put(c)
	}
	if len(ops) > 0 {
		_ = b.store.Write(ops...)
	}
}

// restore adds a call of an earlier process. A call that was never closed ended
// now at the latest; one from the future counts as now. Its end is dated on the
// present boot's clock from here on.
func (b *budget) restore(c *call, now Stamp) {
	ended := now
	if c.Ended != nil {
		ended = now.before(c.Ended.elapsed(now))
	}
	c.Ended = &ended
	b.calls = append(b.calls, c)
	b.seq = max(b.seq, c.seq)
}

// prune forgets the calls that no limit counts any more.
func (b *budget) prune(now Stamp) []store.Op {
	var ops []store.Op
	spare := len(b.calls) - kept
	b.calls = slices.DeleteFunc(b.calls, func(c *call) bool {
		if c.Ended == nil {
			return false
		}
		age := c.Ended.elapsed(now)
		for _, m := range b.members {
			if age < b.period(m.limit, now) {
				return false
			}
		}
		if age < keptFor && spare <= 0 {
			return false
		}
		spare--
		ops = append(ops, store.Op{Table: store.Ledger, Scope: b.identity, Key: c.key()})
		return true
	})
	return ops
}

func (b *budget) put(c *call) store.Op {
	value, err := json.Marshal(c)
	if err != nil {
		// A call is two stamps, which always marshal.
		panic(err)
	}
	return store.Op{Table: store.Ledger, Scope: b.identity, Key: c.key(), Value: value}
}
