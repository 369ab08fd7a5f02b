package clock

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// System reads the wall clock and CLOCK_BOOTTIME, which goes on while the
// machine sleeps and is set by nobody.
func System() Clock {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	boot := strings.TrimSpace(string(id))
	if err != nil || boot == "" {
		return Wall(time.Now)
	}
	return func() Stamp {
		s := Stamp{Wall: time.Now()}
		var ts unix.Timespec
		if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) == nil {
			s.Boot, s.Up = boot, time.Duration(ts.Nano())
		}
		return s
	}
}
