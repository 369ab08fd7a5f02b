package exporter_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

const (
	// wantScrapes is how often each job must have scraped, one a second.
	wantScrapes = 5
	// scrapeTimeout bounds how long that may take.
	scrapeTimeout = 60 * time.Second
)

// textAccept is what a Prometheus sends that knows nothing but text.
const textAccept = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

// complaint finds a log line of Prometheus that is not merely information.
var complaint = regexp.MustCompile(`(?im)^.*\blevel=(warn|error).*$`)

// TestPrometheusScrapesDemo has a real Prometheus scrape the demo, once for
// each format: every scrape succeeds, every task arrives, and Prometheus has
// nothing to complain of.
func TestPrometheusScrapesDemo(t *testing.T) {
	t.Parallel()
	demo := startDemo(t)

	for _, tc := range []struct {
		format string
		// accept replaces what Prometheus asks for; empty leaves it alone.
		accept string
		flags  []string
		want   string
		// native tells that native histograms arrive, which text cannot carry.
		native bool
	}{
		{format: "text", accept: textAccept, want: "text/plain; version=0.0.4"},
		// What Prometheus prefers by itself.
		{format: "OpenMetrics", want: "application/openmetrics-text; version=1.0.0"},
		// What it prefers as soon as it is to store native histograms.
		{
			format: "protobuf", flags: []string{"--enable-feature=native-histograms"}, native: true,
			want: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
		},
	} {
		t.Run(tc.format, func(t *testing.T) {
			t.Parallel()
			target := startRecorder(t, demo.URL, tc.accept)
			prometheus := startPrometheus(t, target.url, tc.flags...)

			run.Eventually(t, scrapeTimeout, "Prometheus has scraped enough", func() error {
				scrapes, err := number(t, prometheus.URL, `count_over_time(up[10m])`)
				if err == nil && scrapes < wantScrapes {
					err = fmt.Errorf("%v scrapes", scrapes)
				}
				return err
			})
			if up, err := number(t, prometheus.URL, `min_over_time(up[10m])`); err != nil || up != 1 {
				t.Errorf("up was not always 1: %v %v", up, err)
			}
			for _, contentType := range target.contentTypes() {
				if !strings.HasPrefix(contentType, tc.want) {
					t.Errorf("the exporter answered in %q, want %q", contentType, tc.want)
				}
			}
			for _, provider := range []string{"huaweicloud_vod", "cdnetworks"} {
				tasks := query(t, prometheus.URL, fmt.Sprintf(`prefetch_task_settled{provider=%q}`, provider))
				if len(tasks) == 0 {
					t.Errorf("no task of %s arrived", provider)
				}
				calls := query(t, prometheus.URL,
					fmt.Sprintf(`prefetch_api_request_duration_seconds{provider=%q}`, provider))
				if arrived := len(calls) > 0 && calls[0].Histogram != nil; arrived != tc.native {
					t.Errorf("native histogram of %s arrived: %v, want %v", provider, arrived, tc.native)
				}
			}
			if lines := complaint.FindAllString(prometheus.Log.String(), -1); lines != nil {
				t.Errorf("Prometheus complains:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

// startPrometheus runs a Prometheus that scrapes target every second. Its log
// must be read before the test ends, which it mentions as a warning.
func startPrometheus(t *testing.T, target string, flags ...string) *run.Process {
	t.Helper()
	address, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	config := filepath.Join(folder, "prometheus.yml")
	text := fmt.Sprintf(`
global:
  scrape_interval: 3s
scrape_configs:
  - job_name: prefetch_exporter
    static_configs:
      - targets: [%q]
`, address.Host)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	prometheus := run.Start(t, "prometheus", append([]string{
		"--config.file=" + config,
		"--storage.tsdb.path=" + filepath.Join(folder, "data"),
		"--storage.tsdb.retention.time=1h",
		"--web.listen-address=127.0.0.1:0",
	}, flags...)...)
	// It listens before it answers queries.
	run.Eventually(t, scrapeTimeout, "Prometheus is ready", func() error {
		_, err := run.Get(t, prometheus.URL+"/-/ready")
		return err
	})
	return prometheus
}

// recorder stands between Prometheus and the exporter and remembers in which
// form the exporter answered.
type recorder struct {
	url string

	mu   sync.Mutex
	seen map[string]bool
}

// startRecorder forwards to target; accept, where not empty, replaces what is
// asked for.
func startRecorder(t *testing.T, target, accept string) *recorder {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{seen: map[string]bool{}}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(req *httputil.ProxyRequest) {
			req.SetURL(to)
			if accept != "" {
				req.Out.Header.Set("Accept", accept)
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.seen[resp.Header.Get("Content-Type")] = true
			return nil
		},
	})
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *recorder) contentTypes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	types := make([]string, 0, len(r.seen))
	for contentType := range r.seen {
		types = append(types, contentType)
	}
	return types
}

// sample is one series of an answer to an instant query.
type sample struct {
	Metric map[string]string `json:"metric"`
	// Value is a time and a number as text; absent for a native histogram.
	Value     []any `json:"value"`
	Histogram []any `json:"histogram"`
}

// query asks Prometheus for the value of an expression now.
func query(t *testing.T, prometheus, expression string) []sample {
	t.Helper()
	body, err := run.Get(t, prometheus+"/api/v1/query?query="+url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Result []sample `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("read Prometheus's answer to %s: %v", expression, err)
	}
	return answer.Data.Result
}

// number asks Prometheus for the value of an expression that has exactly one.
func number(t *testing.T, prometheus, expression string) (float64, error) {
	t.Helper()
	samples := query(t, prometheus, expression)
	if len(samples) != 1 {
		return 0, fmt.Errorf("%s has %d series", expression, len(samples))
	}
	const timeAndNumber = 2
	if len(samples[0].Value) != timeAndNumber {
		return 0, fmt.Errorf("%s has no number: %v", expression, samples[0])
	}
	return strconv.ParseFloat(fmt.Sprint(samples[0].Value[1]), 64)
}
