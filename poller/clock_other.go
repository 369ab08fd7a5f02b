//go:build !linux

package poller

import "time"

// SystemClock reads the wall clock: no boot clock is known on this system.
func SystemClock() Clock { return WallClock(time.Now) }
