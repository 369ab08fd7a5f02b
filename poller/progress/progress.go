// Package progress says for how long a loop should have done something and has not.
//
// Its time is Go's own, which nobody sets and which stands still while the machine
// sleeps, as timers do. It must not know what the loop does.
package progress

import (
	"errors"
	"sync/atomic"
	"time"

	"prefetch_exporter/store"
)

// longestCall is within what a call ends, the fetch of its token and what is written
// before and after it included.
const longestCall = 90 * time.Second

// Progress is a loop's. It is safe for concurrent use, but for Leaves, and for Moves
// while a call is under way: those are guarded by the account's lock.
type Progress struct {
	said atomic.Pointer[said]
	// hung: the last step could not store anything, since the disk hangs.
	hung   atomic.Bool
	leftAt time.Time // when the last call left
}

// said is until when a loop has said that it has nothing to do: it is late by what
// has passed since.
type said struct {
	at   time.Time
	rest time.Duration
}

// Leaves notes that a call leaves.
func (p *Progress) Leaves() { p.leftAt = time.Now() }

// Stored notes what became of a write. While the disk hangs the loop does nothing
// that counts: no call may leave.
func (p *Progress) Stored(err error) { p.hung.Store(errors.Is(err, store.ErrHangs)) }

// Moves notes that the loop does something, and will again after a rest, or when a
// call has ended, if one is under way.
func (p *Progress) Moves(rest time.Duration, underWay bool) {
	if p.hung.Load() {
		return
	}
	now := time.Now()
	if underWay {
		rest = min(rest, longestCall-now.Sub(p.leftAt))
	}
	p.said.Store(&said{at: now, rest: rest})
}

// Late is for how long the loop should have done something; less than a second is
// none. It may be called at any time, once the loop has moved.
func (p *Progress) Late() time.Duration {
	s := p.said.Load()
	if late := time.Since(s.at) - s.rest; late >= time.Second {
		return late
	}
	return 0
}
