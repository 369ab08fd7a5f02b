package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout bounds how long a program may take to listen, and to answer.
	startTimeout = 30 * time.Second
	// stopTimeout bounds how long it may take to end after SIGTERM.
	stopTimeout = 30 * time.Second
	// pollInterval is how often a condition is looked at.
	pollInterval = 100 * time.Millisecond
)

// Output collects what a program writes, while it is read.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p) //nolint:wrapcheck // never an error
}

// String is everything that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Process is a program that serves HTTP on a free port of the loopback.
type Process struct {
	// Name is that of its file.
	Name    string
	Started time.Time
	// URL is where it listens, without a slash at the end.
	URL string
	// Log is what it wrote to standard error, and Out to standard output.
	Log, Out Output

	cmd   *exec.Cmd
	ended chan struct{}
}

// listening finds the address in the line that exporter-toolkit logs, which the
// exporter, Prometheus and Alertmanager share.
var listening = regexp.MustCompile(`msg="Listening on"(?: component=web)? address=(127\.0\.0\.[12]:\d+)`)

// Listening returns where a program that logged this listens, without a slash at
// the end; false if it does not listen yet.
func Listening(log string) (url string, ok bool) {
	found := listening.FindStringSubmatch(log)
	if found == nil {
		return "", false
	}
	return "http://" + found[1], true
}

// Start runs a program until the test ends and waits until it listens. Then it
// gets a SIGTERM, and must end without an error. The program must have been told
// to listen on the loopback. What it logs until the test ends is to be read
// before, for it may mention its end as a warning.
func Start(t *testing.T, path string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: filepath.Base(path), ended: make(chan struct{})}
	// The test's context ends before its cleanup begins.
	//nolint:gosec // tests name the programs
	p.cmd = exec.CommandContext(t.Context(), path, args...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTimeout
	p.cmd.Stderr, p.cmd.Stdout = &p.Log, &p.Out
	p.cmd.Dir = t.TempDir()
	p.Started = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.Name, err)
	}
	go func() {
		// How it ended is in ProcessState; Wait reports the test's end too.
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		<-p.ended
		if !p.cmd.ProcessState.Success() {
			t.Errorf("%s did not end well: %v", p.Name, p.cmd.ProcessState)
		}
		if t.Failed() {
			t.Logf("%s logged:\n%s", p.Name, p.Log.String())
		}
	})
	Eventually(t, startTimeout, p.Name+" listens", func() error {
		select {
		case <-p.ended:
			t.Fatalf("%s ended before it listened: %v", p.Name, p.cmd.ProcessState)
		default:
		}
		url, ok := Listening(p.Log.String())
		if !ok {
			return errors.New("no address in its log")
		}
		p.URL = url
		return nil
	})
	return p
}

// Eventually calls condition until it returns nil, and fails the test with its
// last error if that takes too long.
func Eventually(t *testing.T, timeout time.Duration, what string, condition func() error) {
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

// Get returns the body of an answer 200; every other one is an error, with the
// body beside it.
func Get(t testing.TB, url string) ([]byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	client := http.Client{Timeout: startTimeout}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return body, fmt.Errorf("%s: HTTP %d: %s", url, resp.StatusCode, body)
	}
	return body, nil
}

// FreeAddress returns an address of the loopback that nobody listened on a moment ago.
// host is one of 127.0.0.0/8, all of which is the loopback on Linux. It is not
// 127.0.0.1, where another test could be given the same port before it is used: with
// one of its own, a program finds its port free again when it is restarted.
func FreeAddress(t testing.TB, host string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
