package stack_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/prefetch"
)

const (
	// frozenTasks are enough for several blocks of a kept page.
	frozenTasks = 150
	// leastSeries is how many series each task has at least.
	leastSeries = 5
)

// exposition is one way in which a Prometheus is served the same state.
type exposition struct {
	name, accept string
	gzip         bool
}

func expositions() []exposition {
	const (
		text        = "text/plain;version=0.0.4"
		openMetrics = "application/openmetrics-text;version=1.0.0"
		protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	)
	return []exposition{
		{"text", text, false},
		{"text-gzip", text, true},
		{"openmetrics", openMetrics, false},
		{"openmetrics-gzip", openMetrics, true},
		{"protobuf", protobuf, false},
		{"protobuf-gzip", protobuf, true},
	}
}

// TestPrometheusStoresKeptPagesAlike has both releases scrape one frozen state
// from the exporter's own handler, which puts pages together from kept pieces,
// and from client_golang's: what they store must be the same, to the last digit
// and label.
func TestPrometheusStoresKeptPagesAlike(t *testing.T) {
	t.Parallel()
	both := releases(t)
	target := serveFrozen(t)
	for _, r := range both {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			prometheus := startScraper(t, r.prometheus, target)
			for _, e := range expositions() {
				want := map[string]string{}
				run.Eventually(t, patience, e.name+" is scraped", func() (err error) {
					var all map[string]map[string]string
					if all, err = stored(t, prometheus.URL, e); err != nil {
						return err
					}
					want = all["ordinary"]
					if len(want) < leastSeries*frozenTasks || len(all["kept"]) == 0 {
						return fmt.Errorf("%d and %d series", len(want), len(all["kept"]))
					}
					if diff := cmp.Diff(want, all["kept"]); diff != "" {
						t.Fatalf("%s: what is stored differs (-client_golang +exporter):\n%s", e.name, diff)
					}
					return nil
				})
				t.Logf("%s: %d series", e.name, len(want))
			}
			if diff := cmp.Diff(described(t, prometheus.URL, "ordinary"), described(t, prometheus.URL, "kept")); diff != "" {
				t.Errorf("metadata differs (-client_golang +exporter):\n%s", diff)
			}
			if lines := complaint.FindAllString(prometheus.Log.String(), -1); lines != nil {
				t.Errorf("Prometheus complains:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

// frozen is a state that does not change.
type frozen struct{ snapshot prefetch.Snapshot }

func (f frozen) Snapshot() prefetch.Snapshot { return f.snapshot }

// serveFrozen serves one state at one moment under /ordinary/<exposition> and
// /kept/<exposition>, whatever Prometheus would rather have.
func serveFrozen(t *testing.T) string {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond)
	recorder := collector.NewRecorder()
	account := prefetch.Account{Provider: "cdnetworks", Name: `edge "süd" \ 1`}
	recorder.AddAccount(account)
	recorder.Called(account, "task")
	recorder.Answered(account, 250*time.Millisecond)
	recorder.Failed(account, prefetch.ReasonTimeout)
	for i := range 40 {
		recorder.URLWait(account, time.Duration(i*i)*time.Second)
		recorder.URLFetch(account, time.Duration(i*i*i)*time.Second)
	}
	o := pages.Options{
		Collector: collector.New(collector.Options{
			Source: frozen{prefetch.Snapshot{Accounts: []prefetch.AccountState{frozenAccount(account, now)}}},
			Now:    func() time.Time { return now },
		}),
		Recorder: recorder,
		Logger:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(recorder)
	handlers := map[string]http.Handler{
		"kept":     pages.NewHandler(o),
		"ordinary": promhttp.HandlerFor(prometheus.Gatherers{o.Collector, registry}, promhttp.HandlerOpts{EnableOpenMetrics: true}),
	}
	mux := http.NewServeMux()
	for _, e := range expositions() {
		for name, handler := range handlers {
			mux.HandleFunc("/"+name+"/"+e.name, func(w http.ResponseWriter, r *http.Request) {
				r.Header.Set("Accept", e.accept)
				if !e.gzip {
					r.Header.Del("Accept-Encoding")
				}
				handler.ServeHTTP(w, r)
			})
		}
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// frozenAccount has tasks of all kinds, and labels that have to be escaped.
func frozenAccount(account prefetch.Account, now time.Time) prefetch.AccountState {
	a := prefetch.AccountState{
		Account: account, Up: true, Failing: prefetch.ReasonThrottled, Dropped: 3,
		Limit: prefetch.Limit{Calls: 1, Per: 5 * time.Minute}, NextCall: now.Add(1234567 * time.Microsecond),
		MaxStaleness: time.Hour,
		Window:       &prefetch.Counts{1, 2, 3, 4, 5},
	}
	for i := range frozenTasks {
		task := &prefetch.TaskState{
			Account: account, ID: fmt.Sprintf("%04d\n\"é\"\\{}", i), Phase: prefetch.Phase(i % prefetch.NumPhases),
			Created: now.Add(-time.Duration(i) * 98765432 * time.Microsecond), Up: i%7 != 0,
		}
		if i%2 == 0 {
			task.Labels = map[string]string{"title": fmt.Sprintf("launch %d, \"new\"\n", i), "région": "not a name", "empty": ""}
			task.Deadline = now.Add(time.Duration(i) * time.Minute)
		}
		if task.Phase != prefetch.Pending {
			task.Answered, task.LastRefresh = true, now.Add(-time.Duration(i)*30*time.Second) // some are stale
			task.Counts = prefetch.Counts{i, 2 * i, i * i, i % 3, 1}
			task.EdgeRatio, task.HasEdgeRatio = float64(i)/frozenTasks, i%3 == 0
		}
		if task.Settled() {
			task.Finished = now.Add(-time.Duration(i) * time.Second)
		}
		a.Phases[task.Phase]++
		a.Tasks = append(a.Tasks, task)
	}
	return a
}

// startScraper runs a Prometheus with a job for each exposition of each handler.
func startScraper(t *testing.T, program, target string) *run.Process {
	t.Helper()
	host, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	var config strings.Builder
	config.WriteString("global: {scrape_interval: 4s, scrape_timeout: 4s}\nscrape_configs:\n")
	for _, handler := range []string{"ordinary", "kept"} {
		for _, e := range expositions() {
			fmt.Fprintf(&config, "  - {job_name: %s, metrics_path: /%s, static_configs: [{targets: [%q]}]}\n",
				handler+"/"+e.name, handler+"/"+e.name, host.Host)
		}
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "prometheus.yml")
	write(t, file, config.String())
	args := []string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0"}
	if strings.HasPrefix(version(t, program), "2.") {
		// Reads histograms of protobuf only so; later ones complain of it.
		args = append(args, "--enable-feature=native-histograms")
	}
	prometheus := run.Start(t, program, args...)
	run.Eventually(t, patience, "Prometheus is ready", func() error {
		_, err := run.Get(t, prometheus.URL+"/-/ready")
		return err
	})
	return prometheus
}

// stored returns what a Prometheus has of an exposition at one moment: by
// handler, the value or histogram of each series by its other labels.
func stored(t *testing.T, prometheus string, e exposition) (map[string]map[string]string, error) {
	t.Helper()
	type series struct {
		Metric    map[string]string `json:"metric"`
		Value     []any             `json:"value"`
		Histogram json.RawMessage   `json:"histogram"`
	}
	answer, err := ask[struct {
		Result []series `json:"result"`
	}](t, prometheus, "query", url.Values{"query": {fmt.Sprintf(`{__name__=~"prefetch_.*", job=~".*/%s"}`, e.name)}})
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]string{"ordinary": {}, "kept": {}}
	for _, s := range answer.Result {
		handler, _, _ := strings.Cut(s.Metric["job"], "/")
		delete(s.Metric, "job")
		labels, err := json.Marshal(s.Metric)
		if err != nil {
			return nil, fmt.Errorf("labels: %w", err)
		}
		all[handler][string(labels)] = fmt.Sprint(s.Value) + string(s.Histogram)
	}
	return all, nil
}

// described returns the type and help of what a handler serves as text.
func described(t *testing.T, prometheus, handler string) map[string]string {
	t.Helper()
	type metadata struct {
		Metric string `json:"metric"`
		Type   string `json:"type"`
		Help   string `json:"help"`
	}
	all, err := ask[[]metadata](t, prometheus, "targets/metadata",
		url.Values{"match_target": {fmt.Sprintf(`{job=%q}`, handler+"/text")}})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, m := range all {
		if strings.HasPrefix(m.Metric, "prefetch_") {
			texts[m.Metric] = m.Type + " " + m.Help
		}
	}
	if len(texts) == 0 {
		t.Fatalf("%s: no metadata", handler)
	}
	return texts
}
