package exporter_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	crashes = 100
	// longestLife is how long a process lives at most before it is killed: some
	// are killed while they start, some after many calls.
	shortestLife = 20 * time.Millisecond
	longestLife  = 700 * time.Millisecond

	crashTasks  = 8 // at each vendor
	crashURLs   = 10
	crashSecret = "crash-secret"
	crashOwner  = "0123456789abcdef0123456789abcdef"
)

// crashSite is both vendors, and an exporter that is killed again and again.
type crashSite struct {
	vod     *simhuaweicloud.Server
	edge    *simcdnetworks.Server
	args    []string
	address string
	// counted is how many fetch times each life had observed when it was last
	// seen, added up.
	counted float64
}

func TestCrashes(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	site := newCrashSite(t)
	for n := range crashes {
		site.live(t, n, time.Duration(random.Int64N(int64(longestLife))))
	}

	// What is left must be whole.
	p := run.Start(t, run.Exporter(t), site.args...)
	run.Eventually(t, 2*time.Minute, "every task is settled", func() error { return site.settled(t, p.URL) })
	families, err := parse(scrape(t, p.URL))
	if err != nil {
		t.Fatal(err)
	}
	site.counted += total(families, "prefetch_url_fetch_seconds")
	for name, stats := range map[string]simulator.Stats{"huaweicloud_vod": site.vod.Stats(), "cdnetworks": site.edge.Stats()} {
		t.Logf("%s: %d calls over %d lives, %d over the quota", name, stats.Calls, crashes+1, stats.OverQuota)
		if stats.OverQuota != 0 {
			t.Errorf("%s: %d calls over the quota", name, stats.OverQuota)
		}
		if stats.Calls < crashTasks {
			t.Errorf("%s: only %d calls: nothing was tested", name, stats.Calls)
		}
	}
	if urls := float64(crashTasks * crashURLs); site.counted > urls {
		t.Errorf("%v fetch times were observed of %v URLs", site.counted, urls)
	}
	if errors := total(families, "prefetch_exporter_store_errors_total"); errors != 0 {
		t.Errorf("%v store errors", errors)
	}
}

func newCrashSite(t *testing.T) *crashSite {
	t.Helper()
	const latency = 150 * time.Millisecond
	site := &crashSite{
		vod: simhuaweicloud.New(simhuaweicloud.Options{
			Quota: simulator.Quota{Calls: 10, Per: 4 * time.Second}, Latency: simulator.Jitter(1, latency),
			AccessKeys: map[string]string{"AKCRASH": crashSecret},
		}),
		edge: simcdnetworks.New(simcdnetworks.Options{
			Quota: simulator.Quota{Calls: 1, Per: time.Second}, Latency: simulator.Jitter(2, latency),
			APIKeys: map[string]string{"crash": crashSecret},
		}),
		address: run.FreeAddress(t, "127.0.0.2"),
	}
	vod, edge := httptest.NewServer(site.vod), httptest.NewServer(site.edge)
	t.Cleanup(vod.Close)
	t.Cleanup(edge.Close)
	// Old enough that an answer proves what it shows, and not finished yet.
	created := time.Now().Add(-2 * time.Minute)
	var tasks strings.Builder
	for n := range crashTasks {
		id := fmt.Sprintf("task-%d", n)
		fmt.Fprintf(&tasks, "\n      - {id: %s, created: %s}", id, created.UTC().Format(time.RFC3339))
		urls := make([]simulator.URLPlan, crashURLs)
		for i := range urls {
			urls[i] = simulator.URLPlan{
				URL: fmt.Sprintf("https://example.com/%d/%d", n, i), Wait: time.Minute,
				Fetch: time.Minute + time.Duration(n*crashURLs+i)*time.Second, Fails: i == 0,
			}
		}
		site.vod.Submit(simulator.Task{ID: id, Owner: crashOwner, Created: created, URLs: urls})
		site.edge.Submit(simulator.Task{ID: id, Owner: "crash", Created: created, URLs: urls})
	}
	folder := t.TempDir()
	config := filepath.Join(folder, "config.yml")
	text := fmt.Sprintf(`
global: {poll_interval: 200ms}
accounts:
  - name: vod
    rate_limit: {calls: 10, per: 4s}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: AKCRASH, secret_key: %s}
    tasks:%s
  - name: edge
    rate_limit: {calls: 1, per: 1s}
    cdnetworks: {endpoint: %q, username: crash, api_key: %s}
`, vod.URL, crashOwner, crashSecret, tasks.String(), edge.URL, crashSecret)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	site.args = []string{
		"--config.file=" + config, "--storage.path=" + filepath.Join(folder, "data"),
		"--web.listen-address=" + site.address, "--web.enable-task-api",
	}
	return site
}

