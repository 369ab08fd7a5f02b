package exporter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout bounds how long a program may take to listen.
	startTimeout = 30 * time.Second
	// stopTimeout bounds how long it may take to end after SIGTERM.
	stopTimeout = 30 * time.Second
	// pollInterval is how often a condition is looked at.
	pollInterval = 100 * time.Millisecond
	// repository is the exporter's folder, as seen from this one.
	repository = "../.."
)

// program is the exporter, built once with the race detector, which lets it end
// with an error if it sees a race.
var program = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs(filepath.Join(repository, ".build", "e2e", "prefetch_exporter"))
	if err != nil {
		return "", fmt.Errorf("where to put the program: %w", err)
	}
	build := exec.CommandContext(context.Background(), "go", "build", "-race", "-o", path, ".")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the exporter: %w\n%s", err, out)
	}
	return path, nil
})

// buildExporter returns the path of the exporter's program.
func buildExporter(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// output collects what a program writes, while it is read.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a program that serves HTTP on a free port of the loopback.
type process struct {
	name    string
	started time.Time
	url     string
	// log is what it wrote to standard error, and out to standard output.
	log, out output

	cmd   *exec.Cmd
	ended chan struct{}
}

// listening finds the address in the line that exporter-toolkit logs, which the
// exporter and Prometheus share.
var listening = regexp.MustCompile(`msg="Listening on" address=(127\.0\.0\.1:\d+)`)

// start runs a program until the test ends and waits until it listens. Then it
// gets a SIGTERM, and must end without an error. The program must have been told
// to listen on the loopback.
func start(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(path), ended: make(chan struct{})}
	// The test's context ends before its cleanup begins.
	p.cmd = exec.CommandContext(t.Context(), path, args...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTimeout
	p.cmd.Stderr, p.cmd.Stdout = &p.log, &p.out
	p.cmd.Dir = t.TempDir()
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		// How it ended is in ProcessState; Wait reports the test's end too.
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		<-p.ended
		if !p.cmd.ProcessState.Success() {
			t.Errorf("%s did not end well: %v", p.name, p.cmd.ProcessState)
		}
		if t.Failed() {
			t.Logf("%s logged:\n%s", p.name, p.log.String())
		}
	})
	eventually(t, startTimeout, p.name+" listens", func() error {
		select {
		case <-p.ended:
			t.Fatalf("%s ended before it listened: %v", p.name, p.cmd.ProcessState)
		default:
		}
		found := listening.FindStringSubmatch(p.log.String())
		if found == nil {
			return errors.New("no address in its log")
		}
		p.url = "http://" + found[1]
		return nil
	})
	return p
}

// eventually calls condition until it returns nil, and fails the test with its
// last error if that takes too long.
func eventually(t *testing.T, timeout time.Duration, what string, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s: %v", timeout, what, err)
		case <-ticker.C:
		}
	}
}
