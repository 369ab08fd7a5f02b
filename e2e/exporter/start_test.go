package exporter_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// BenchmarkStart measures how long the exporter takes until it is ready, and
// how much anonymous memory it then has for a task, with settled tasks in the
// store. The file that the store maps is not counted: the kernel takes it back
// when it wants.
//
//	cd e2e && go test -run '^$' -bench Start -benchtime 5x ./exporter
func BenchmarkStart(b *testing.B) {
	program := filepath.Join(b.TempDir(), "prefetch_exporter")
	build := exec.CommandContext(b.Context(), "go", "build", "-o", program, ".")
	build.Dir = run.Repository
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build the exporter: %v\n%s", err, out)
	}
	empty := 0.0
	sizes := []int{0, 10_000}
	if testing.Short() {
		sizes = []int{0, 100}
	}
	for _, tasks := range sizes {
		b.Run(fmt.Sprintf("%d tasks", tasks), func(b *testing.B) {
			site := newStartSite(b, program, tasks)
			site.run(b, tasks) // fills the store
			var took time.Duration
			memory := 0.0
			for b.Loop() {
				t, m := site.run(b, tasks)
				took += t
				memory += m
			}
			memory /= float64(b.N)
			b.ReportMetric(took.Seconds()/float64(b.N), "s/start")
			b.ReportMetric(memory/1024, "KiB")
			if tasks == 0 {
				empty = memory
			} else {
				b.ReportMetric((memory-empty)/float64(tasks), "B/task")
			}
		})
	}
}

func startID(n int) string { return fmt.Sprintf("8ff1d0f7b2b04bd8b4b6b9f2%08x", n) }

type startSite struct {
	vendor  *simhuaweicloud.Server
	program string
	args    []string
}

func newStartSite(b *testing.B, program string, tasks int) *startSite {
	b.Helper()
	const urls = 20
	vendor := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: map[string]string{"AKSTART": crashSecret}})
	server := httptest.NewServer(vendor)
	b.Cleanup(server.Close)
	plans := make([]simulator.URLPlan, urls)
	for i := range plans {
		plans[i].URL = fmt.Sprintf("https://video.example.com/launch/title/stream_%02d/segment.m3u8", i)
	}
	var listed strings.Builder
	for n := range tasks {
		id := startID(n)
		fmt.Fprintf(&listed, "- {account: vod, id: %q, labels: {title: launch}}\n", id)
		vendor.Submit(simulator.Task{ID: id, Owner: crashOwner, Created: time.Now().Add(-time.Hour), URLs: plans})
	}
	folder := b.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	if tasks == 0 {
		listed.WriteString("[]")
	}
	write("tasks.yml", listed.String())
	config := write("config.yaml", fmt.Sprintf(`
global: {task_limit: 20000}
accounts:
  - name: vod
    rate_limit: {calls: 200, per: 100ms}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: AKSTART, secret_key: %s}
task_discovery: {files: [tasks.yml]}
`, server.URL, crashOwner, crashSecret))
	return &startSite{vendor, program, []string{
		"--config.file=" + config, "--storage.path=" + filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0",
	}}
}

// run starts the exporter, waits until it shows every task as settled, and stops
// it. It returns how long it took to be ready, and its anonymous memory in bytes.
func (s *startSite) run(b *testing.B, tasks int) (ready time.Duration, memory float64) {
	b.Helper()
	process := exec.CommandContext(context.WithoutCancel(b.Context()), s.program, s.args...)
	log := &run.Output{}
	process.Stderr = log
	began := time.Now()
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		if err := process.Wait(); err != nil {
			b.Errorf("the exporter did not end well: %v\n%s", err, log)
		}
	}()
	url := ""
	wait(b, func() bool {
		found, ok := run.Listening(log.String())
		url = found
		return ok
	})
	wait(b, func() bool { _, err := run.Get(b, url+"/-/ready"); return err == nil })
	ready = time.Since(began)
	// A scrape would cost memory of its own: the vendor tells when the store
	// is full, and a look at the last task that it is there.
	wait(b, func() bool { return s.vendor.Stats().Calls >= tasks })
	if tasks > 0 {
		wait(b, func() bool {
			body, err := run.Get(b, url+"/api/v1/tasks/vod/"+startID(tasks-1))
			return err == nil && bytes.Contains(body, []byte(`"settled":true`))
		})
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.Process.Pid))
	if err != nil {
		b.Skipf("memory is read from /proc: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(kib)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			memory = n * 1024
		}
	}
	return ready, memory
}

// wait waits for a condition, a little at a time so that it tells when.
func wait(b *testing.B, condition func() bool) {
	b.Helper()
	const step, limit = 5 * time.Millisecond, 5 * time.Minute
	timeout := time.After(limit)
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-timeout:
			b.Fatalf("not within %v", limit)
		}
	}
}
