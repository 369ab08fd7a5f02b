// Package quota decides how many calls may leave for a vendor, and when. What was
// spent is in a ledger that is durable before a call leaves, so that no restart,
// reload or change of the clock makes a call too many.
package quota

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/store"
)

// Store keeps the ledgers.
type Store interface {
	store.Keeper

	// Recovery is when a damaged store was lost and begun anew, if it was.
	Recovery() (at time.Time, ok bool)
}

// purgeAtOnce is how many entries are deleted at a time: a shared store takes no more
// than about a hundred for a ledger.
const purgeAtOnce = 100

// Purge deletes the ledgers of identities that are not used, and what is known of
// refused passwords, once the last entry of each is so old.
func Purge(st Store, used map[string]bool, now clock.Stamp, old time.Duration) error {
	ops, youngest := map[string][]store.Op{}, map[string]time.Duration{}
	err := st.Scan(store.Ledger, func(identity, key string, value []byte) error {
		if used[identity] {
			return nil
		}
		if _, ok := youngest[identity]; !ok {
			youngest[identity] = math.MaxInt64
		}
		youngest[identity] = min(youngest[identity], entryAge(key, value, now))
		ops[identity] = append(ops[identity], store.Op{Table: store.Ledger, Scope: identity, Key: key})
		return nil
	})
	if err != nil {
		return err
	}
	for identity, age := range youngest {
		if age < old {
			continue
		}
		for some := range slices.Chunk(ops[identity], purgeAtOnce) {
			if err := st.Write(some...); err != nil {
				return err
			}
		}
	}
	return nil
}

// entryAge is the time since an entry said something; 0 if it cannot
// be read.
func entryAge(key string, value []byte, now clock.Stamp) time.Duration {
	switch key {
	case throttleKey:
		var t throttle
		if json.Unmarshal(value, &t) != nil {
			return 0
		}
		return min(t.At.Elapsed(now), t.HoldAt.Elapsed(now))
	case forgottenKey:
		var at clock.Stamp
		if json.Unmarshal(value, &at) != nil {
			return 0
		}
		return at.Elapsed(now)
	}
	var c Call
	if json.Unmarshal(value, &c) != nil {
		return 0
	}
	if c.Ended != nil {
		return c.Ended.Elapsed(now)
	}
	return c.Begun.Elapsed(now)
}
