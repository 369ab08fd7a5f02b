package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// TestRetry mends a secret while the account pauses, and asks at once.
func TestRetry(t *testing.T) {
	t.Parallel()
	vendor := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: map[string]string{"AKTEST": testSecret}})
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	folder, tasks := t.TempDir(), ""
	for i := range 9 { // four are under way at once, and the second failure in a row is left by another call
		id := fmt.Sprint("task-", i)
		vendor.Submit(simulator.Task{ID: id, Owner: testProject, Created: time.Now(), URLs: []simulator.URLPlan{{URL: "https://example.com/a", Stuck: true}}})
		tasks += fmt.Sprintf("      - id: %s\n", id)
	}
	secret := writeFile(t, filepath.Join(folder, "secret"), "wrong\n")
	file := writeFile(t, filepath.Join(folder, "config.yml"), fmt.Sprintf(`
global: {poll_interval: 30m}
accounts:
  - name: vod
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: AKTEST, secret_key_file: secret}
    tasks:
%s`, server.URL, testProject, tasks))
	p := serve(t, "--config.file="+file, "--storage.path="+filepath.Join(folder, "data"), "--web.enable-lifecycle")
	const up = `prefetch_account_up{account="vod",provider="huaweicloud_vod"}`
	p.eventually("backs off, with no call under way", func() bool {
		_, page := p.get("/tasks")
		failed := p.metric(`prefetch_api_request_failures_total{account="vod",provider="huaweicloud_vod",reason="auth"}`)
		return strings.Contains(page, "/-/retry?account=vod") && failed == fmt.Sprint(vendor.Stats().Calls)
	})

	writeFile(t, secret, testSecret+"\n")
	if status, body := p.do(http.MethodPost, "/-/retry?account=vodd"); status != http.StatusNotFound {
		t.Errorf("an account that does not exist: %d %s", status, body)
	}
	if got := p.metric(up); got != "0" {
		t.Errorf("%s is %q before anybody asked", up, got)
	}
	if status, body := p.do(http.MethodPost, "/-/retry?account=vod"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	p.eventually("all tasks are answered", func() bool {
		// Again, for a call that was on its way to the vendor when it was asked.
		p.do(http.MethodPost, "/-/retry?account=vod")
		return p.metric(`prefetch_account_tasks{account="vod",phase="active",provider="huaweicloud_vod"}`) == "9"
	})
	if got := p.metric(up); got != "1" {
		t.Errorf("%s is %q", up, got)
	}
}

func TestRetryNeedsTheFlag(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir())
	if status, _ := p.do(http.MethodPost, "/-/retry"); status != http.StatusForbidden {
		t.Errorf("without --web.enable-lifecycle: %d, want 403", status)
	}
}