// live starts the exporter, uses it for a while and kills it.
func (s *crashSite) live(t *testing.T, n int, life time.Duration) {
	t.Helper()
	program := run.Exporter(t)
	ctx, cancel := context.WithTimeout(t.Context(), shortestLife+life)
	defer cancel()
	// Its context's end kills it.
	process := exec.CommandContext(ctx, program, s.args...)
	var log bytes.Buffer
	process.Stderr, process.Stdout = &log, &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make(chan float64)
	go func() { seen <- s.use(ctx, n) }()
	err := process.Wait()
	if ctx.Err() == nil {
		t.Fatalf("life %d ended by itself: %v\n%s", n, err, log.String())
	}
	s.counted += <-seen
	for _, bad := range []string{"level=ERROR", "moved aside", "panic"} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("life %d logged %q:\n%s", n, bad, log.String())
		}
	}
}

// use puts tasks through the API and scrapes, as fast as it can, until the
// exporter is gone. It returns the fetch times that were observed at last.
func (s *crashSite) use(ctx context.Context, n int) float64 {
	counted := 0.0
	id := fmt.Sprintf("task-%d", n%crashTasks)
	put := false
	for ctx.Err() == nil {
		if !put {
			put = s.send(ctx, http.MethodPut, "/api/v1/tasks/edge/"+id, "{}") != nil
		}
		if body := s.send(ctx, http.MethodGet, "/metrics", ""); body != nil {
			if families, err := parse(body); err == nil {
				counted = total(families, "prefetch_url_fetch_seconds")
			}
		}
	}
	return counted
}

// send returns the body of a good answer; nil if there is none.
func (s *crashSite) send(ctx context.Context, method, path, body string) []byte {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		return nil
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		return nil
	}
	return answer
}

// settled reports which task is not shown as the vendor has it at the end.
func (s *crashSite) settled(t *testing.T, url string) error {
	t.Helper()
	families, err := parse(scrape(t, url))
	if err != nil {
		return err
	}
	for _, account := range []string{"vod", "edge"} {
		for n := range crashTasks {
			id := fmt.Sprintf("task-%d", n)
			truth := s.vod.Counts(id)
			if account == "edge" {
				truth = s.edge.Counts(id)
			}
			for _, status := range prefetch.Statuses() {
				got, ok := value(families, "prefetch_task_urls", map[string]string{"account": account, "task": id, "status": status.String()})
				if !ok || got != float64(truth[status]) {
					return fmt.Errorf("%s of %s: %v %s (shown: %v), the vendor has %d", id, account, got, status, ok, truth[status])
				}
			}
			if got, _ := value(families, "prefetch_task_settled", map[string]string{"account": account, "task": id}); got != 1 {
				return fmt.Errorf("%s of %s is not settled", id, account)
			}
		}
	}
	return nil
}

// value is the value of the series that has these labels.
func value(families map[string]*dto.MetricFamily, name string, labels map[string]string) (float64, bool) {
	for _, m := range families[name].GetMetric() {
		matching := 0
		for _, l := range m.GetLabel() {
			if want, ok := labels[l.GetName()]; ok && want == l.GetValue() {
				matching++
			}
		}
		if matching == len(labels) {
			return m.GetGauge().GetValue(), true
		}
	}
	return 0, false
}

// total adds up all series of a counter, or the observations of a histogram.
func total(families map[string]*dto.MetricFamily, name string) float64 {
	sum := 0.0
	for _, m := range families[name].GetMetric() {
		sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}
