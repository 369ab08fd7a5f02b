package edge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/e2e/internal/run"
)

// patience bounds how long anything may take, on a machine that does much else.
const patience = 2 * time.Minute

// TestEdge: an edge is asked for a sample of what vendors say has succeeded, after a
// restart of the exporter too, and for nothing else. What it had not is told, though
// the first probe had it fetched.
func TestEdge(t *testing.T) {
	t.Parallel()
	internal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was asked for from within", r.Method, r.URL)
	}))
	t.Cleanup(internal.Close)
	for _, program := range prometheis(t) {
		t.Run(version(t, program), func(t *testing.T) {
			t.Parallel()
			edge, folder := startEdge(t), t.TempDir()
			v := startVendors(t, edge, internal)
			// Settled before a restart; nobody is asked after it.
			var before []group
			t.Run("before the restart", func(t *testing.T) {
				before = sampled(t, startExporter(t, v, folder).URL)
			})
			v.close()
			exporter := startExporter(t, v, folder)
			if diff := cmp.Diff(before, sampled(t, exporter.URL)); diff != "" {
				t.Errorf("sample (-before the restart +after it):\n%s", diff)
			}
			blackbox := run.Start(t, installed(t, "prometheus-blackbox-exporter", "blackbox_exporter"),
				"--config.file="+absolute(t, deployed+"/blackbox.yml"), "--web.listen-address=127.0.0.1:0")
			prometheus := startPrometheus(t, program, exporter.URL, blackbox.URL, edge.host())
			tellsOfTheEdge(t, prometheus.URL)
			panelsShow(t, prometheus.URL)

			want := []string{
				"HEAD /cold/one.mp4", "HEAD /cold/three.mp4", "HEAD /cold/two.mp4",
				"HEAD /warm/%E4%BA%8C%202.mp4", "HEAD /warm/one.mp4", "HEAD /warm/three.mp4?sign=secret&t=1",
			}
			if diff := cmp.Diff(want, edge.asked()); diff != "" {
				t.Errorf("the edge was asked (-want +got):\n%s", diff)
			}
			if lines := complaint.FindAllString(prometheus.Log.String(), -1); lines != nil {
				t.Errorf("Prometheus complains:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

// group is a target group as Prometheus reads it.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// sampled waits until the exporter lists URLs of both tasks.
func sampled(t *testing.T, exporter string) (groups []group) {
	t.Helper()
	run.Eventually(t, patience, "both tasks have URLs", func() error {
		body, err := run.Get(t, exporter+"/api/v1/sd/urls?per_task=10")
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &groups); err != nil {
			return fmt.Errorf("read %s: %w", body, err)
		}
		tasks := map[string]int{}
		for _, g := range groups {
			tasks[g.Labels["__meta_prefetch_task"]] = len(g.Targets)
		}
		// Without the one that is no http.
		if want := map[string]int{warmTask: 4, coldTask: 3}; !maps.Equal(tasks, want) {
			return fmt.Errorf("%v, want %v", tasks, want)
		}
		return nil
	})
	return groups
}

// tellsOfTheEdge waits until Prometheus alerts of the cold task and of no other, and
// looks at what it stores.
func tellsOfTheEdge(t *testing.T, prometheus string) {
	t.Helper()
	// Of a task it is told once, whatever replicas there are: so without an instance.
	alert := fmt.Sprintf(`ALERTS{alertname="PrefetchEdgeMiss",alertstate="firing",instance="",job="prefetch_exporter"} by %s/%s`, "cdn", coldTask)
	run.Eventually(t, patience, "the miss is told", func() error {
		fired, err := query(t, prometheus, `ALERTS{alertstate="firing"}`)
		if err != nil {
			return err
		}
		var got []string
		for _, s := range fired {
			got = append(got, fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing",instance=%q,job=%q} by %s/%s`,
				s.Metric["alertname"], s.Metric["instance"], s.Metric["job"], s.Metric["account"], s.Metric["task"]))
		}
		if !slices.Equal(got, []string{alert}) {
			return fmt.Errorf("firing: %q", got)
		}
		return nil
	})
	for expression, want := range map[string]map[string]string{
		`prefetch:task_edge_hit:ratio`:                        {warmTask: "1", coldTask: "0"},
		`count by (task) (probe_success)`:                     {warmTask: "3", coldTask: "3"},
		`min by (task) (probe_success)`:                       {warmTask: "1", coldTask: "1"}, // by now
		`count by (task) (probe_success{status="succeeded"})`: {warmTask: "3", coldTask: "3"},
		`count by (task) ({job="prefetch_edge"})`:             {warmTask: "27", coldTask: "27"}, // nine of each URL
		`max by (task) (probe_http_status_code)`:              {warmTask: "200", coldTask: "200"},
	} {
		samples, err := query(t, prometheus, expression)
		if err != nil {
			t.Error(err)
			continue
		}
		got := map[string]string{}
		for _, s := range samples {
			got[s.Metric["task"]] = fmt.Sprint(s.Value[1])
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s is %v, want %v", expression, got, want)
		}
	}
	signed, err := query(t, prometheus, `{instance=~".*sign.*"}`)
	if err != nil || len(signed) > 0 {
		t.Errorf("signatures are stored: %v %v", signed, err)
	}
}

// complaint finds a log line that is not merely information.
var complaint = regexp.MustCompile(`(?im)^.*\blevel=(warn|error).*$`)

const (
	deployed = run.Repository + "/deploy/blackbox"
	alerts   = run.Repository + "/alerts"
)

// startPrometheus runs Prometheus with the configuration that users are given. Only
// addresses are replaced, and times: a minute is a second, or less.
func startPrometheus(t *testing.T, program, exporter, blackbox, edge string) *run.Process {
	t.Helper()
	exporter, blackbox = strings.TrimPrefix(exporter, "http://"), strings.TrimPrefix(blackbox, "http://")
	scrape := replace(t, read(t, deployed+"/prometheus.yml"),
		"exporter:10186", exporter, "blackbox:9115", blackbox,
		"per_task=3", "per_task=10", // of four, one of which is to be left out
		`https?://(video|static)\.example\.com(:[0-9]+)?(/.*)?`, "http://"+regexp.QuoteMeta(edge)+"/.*",
		"scrape_interval: 5m", "scrape_interval: 1s", "scrape_timeout: 10s", "scrape_timeout: 1s",
		"refresh_interval: 1m", "refresh_interval: 1s")
	folder := t.TempDir()
	for _, file := range []string{"prefetch_rules.yml", "prefetch_settings.yml"} {
		text := regexp.MustCompile(`(?m)^( +(?:keep_firing_)?for: \d+)m$`).ReplaceAllString(read(t, alerts+"/"+file), "${1}s")
		write(t, filepath.Join(folder, file), text)
	}
	config := filepath.Join(folder, "prometheus.yml")
	write(t, config, fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [prefetch_rules.yml, prefetch_settings.yml]
%s
  - job_name: prefetch_exporter
    static_configs: [{targets: [%q]}]
`, scrape, exporter))
	return run.Start(t, program,
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
}

// sample is one series of an answer of Prometheus, its value a time and a number.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  []any             `json:"value"`
}

func query(t *testing.T, prometheus, expression string) ([]sample, error) {
	t.Helper()
	body, err := run.Get(t, prometheus+"/api/v1/query?"+url.Values{"query": {expression}}.Encode())
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []sample `json:"result"`
		} `json:"data"`
		Warnings []string `json:"warnings"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", expression, err)
	}
	if len(answer.Warnings) > 0 {
		return nil, errors.New(strings.Join(answer.Warnings, "; "))
	}
	return answer.Data.Result, nil
}

// prometheis are the installed Prometheus and, where `make e2e` has built it, the
// current one.
func prometheis(t *testing.T) []string {
	t.Helper()
	programs := []string{installed(t, "prometheus")}
	if folder := os.Getenv("E2E_TOOLS"); folder != "" {
		programs = append(programs, filepath.Join(folder, "prometheus"))
	}
	return programs
}

// version is what the program says of itself.
func version(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "--version").CombinedOutput()
	found := regexp.MustCompile(`^\w+, version (\S+)`).FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%s --version: %v\n%s", program, err, out)
	}
	return string(found[1])
}

// installed finds a program by the first of its names that is on the PATH.
func installed(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not on the PATH; run make e2e", names[0])
	return ""
}

// replace replaces texts, each of which must be there, by what follows it.
func replace(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("there is no %q in\n%s", pair[0], text)
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
