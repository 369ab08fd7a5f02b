package exporter_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

var soakTime = flag.Duration("soak.time", 30*time.Second, "how long TestSoak uses the exporter; memory is judged from 10m on")

const (
	// soakSettling is how long until as many tasks end as begin.
	soakSettling = 15 * time.Second
	soakRetained = 5 * time.Second
	soakSecret   = "soak-secret"
)

// resources are what a process uses that may leak.
type resources struct{ memory, goroutines, files float64 }

func (r resources) String() string {
	return fmt.Sprintf("%.1f MiB, %.0f goroutines, %.0f files", r.memory/(1<<20), r.goroutines, r.files)
}

// TestSoak puts a task a second through the task API and scrapes as often, and
// expects that the exporter uses no more at the end than when as many tasks ended
// as began.
func TestSoak(t *testing.T) {
	t.Parallel()
	vendor := simhuaweicloud.New(simhuaweicloud.Options{
		Quota: simulator.Quota{Calls: 20, Per: time.Second}, AccessKeys: map[string]string{"AKSOAK": soakSecret},
	})
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "config.yml")
	err := os.WriteFile(config, fmt.Appendf(nil, `
global: {poll_interval: 1s, retention: %v}
accounts:
  - name: vod
    rate_limit: {calls: 20, per: 1s}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: AKSOAK, secret_key: %s}
`, soakRetained, server.URL, crashOwner, soakSecret), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := run.Start(t, run.Exporter(t), "--config.file="+config, "--web.listen-address="+run.FreeAddress(t, "127.0.0.2"), "--web.enable-task-api")

	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var first, middle, last resources
	for n := 0; time.Since(p.Started) < *soakTime; n++ {
		id := fmt.Sprintf("task-%d", n)
		vendor.Submit(simulator.Task{ID: id, Owner: crashOwner, URLs: soakURLs(id)})
		putTask(t, p.URL+"/api/v1/tasks/vod/"+id)
		for _, path := range []string{"/tasks", "/api/v1/tasks", "/api/v1/accounts", "/-/ready"} {
			if _, err := run.Get(t, p.URL+path); err != nil {
				t.Fatal(err)
			}
		}
		last = resourcesOf(t, scrape(t, p.URL))
		switch used := time.Since(p.Started); {
		case used < soakSettling:
			first = last
		case used < (soakSettling+*soakTime)/2:
			middle = last
		}
		<-ticker.C
	}
	t.Logf("over %v, %d calls: first %v; middle %v; last %v", *soakTime, vendor.Stats().Calls, first, middle, last)
	if over := vendor.Stats().OverQuota; over != 0 {
		t.Errorf("%d calls over the quota", over)
	}
	const spare = 8 // a scrape and some connections may be under way
	if last.goroutines > first.goroutines+spare || last.files > first.files+spare {
		t.Errorf("from %v to %v", first, last)
	}
	const judged, most = 10 * time.Minute, 1.3
	if *soakTime >= judged && last.memory > most*middle.memory {
		t.Errorf("memory went from %v to %v", middle, last)
	}
}

func soakURLs(id string) []simulator.URLPlan {
	urls := make([]simulator.URLPlan, 10)
	for i := range urls {
		urls[i] = simulator.URLPlan{URL: fmt.Sprintf("https://example.com/%s/%d", id, i), Fetch: time.Duration(i) * time.Second / 2, Fails: i == 0}
	}
	return urls
}

func putTask(t *testing.T, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader([]byte("{}")))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT %s: %s", url, resp.Status)
	}
}

// resourcesOf reads what the exporter says of itself.
func resourcesOf(t *testing.T, exposition []byte) resources {
	t.Helper()
	families, err := parse(exposition)
	if err != nil {
		t.Fatal(err)
	}
	var r resources
	for name, to := range map[string]*float64{
		"process_resident_memory_bytes": &r.memory, "go_goroutines": &r.goroutines, "process_open_fds": &r.files,
	} {
		var ok bool
		if *to, ok = value(families, name, nil); !ok {
			t.Fatalf("no %s", name)
		}
	}
	return r
}
