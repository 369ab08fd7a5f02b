//go:build unix && !linux

package programtest

import "syscall"

// attributes of every process: Ctrl-C in a terminal reaches only the program that
// started it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
