package poller

import "time"

// Stamp is one moment on two clocks: the wall clock, which people and other
// machines share, and the time since the machine booted, which nobody can set.
type Stamp struct {
	// Wall never carries Go's monotonic reading: compared by that, times would
	// seem to stay where they are when the clock is set.
	Wall time.Time `json:"wall"`
	// Boot names the boot that Up belongs to; empty where it is not known.
	Boot string `json:"boot,omitempty"`
	// Up is the time since that boot, time asleep included.
	Up time.Duration `json:"up,omitempty"`
}

// Clock returns the present moment.
type Clock func() Stamp

// WallClock is a clock without a boot time.
func WallClock(now func() time.Time) Clock {
	return func() Stamp { return Stamp{Wall: now()} }
}

// wallOnly takes the monotonic reading away from whatever the clock tells.
func (c Clock) wallOnly() Clock {
	return func() Stamp {
		s := c()
		s.Wall = s.Wall.Round(0)
		return s
	}
}

// elapsed is the time from s to now, never negative. Within one boot the boot
// clock decides, so that setting the wall clock buys no call; a stamp from the
// future counts as now.
func (s Stamp) elapsed(now Stamp) time.Duration { return max(s.until(now), 0) }

// until is the time from s to now; negative if s is from the future.
func (s Stamp) until(now Stamp) time.Duration {
	if s.Boot != "" && s.Boot == now.Boot {
		return now.Up - s.Up
	}
	return now.Wall.Sub(s.Wall)
}

// stepped is by how much the wall clock was set between s and now, and whether
// anybody can tell: only the clock of the same boot can.
func (s Stamp) stepped(now Stamp) (by time.Duration, ok bool) {
	if s.Boot == "" || s.Boot != now.Boot {
		return 0, false
	}
	return now.Wall.Sub(s.Wall) - (now.Up - s.Up), true
}

// dated returns s as a stamp of the clock that tells now, and whether that had to
// be said anew: an earlier boot's clock says nothing any more, and a stamp from
// the future counts as now.
func (s Stamp) dated(now Stamp) (dated Stamp, anew bool) {
	if s.Wall.IsZero() || s.Boot == now.Boot && s.until(now) >= 0 {
		return s, false
	}
	return now.before(s.elapsed(now)), true
}

// after returns the moment d after s.
func (s Stamp) after(d time.Duration) Stamp { return s.before(-d) }

// before returns the moment d before s.
func (s Stamp) before(d time.Duration) Stamp {
	return Stamp{Wall: s.Wall.Add(-d), Boot: s.Boot, Up: s.Up - d}
}
