package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestOneTaskFromAllSources lists one task in the configuration, in a file, at a
// URL and through the API: it is one task, and it stays until the last source
// drops it.
func TestOneTaskFromAllSources(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"targets": ["settled"], "labels": {"account": "vod", "title": "by HTTP"}}]`)
	}))
	t.Cleanup(source.Close)
	folder := t.TempDir()
	listed := writeFile(t, filepath.Join(folder, "tasks.yml"), "[{account: vod, id: settled, labels: {title: by file}}]")
	discovery := fmt.Sprintf("task_discovery:\n  files: [%q]\n  http: [{url: %q}]\n", folder+"/*.yml", source.URL)
	file := writeFile(t, filepath.Join(folder, "config.yaml"), config+"        labels: {title: by config}\n"+discovery)

	p := serve(t, "--config.file="+file, "--storage.path="+filepath.Join(folder, "data"), "--web.enable-lifecycle", "--web.enable-task-api")
	info := func(title string) string {
		return `prefetch_task_info{account="vod",provider="huaweicloud_vod",task="settled",title="` + title + `"}`
	}
	shows := func(title string) {
		t.Helper()
		p.eventually("the task is shown as "+title+" and once", func() bool {
			_, body := p.get("/metrics")
			return metric(body, info(title)) == "1" && strings.Count(body, "\nprefetch_task_info{") == 1
		})
	}
	put := func() {
		t.Helper()
		status, body := p.send(http.MethodPut, "/api/v1/tasks/vod/settled", `{"labels": {"title": "by API"}}`)
		if status != http.StatusCreated && status != http.StatusOK {
			t.Fatalf("PUT: %d %s", status, body)
		}
	}
	put()
	p.eventually("the HTTP source is read", func() bool {
		return p.metric(`prefetch_exporter_discovery_up{source="`+source.URL+`"}`) == "1"
	})
	shows("by config")
	if status, _ := p.do(http.MethodDelete, "/api/v1/tasks/vod/settled"); status != http.StatusConflict {
		t.Errorf("DELETE while others list it: %d, want 409", status)
	}
	writeFile(t, file, strings.Split(config, "    tasks:")[0]+discovery)
	if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	shows("by file")
	writeFile(t, listed, "[]")
	shows("by HTTP")
	writeFile(t, file, strings.Split(config, "    tasks:")[0])
	if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	shows("by API")
	if status, _ := p.do(http.MethodDelete, "/api/v1/tasks/vod/settled"); status != http.StatusNoContent {
		t.Errorf("DELETE of the last: %d, want 204", status)
	}
	// Gone at the next scrape, not later.
	if _, body := p.get("/metrics"); strings.Contains(body, `task="settled"`) {
		t.Error("the deleted task is still shown")
	}
}

func TestRestartKeepsTasksOfTheAPI(t *testing.T) {
	t.Parallel()
	vendor, config := huaweiVendor(t)
	file, data := writeFile(t, "config.yml", strings.Split(config, "    tasks:")[0]), t.TempDir()
	args := []string{"--config.file=" + file, "--storage.path=" + data, "--web.enable-task-api"}
	const settled = `prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="settled"}`
	p := serve(t, args...)
	if status, body := p.send(http.MethodPut, "/api/v1/tasks/vod/settled", "{}"); status != http.StatusCreated {
		t.Fatalf("PUT: %d %s", status, body)
	}
	p.eventually("the task is settled", func() bool { return p.metric(settled) == "1" })
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = serve(t, args...)
	p.eventually("ready", func() bool { status, _ := p.get("/-/ready"); return status == http.StatusOK })
	_, body := p.get("/metrics")
	for series, want := range map[string]string{
		settled: "1",
		`prefetch_account_up{account="vod",provider="huaweicloud_vod"}`:                      "1",
		`prefetch_api_requests_total{account="vod",provider="huaweicloud_vod",query="task"}`: "0",
	} {
		if got := metric(body, series); got != want {
			t.Errorf("after the restart %s is %q, want %q", series, got, want)
		}
	}
	if calls := vendor.Stats().Calls; calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

// TestReloadStorm reloads a thousand times, a third of them with a broken file,
// while others scrape.
func TestReloadStorm(t *testing.T) { //nolint:paralleltest // it counts the goroutines of this process
	const reloads, scrapers = 1000, 4
	vendor, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir(), "--web.enable-lifecycle", "--web.enable-pprof")
	const settled = `prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="settled"}`
	p.eventually("the task is settled", func() bool { return p.metric(settled) == "1" })
	before := runtime.NumGoroutine()

	stop := make(chan struct{})
	var scraping sync.WaitGroup
	for range scrapers {
		scraping.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, body := p.get("/metrics"); metric(body, settled) != "1" {
					t.Error("a scrape during a reload shows a hole")
					return
				}
			}
		})
	}
	versions := []string{config, strings.Replace(config, "per: 1h", "per: 2h", 1), config + "broken: [\n"}
	for n := range reloads {
		version := n % len(versions)
		writeFile(t, file, versions[version])
		want := http.StatusOK
		if version == len(versions)-1 {
			want = http.StatusInternalServerError
		}
		if status, body := p.do(http.MethodPost, "/-/reload"); status != want {
			t.Fatalf("reload %d: %d %s, want %d", n, status, body, want)
		}
	}
	close(stop)
	scraping.Wait()
	p.client.CloseIdleConnections()
	p.eventually("no goroutines are left over", func() bool { return runtime.NumGoroutine() <= before+scrapers })
	if calls := vendor.Stats().Calls; calls != 1 {
		t.Errorf("%d calls, want 1: reloads cost none", calls)
	}
}

func TestHangupReloads(t *testing.T) { //nolint:paralleltest // every exporter of this process gets the signal
	_, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir())
	writeFile(t, file, config+"      - id: second\n")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.eventually("the changed file is in force", func() bool {
		return p.metric(`prefetch_account_tasks{account="vod",phase="pending",provider="huaweicloud_vod"}`) == "1"
	})
}

// send sends a request with a body.
func (p *process) send(method, path, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewBufferString(body))
	if err != nil {
		p.t.Fatal(err)
	}
	return p.answer(req)
}
