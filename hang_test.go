//go:build unix

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"prefetch_exporter/exporter"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// stopped is how long whoever stops the program waits for its end.
const stopped = 15 * time.Second

// stopsInTime stops the program, which must end without an error whatever hangs.
func (p *process) stopsInTime() {
	p.t.Helper()
	began := time.Now()
	if err := p.stop(); err != nil {
		p.t.Errorf("stopped with %v", err)
	}
	if took := time.Since(began); took >= stopped {
		p.t.Errorf("it took %v to stop, want less than %v", took, stopped)
	}
}

// within fails the test unless f returns in time.
func (p *process) within(limit time.Duration, what string, f func()) {
	p.t.Helper()
	began := time.Now()
	if f(); time.Since(began) > limit {
		p.t.Errorf("%s took %v, want at most %v", what, time.Since(began), limit)
	}
}

// A disk that hangs holds up no scrape, no client of the task API for longer than
// ten seconds, no reload for ever, and not the end of the program.
func TestADiskThatHangs(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	var disk sync.RWMutex // held while it hangs
	p := serveWith(t, func(o *exporter.Options) {
		o.BeforeCommit = func() {
			disk.RLock()
			defer disk.RUnlock()
		}
	}, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(), "--web.enable-task-api", "--web.enable-lifecycle")
	put := func(id string) int {
		status, _ := p.do(http.MethodPut, "/api/v1/tasks/vod/"+id)
		return status
	}
	p.eventually("settled", func() bool {
		return p.metric(`prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="settled"}`) == "1"
	})
	if status := put("before"); status != http.StatusCreated {
		t.Fatalf("PUT: %d", status)
	}
	disk.Lock()
	t.Cleanup(func() { disk.Unlock() })

	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			p.within(12*time.Second, "PUT", func() {
				if status := put(fmt.Sprintf("task-%d", i)); status != http.StatusServiceUnavailable {
					t.Errorf("PUT while the disk hangs: %d", status)
				}
			})
		})
	}
	clients.Go(func() {
		p.within(20*time.Second, "a reload", func() { p.do(http.MethodPost, "/-/reload") })
	})
	const errors = `prefetch_exporter_store_errors_total{reason="write"}`
	for range 20 {
		p.within(5*time.Second, "a scrape", func() { p.metric(errors) })
	}
	clients.Wait()
	if n := p.metric(errors); n == "0" {
		t.Error("no error of the store is counted")
	}
	if n := strings.Count(p.stderr.String(), "Writing to the store fails"); n != 1 {
		t.Errorf("the log says %d times that writing fails", n)
	}
	p.within(2*time.Second, "PUT later", func() {
		if status := put("later"); status != http.StatusServiceUnavailable {
			t.Errorf("PUT later: %d", status)
		}
	})
	p.stopsInTime()
}

// A log that nobody reads holds up neither calls nor scrapes nor the end of the
// program; what does not fit is counted, and the log says so when it is read again.
func TestALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	vendor := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: map[string]string{"AKTEST": testSecret}})
	vendor.Submit(simulator.Task{
		ID: "running", Owner: testProject, Created: time.Now(), URLs: []simulator.URLPlan{{URL: "https://example.com/a", Wait: time.Hour}},
	})
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	config := fmt.Sprintf(`
global: {poll_interval: 100ms}
accounts:
  - name: vod
    rate_limit: {calls: 100, per: 1s}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: AKTEST, secret_key: %s}
    tasks: [{id: running}]
`, server.URL, testProject, testSecret)
	// Every error names the file, so a long path fills the queue soon.
	folder := filepath.Join(t.TempDir(), strings.Repeat(strings.Repeat("long", 60)+"/", 8))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, filepath.Join(folder, "config.yml"), config)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir(), "--web.enable-lifecycle")
	p.stderr.unread.Lock()
	// A reload of a broken file is logged with all that is wrong.
	writeFile(t, file, config+strings.Repeat("nonsense: {}\n", 30))
	const dropped = "prefetch_exporter_log_messages_dropped_total"
	p.eventually("lines are dropped", func() bool {
		p.do(http.MethodPost, "/-/reload")
		return p.metric(dropped) != "0"
	})
	calls := vendor.Stats().Calls
	p.eventually("calls go on", func() bool { return vendor.Stats().Calls > calls+3 })
	p.stderr.unread.Unlock()
	p.eventually("the log tells", func() bool { return strings.Contains(p.stderr.String(), "lines of the log were dropped") })
	p.stderr.unread.Lock()
	defer p.stderr.unread.Unlock()
	p.stopsInTime()
}

// A client that does not send what it announced is let go at the end.
func TestAClientThatHangsAtTheEnd(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(), "--web.enable-task-api")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "PUT /api/v1/tasks/vod/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1)); err != nil { // it waits for the body
		t.Fatal(err)
	}
	p.stopsInTime()
}

// A file that cannot be read to its end keeps neither a reload nor a start from
// ending.
func TestAConfigurationThatHangs(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir(), "--web.enable-lifecycle")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	// Whoever opens it to read waits for somebody who writes.
	t.Cleanup(func() {
		if w, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = w.Close()
		}
	})
	if err := os.Rename(pipe, file); err != nil {
		t.Fatal(err)
	}
	pipe = file
	p.within(20*time.Second, "a reload", func() {
		if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusInternalServerError || !strings.Contains(body, "hang") {
			t.Errorf("a reload: %d %s", status, body)
		}
	})
	p.stopsInTime()

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var stdout, stderr output
	began := time.Now()
	if err := run(ctx, []string{"--config.file=" + file, "--storage.path=" + t.TempDir()}, &stdout, &stderr); err != nil {
		t.Errorf("a start that is given up: %v", err)
	}
	if took := time.Since(began); took > time.Second+stopped {
		t.Errorf("a start that was given up took %v", took)
	}
}
