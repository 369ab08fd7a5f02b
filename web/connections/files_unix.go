//go:build unix

package connections

import (
	"math"
	"syscall"
)

// openFiles is how many files the process may have open; false if nobody knows.
func openFiles() (n int, ok bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(limit.Cur, math.MaxInt32)), true
}
