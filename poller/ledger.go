package poller

import (
	"fmt"
	"time"
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
