package etcdtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Member is one etcd server.
type Member struct {
	// Name is m0, m1, m2.
	Name string

	binary, folder       string
	client, peer, status string // URLs
	flags                []string

	mutex   sync.Mutex
	process *process // nil unless it runs
}

// process is a run of a member.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // after ended
}

// errNotRunning: a member that was killed gets no signals.
var errNotRunning = errors.New("etcd member does not run")

// Endpoint returns the member's address for clients.
func (m *Member) Endpoint() string { return m.client }

func (m *Member) data() string { return filepath.Join(m.folder, "data") }

func (m *Member) logFile() string { return filepath.Join(m.folder, "log") }

// Start runs the member, also again after it was killed. It does not wait until
// the member is ready: see [Cluster.WaitReady].
func (m *Member) Start() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.process != nil {
		return fmt.Errorf("etcd member %s runs already", m.Name)
	}
	if err := os.MkdirAll(m.folder, 0o700); err != nil {
		return fmt.Errorf("folder of etcd member %s: %w", m.Name, err)
	}
	log, err := os.OpenFile(m.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of etcd member %s: %w", m.Name, err)
	}
	p := &process{cmd: exec.Command(m.binary, m.flags...), ended: make(chan struct{})} //nolint:gosec,noctx // it outlives calls
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = log, log, attributes()
	started := make(chan error)
	go func() {
		// The system ends a child with the thread that made it, see attributes.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting etcd member %s: %w", m.Name, err)
	}
	m.process = p
	return nil
}

// Kill ends the member at once, as a loss of power does. One that does not run is
// no error.
func (m *Member) Kill() error {
	const patience = 20 * time.Second
	m.mutex.Lock()
	defer m.mutex.Unlock()
	p := m.process
	if p == nil {
		return nil
	}
	m.process = nil
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending etcd member %s: %w", m.Name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("etcd member %s did not end in %v", m.Name, patience)
	}
}

// Pause lets the member hang, as a dead disk does: its connections stay open and
// nothing answers.
func (m *Member) Pause() error { return m.signal(pauseProcess) }

// Resume lets it go on.
func (m *Member) Resume() error { return m.signal(resumeProcess) }

func (m *Member) signal(send func(*os.Process) error) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.process == nil {
		return fmt.Errorf("%s: %w", m.Name, errNotRunning)
	}
	if err := send(m.process.cmd.Process); err != nil {
		return fmt.Errorf("signal to etcd member %s: %w", m.Name, err)
	}
	return nil
}

// running says whether the member runs, and why it ended if it did by itself.
func (m *Member) running() (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.process == nil {
		return false, nil
	}
	select {
	case <-m.process.ended:
		return false, fmt.Errorf("etcd member %s ended: %w", m.Name, m.process.err)
	default:
		return true, nil
	}
}

// PID is the member's process id; 0 if it does not run.
func (m *Member) PID() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.process == nil {
		return 0
	}
	return m.process.cmd.Process.Pid
}

// Ended is closed when the process that was started last has ended, also by
// others; it is nil after [Member.Kill].
func (m *Member) Ended() <-chan struct{} {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.process == nil {
		return nil
	}
	return m.process.ended
}

// waitReady returns when the member knows of a leader, or does not run.
func (m *Member) waitReady(ctx context.Context) error {
	for {
		if running, err := m.running(); !running {
			return err
		}
		if value, err := m.Metric(ctx, "etcd_server_has_leader"); err == nil && value == 1 {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("etcd member %s has no leader: %w", m.Name, err)
		}
	}
}

// Metric returns the sum of a metric's series, as the member itself tells it: it
// needs neither a quorum nor a user.
func (m *Member) Metric(ctx context.Context, name string) (float64, error) {
	const limit = time.Second // a member that is paused does not answer
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.status+"/metrics", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("metrics of %s: %w", m.Name, err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, fmt.Errorf("metrics of %s: %w", m.Name, err)
	}
	defer func() { _ = response.Body.Close() }()
	sum := 0.0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if series, _, _ = strings.Cut(series, "{"); series != name {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s of %s: %w", name, m.Name, err)
		}
		sum += number
	}
	return sum, nil
}

// log returns the end of the member's log.
func (m *Member) log() string {
	const most = 4096
	text, err := os.ReadFile(m.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
