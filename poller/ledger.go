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
	var ops []store.Op
	err := st.ScanScope(store.Ledger, identity, func(key string, value []byte) error {
		if key == throttleKey {
			if json.Unmarshal(value, &b.throttle) != nil {
				b.refill = &now
			}
			if b.throttle.restore(now) {
				ops = append(ops, b.put(throttleKey, b.throttle))
			}
			return nil
		}
		c := &call{}
		if _, err := fmt.Sscanf(key, "%d", &c.seq); err != nil || json.Unmarshal(value, c) != nil {
			b.refill = &now // who knows what it was
			return nil      //nolint:nilerr // the quota counts as spent instead
		}
		if b.restore(c, now) {
			ops = append(ops, b.put(c.key(), c))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger of %s: %w", identity, err)
	}
	if len(ops) > 0 {
		// If it cannot be recorded, the next restart dates it anew: safe.
		_ = b.store.Write(ops...)
	}
	return b, nil
}

// restore adds a call of an earlier process. A call that was never closed ended
// now at the latest; one from the future counts as now. Its end is dated on the
// present boot's clock from here on. It reports whether that is to be written
// down, lest each restart counts the call anew.
func (b *budget) restore(c *call, now Stamp) (anew bool) {
	ended := now
	if anew = c.Ended == nil; !anew {
		ended, anew = c.Ended.dated(now)
	}
	c.Ended = &ended
	b.calls = append(b.calls, c)
	b.seq = max(b.seq, c.seq)
	return anew
}

// restore dates the throttle of an earlier process likewise.
func (t *throttle) restore(now Stamp) (anew bool) {
	at, anewAt := t.At.dated(now)
	hold, anewHold := t.HoldAt.dated(now)
	t.At, t.HoldAt = at, hold
	return anewAt || anewHold
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

func (b *budget) put(key string, entry any) store.Op {
	value, err := json.Marshal(entry)
	if err != nil {
		// Stamps and numbers always marshal.
		panic(err)
	}
	return store.Op{Table: store.Ledger, Scope: b.identity, Key: key, Value: value}
}
