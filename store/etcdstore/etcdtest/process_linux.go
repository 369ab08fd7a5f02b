package etcdtest

import (
	"os"
	"syscall"
)

// attributes keep a member from getting the signals of the terminal, and from
// outliving a test that was killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func pauseProcess(p *os.Process) error  { return p.Signal(syscall.SIGSTOP) } //nolint:wrapcheck // the caller names the member
func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) } //nolint:wrapcheck // the caller names the member
