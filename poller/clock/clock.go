// Package clock tells moments on two clocks, so that setting the wall clock
// neither buys a call nor keeps one from leaving.
package clock

import "time"

// LongestRetry is the longest that anything is put off after a failure. A retry
// that is further off was reckoned by a clock that was set back since.
const LongestRetry = 15 * time.Minute

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

// Wall is a clock without a boot time.
func Wall(now func() time.Time) Clock {
	return func() Stamp { return Stamp{Wall: now()} }
}

// WallOnly takes the monotonic reading away from whatever the clock tells.
func (c Clock) WallOnly() Clock {
	return func() Stamp {
		s := c()
		s.Wall = s.Wall.Round(0)
		return s
	}
}

// Elapsed is the time from s to now, never negative. Within one boot the boot
// clock decides, so that setting the wall clock buys no call; a stamp from the
// future counts as now.
func (s Stamp) Elapsed(now Stamp) time.Duration { return max(s.Until(now), 0) }

// Until is the time from s to now; negative if s is from the future.
func (s Stamp) Until(now Stamp) time.Duration {
	if s.sameBoot(now) {
		return now.Up - s.Up
	}
	return now.Wall.Sub(s.Wall)
}

// SetBy is by how much the wall clock was set between s and now, and whether
// anybody can tell: only the clock of the same boot can.
func (s Stamp) SetBy(now Stamp) (by time.Duration, ok bool) {
	if !s.sameBoot(now) {
		return 0, false
	}
	return now.Wall.Sub(s.Wall) - (now.Up - s.Up), true
}

func (s Stamp) sameBoot(now Stamp) bool { return s.Boot != "" && s.Boot == now.Boot }

// Restamp returns s as a stamp of the clock that tells now, and whether that had
// to be said anew: an earlier boot's clock says nothing any more, and a stamp from
// the future counts as now.
func (s Stamp) Restamp(now Stamp) (restamped Stamp, anew bool) {
	if s.Wall.IsZero() || s.Boot == now.Boot && s.Until(now) >= 0 {
		return s, false
	}
	return now.Add(-s.Elapsed(now)), true
}

// Add returns the moment d after s.
func (s Stamp) Add(d time.Duration) Stamp {
	return Stamp{Wall: s.Wall.Add(d), Boot: s.Boot, Up: s.Up + d}
}

// Later is the later of two moments.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Earlier is the earlier of two moments, of which a zero one is none.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// AfterRetry is due, or retryAt if that is later and no further off than
// [LongestRetry].
func AfterRetry(due, retryAt, now time.Time) time.Time {
	if retryAt.Sub(now) > LongestRetry {
		return due
	}
	return Later(due, retryAt)
}
