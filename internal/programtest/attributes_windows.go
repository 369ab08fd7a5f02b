package programtest

import "syscall"

// attributes of every process: there are no process groups to leave.
func attributes() *syscall.SysProcAttr { return nil }
