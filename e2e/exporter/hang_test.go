//go:build linux

package exporter_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

const (
	// stopped is how long whoever stops the exporter waits for its end.
	stopped = 15 * time.Second
	// setPipeSize is F_SETPIPE_SZ of fcntl(2); a page is the least.
	setPipeSize, pipeSize = 1031, 4096
)

// TestALogThatNobodyReads starts the exporter with a pipe for its log and stops
// reading it. The exporter goes on, and ends in time and well when it is told to,
// though a client does not finish its request either.
func TestALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	reads, writes, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reads.Close()
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, writes.Fd(), setPipeSize, pipeSize); errno != 0 {
		t.Fatal(errno)
	}
	process := exec.CommandContext(context.WithoutCancel(t.Context()), run.Exporter(t),
		"--demo", "--web.enable-task-api", "--web.listen-address=127.0.0.1:0", "--log.level=debug")
	process.Stderr, process.Dir = writes, t.TempDir()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Process.Kill() }()
	_ = writes.Close()
	url := ""
	for lines := bufio.NewScanner(reads); url == "" && lines.Scan(); {
		url, _ = run.Listening(lines.Text())
	}
	if url == "" {
		t.Fatal("it does not listen")
	}

	// Each is logged, and the pipe has no room for ten of them.
	const changes = 200
	for n := range changes {
		send(t, url, fmt.Sprintf("/api/v1/tasks/vod-demo/task-%d", n))
	}
	if _, err := run.Get(t, url+"/-/healthy"); err != nil {
		t.Error(err)
	}
	families, err := parse(scrape(t, url))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := value(families, "prefetch_account_up", map[string]string{"account": "vod-demo"}); !ok || got != 1 {
		t.Errorf("prefetch_account_up is %v", got)
	}

	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "PUT /api/v1/tasks/vod-demo/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1)); err != nil { // it waits for the body
		t.Fatal(err)
	}
	began := time.Now()
	if err := process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
		t.Logf("it ended after %v", time.Since(began).Round(time.Millisecond))
	case <-time.After(stopped):
		t.Errorf("it has not ended %v after SIGTERM", stopped)
	}
}

// send puts a task.
func send(t *testing.T, url, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: stopped}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT %s: %s", path, resp.Status)
	}
}
