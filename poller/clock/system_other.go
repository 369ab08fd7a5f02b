//go:build !linux

package clock

import "time"

// System reads the wall clock: no boot clock is known on this system.
func System() Clock { return Wall(time.Now) }
