package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRestartWhileASourceIsDown watches the tasks of a source that cannot be read
// at the start as they were before, until it can be: then its list counts.
func TestRestartWhileASourceIsDown(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	var answer atomic.Value
	answer.Store(`[{"account": "vod", "id": "settled", "labels": {"title": "launch"}}]`)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, _ := answer.Load().(string)
		if text == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(source.Close)
	folder := t.TempDir()
	config = strings.Split(config, "    tasks:")[0]
	file := writeFile(t, filepath.Join(folder, "config.yml"), config+fmt.Sprintf("task_discovery:\n  http: [{url: %q, refresh_interval: 1s}]\n", source.URL))
	args := []string{"--config.file=" + file, "--storage.path=" + filepath.Join(folder, "data")}
	const info = `prefetch_task_info{account="vod",provider="huaweicloud_vod",task="settled",title="launch"}`
	up := `prefetch_exporter_discovery_up{source="` + source.URL + `"}`

	p := serve(t, args...)
	p.eventually("the task is settled", func() bool {
		return p.metric(`prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="settled"}`) == "1"
	})
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	answer.Store("")
	p = serve(t, args...)
	p.eventually("ready", func() bool { status, _ := p.get("/-/ready"); return status == http.StatusOK })
	if _, body := p.get("/metrics"); metric(body, info) != "1" || metric(body, up) != "0" {
		t.Errorf("%s is %q, %s is %q", info, metric(body, info), up, metric(body, up))
	}
	if _, body := p.get("/api/v1/tasks"); !strings.Contains(body, `"id":"settled","source":"http"`) {
		t.Errorf("the API lists %s", body)
	}
	answer.Store("[]")
	p.eventually("the source's own list counts", func() bool { return p.metric(info) == "" && p.metric(up) == "1" })
}
