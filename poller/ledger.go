package poller

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"prefetch_exporter/store"
)

const (
	// kept and keptFor bound what the ledger remembers beyond the current
	// limits, so that a limit that is tightened finds the calls it counts.
	kept    = 200
	keptFor = 24 * time.Hour
	// throttleKey and forgottenKey are the ledger's keys for what is no call;
	// calls have numbers.
	throttleKey, forgottenKey = "throttle", "forgotten"
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
		lost, _ := Stamp{Wall: at}.dated(now)
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
func (b *budget) load(key string, value []byte, now Stamp) (entry any, anew bool, err error) {
	switch key {
	case throttleKey:
		t := throttle{}
		if err := json.Unmarshal(value, &t); err != nil {
			return nil, false, fmt.Errorf("throttle: %w", err)
		}
		anew = t.restore(now)
		b.throttle = t
		return t, anew, nil
	case forgottenKey:
		at := Stamp{}
		if err := json.Unmarshal(value, &at); err != nil {
			return nil, false, fmt.Errorf("forgotten: %w", err)
		}
		at, anew = at.dated(now)
		b.forgotten = &at
		return at, anew, nil
	}
	c := &call{}
	if c.seq, err = strconv.ParseUint(key, 10, 64); err != nil {
		return nil, false, fmt.Errorf("call: %w", err)
	}
	if err := json.Unmarshal(value, c); err != nil {
		return nil, false, fmt.Errorf("call %s: %w", key, err)
	}
	return c, b.restore(c, now), nil
}

// forget notes that calls until then may be missing in the ledger.
func (b *budget) forget(at Stamp) store.Op {
	b.forgotten = &at
	return b.put(forgottenKey, at)
}

// restore adds a call of an earlier process. A call that was never closed ended
// now at the latest; one from the future counts as now. Its end is dated on the
// present boot's clock from here on. It reports whether that says something new.
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

// prune forgets the calls that no limit counts any more, and notes until when it
// did: a limit that is changed to a longer period would count them.
func (b *budget) prune(now Stamp) []store.Op {
	var ops []store.Op
	last := b.forgotten
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
		if last == nil || age < last.elapsed(now) {
			last = c.Ended
		}
		return true
	})
	if last != b.forgotten {
		ops = append(ops, b.forget(*last))
	}
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
