package poller

import "time"

// Stamp is one moment on two clocks: the wall clock, which people and other
// machines share, and the time since the machine booted, which nobody can set.
type Stamp struct {
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

// elapsed is the time from s to now, never negative. Within one boot the boot
// clock decides, so that setting the wall clock buys no call; a stamp from the
// future counts as now.
func (s Stamp) elapsed(now Stamp) time.Duration {
	var d time.Duration
	if s.Boot != "" && s.Boot == now.Boot {
		d = now.Up - s.Up
	} else {
		d = now.Wall.Sub(s.Wall)
	}
	return max(d, 0)
}

// before returns the moment d before s.
func (s Stamp) before(d time.Duration) Stamp {
	return Stamp{Wall: s.Wall.Add(-d), Boot: s.Boot, Up: s.Up - d}
}
