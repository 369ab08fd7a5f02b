package programtest

import "syscall"

// attributes of every process: Ctrl-C in a terminal reaches only the program that
// started it, and it ends when that does, however that may be.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
