package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestEndedTasksOfTheAPIAreForgotten puts a task that settles and one that the
// vendor is never asked for, and waits until the first is forgotten.
func TestEndedTasksOfTheAPIAreForgotten(t *testing.T) {
	t.Parallel()
	vendor, config := huaweiVendor(t)
	config = "global: {retention: 1s}\n" + strings.Split(config, "    tasks:")[0]
	args := []string{"--config.file=" + writeFile(t, "config.yml", config), "--storage.path=" + t.TempDir(), "--web.enable-task-api"}
	const ended, live = "/api/v1/tasks/vod/settled", "/api/v1/tasks/vod/live"
	p := serve(t, args...)
	put := func(path string) {
		t.Helper()
		status, body := p.do(http.MethodPut, path)
		if status != http.StatusCreated || !strings.Contains(body, `"phase":"pending"`) {
			t.Errorf("PUT %s: %d %s, want a new task", path, status, body)
		}
	}
	put(ended)
	p.eventually("the vendor was asked", func() bool { return vendor.Stats().Calls == 1 })
	put(live)
	settled := false
	p.eventually("the settled task is forgotten", func() bool {
		status, body := p.get(ended)
		is := strings.Contains(body, `"settled":true`)
		// Until then it is shown as it ended, and never again as one to be asked for.
		if settled && !is && status != http.StatusNotFound {
			t.Fatalf("after it was settled: %d %s", status, body)
		}
		settled = is
		return status == http.StatusNotFound
	})
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	p = serve(t, args...)
	p.eventually("ready", func() bool { status, _ := p.get("/-/ready"); return status == http.StatusOK })
	if status, body := p.get(live); status != http.StatusOK {
		t.Errorf("the other task after a restart: %d %s", status, body)
	}
	if status, body := p.get(ended); status != http.StatusNotFound {
		t.Errorf("the forgotten task after a restart: %d %s", status, body)
	}
	put(ended)
}
