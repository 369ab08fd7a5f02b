package programtest

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Program can be killed, stopped, woken, and started again with the same arguments. It
// ends with whoever runs it, and is safe for concurrent use.
type Program struct {
	// Name tells it apart from others; LogFile is where its output goes, that of
	// every life behind that of the last.
	Name, LogFile string

	path string
	args []string

	mu   sync.Mutex
	life *life
}

// life is a process from its start to its end.
type life struct {
	process *os.Process
	ended   chan struct{}
	state   *os.ProcessState // how it ended, once ended is closed
}

// New returns a program that does not run yet.
func New(name, logFile, path string, args ...string) *Program {
	return &Program{Name: name, LogFile: logFile, path: path, args: args}
}

// Start starts it. It is an error if it runs.
func (p *Program) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != nil && !p.life.over() {
		return fmt.Errorf("%s runs already", p.Name)
	}
	log, err := os.OpenFile(p.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("log of %s: %w", p.Name, err)
	}
	cmd := exec.Command(p.path, p.args...) //nolint:gosec,noctx // callers name the programs, and end them
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	l := &life{ended: make(chan struct{})}
	go func() {
		defer log.Close()
		// The kernel ends it with the thread that started it, see attributes.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		l.process = cmd.Process
		started <- nil
		_ = cmd.Wait() // how it ended is in its state
		l.state = cmd.ProcessState
		close(l.ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.life = l
	return nil
}

// PID is the process id; 0 if it does not run.
func (p *Program) PID() int {
	l := p.current()
	if l == nil || l.over() {
		return 0
	}
	return l.process.Pid
}

// Ended is closed when the present life has ended; nil before the first start, and
// after [Program.Kill] and [Program.Terminate].
func (p *Program) Ended() <-chan struct{} {
	l := p.current()
	if l == nil {
		return nil
	}
	return l.ended
}

// Lost is how it ended by itself; nil if it runs, or was not meant to.
func (p *Program) Lost() error {
	l := p.current()
	if l == nil || !l.over() {
		return nil
	}
	return fmt.Errorf("%s ended: %v", p.Name, l.state)
}

// Signal sends it a signal; one that does not run gets none.
func (p *Program) Signal(s syscall.Signal) error {
	l := p.current()
	if l == nil {
		return nil
	}
	if err := l.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %v to %s: %w", s, p.Name, err)
	}
	return nil
}

// Kill ends it at once, also if it is stopped, and waits for its end.
func (p *Program) Kill() error { return p.end(syscall.SIGKILL, math.MaxInt64) }

// end asks it by a signal to end and waits for it. One that has not ended within limit
// is killed, which is an error.
func (p *Program) end(s syscall.Signal, limit time.Duration) error {
	l := p.current()
	if l == nil {
		return nil
	}
	if err := p.Signal(s); err != nil {
		return err
	}
	select {
	case <-l.ended:
	case <-time.After(limit):
		return errors.Join(fmt.Errorf("%s did not end within %v of %v", p.Name, limit, s), p.Kill())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == l {
		p.life = nil
	}
	return nil
}

// Terminate asks it to end and waits for it. One that has not ended within limit is
// killed, which is an error like an exit status that is not 0.
func (p *Program) Terminate(limit time.Duration) error {
	l := p.current()
	if l == nil || l.over() {
		return nil
	}
	if err := p.end(syscall.SIGTERM, limit); err != nil {
		return err
	}
	if !l.state.Success() {
		return fmt.Errorf("%s did not end well: %v", p.Name, l.state)
	}
	return nil
}

func (p *Program) current() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life
}

func (l *life) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}
