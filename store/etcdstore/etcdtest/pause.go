//go:build unix

package etcdtest

import (
	"fmt"
	"os"
	"syscall"
)

// Pause lets the member hang, as a dead disk does: its connections stay open and
// nothing answers.
func (m *Member) Pause() error { return m.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (m *Member) Resume() error { return m.signal(syscall.SIGCONT) }

// signal is for a member that runs.
func (m *Member) signal(s syscall.Signal) error {
	if m.PID() == 0 {
		return fmt.Errorf("etcd member %s: %w", m.Name, os.ErrProcessDone)
	}
	return m.Signal(s)
}
