package poller

import (
	"fmt"
	"slices"
	"time"
)

// progress is until when a loop has said that it has nothing to do: it is late by
// what has passed since. Time is Go's own, which nobody sets and which stands still
// while the machine sleeps, as timers do.
type progress struct {
	at   time.Time
	rest time.Duration
}

// late is for how long the loop should have done something; less than a second is
// none.
func (p *progress) late() time.Duration {
	if late := time.Since(p.at) - p.rest; late >= time.Second {
		return late
	}
	return 0
}

// longestCall is within what a call ends, the fetch of its token and what is written
// before and after it included.
const longestCall = 90 * time.Second

// callEnds is how long it takes at most until the end of a call wakes the loop;
// negative if it should have. It is called with the lock held.
func (a *account) callEnds() time.Duration {
	if a.inFlight == 0 {
		return idle
	}
	return longestCall - time.Since(a.leftAt)
}

// moves notes that the loop does something, and will again after a rest. While the
// disk hangs it does nothing that counts: no call may leave.
func (a *account) moves(rest time.Duration) {
	if !a.hung.Load() {
		a.progress.Store(&progress{at: time.Now(), rest: rest})
	}
}

// Stuck says of which accounts the loop has not moved for longer than a time, and
// for how long; nothing if there is none. It waits for no disk.
func (p *Poller) Stuck(longer time.Duration) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var stuck []string
	for name, r := range p.accounts {
		if late := r.progress.Load().late(); late > longer {
			stuck = append(stuck, fmt.Sprintf("the loop of account %q has not moved for %v", name.Name, late.Truncate(time.Second)))
		}
	}
	slices.Sort(stuck)
	return stuck
}
