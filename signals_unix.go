//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreFileSizeLimit keeps a file size limit (LimitFSIZE) from ending the
// program: the store counts the write that failed, and goes on.
func ignoreFileSizeLimit() { signal.Ignore(syscall.SIGXFSZ) }
