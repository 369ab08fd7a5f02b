package collector_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/collector"
)

// everything scrapes a state in which every metric has a series.
func everything(t testing.TB, accept string) *http.Response {
	t.Helper()
	settled := settledTask()
	settled.ID = "settled"
	recorder := collector.NewRecorder()
	recorded(recorder)
	return getPath(t, collector.Handler(collector.HandlerOptions{
		Collector: newCollector(&source{snapshotOf(windowAccount(), vodAccount(launch(), settled))}),
		Recorder:  recorder,
	}), "/metrics", accept)
}

// TestTableIsWhatIsServed compares the table with the page both ways.
func TestTableIsWhatIsServed(t *testing.T) {
	t.Parallel()
	table := map[string]collector.Metric{}
	for _, m := range collector.Metrics() {
		if _, twice := table[m.Name]; twice {
			t.Errorf("%s is in the table twice", m.Name)
		}
		table[m.Name] = m
	}
	for _, family := range decode(t, everything(t, acceptProtobuf)) {
		name := family.GetName()
		m, ok := table[name]
		if !ok {
			if strings.HasPrefix(name, "prefetch_") {
				t.Errorf("%s is served and not in the table", name)
			}
			continue
		}
		delete(table, name)
		if m.Help != family.GetHelp() {
			t.Errorf("%s: HELP\n%s\nin the table\n%s", name, family.GetHelp(), m.Help)
		}
		if want := strings.ToLower(family.GetType().String()); m.Type != want {
			t.Errorf("%s is a %s, in the table a %s", name, want, m.Type)
		}
		if name == "prefetch_task_info" {
			continue // its labels are configured; see TestConfiguredLabelsComeAndGo
		}
		want := slices.Sorted(slices.Values(m.Labels))
		for _, series := range family.GetMetric() {
			if diff := cmp.Diff(want, labelNames(series)); diff != "" {
				t.Errorf("%s: labels (-table +served):\n%s", name, diff)
			}
		}
	}
	for name := range table {
		t.Errorf("%s is in the table and never served", name)
	}
}

func labelNames(m *dto.Metric) []string {
	var names []string
	for _, pair := range m.GetLabel() {
		names = append(names, pair.GetName())
	}
	return names
}

func TestTableIsComplete(t *testing.T) {
	t.Parallel()
	for _, m := range collector.Metrics() {
		if m.Name == "" || m.Help == "" || m.Group == "" || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%+v is not complete", m)
		}
		if !slices.Contains([]string{"gauge", "counter", "histogram"}, m.Type) {
			t.Errorf("%s has the type %q", m.Name, m.Type)
		}
	}
}

func TestTableBelongsToTheCaller(t *testing.T) {
	t.Parallel()
	first := collector.Metrics()
	want := collector.Metrics()
	for i := range first {
		first[i].Name = "changed"
		if len(first[i].Labels) > 0 {
			first[i].Labels[0] = "changed"
		}
	}
	if diff := cmp.Diff(want, collector.Metrics()); diff != "" {
		t.Errorf("a caller changed the table:\n%s", diff)
	}
}

// TestHelpTellsWhichTaskMetricsAreCached keeps the promise of the contract: of
// what the vendor answered, and of nothing else, HELP says that it is cached and
// which metric tells its age.
func TestHelpTellsWhichTaskMetricsAreCached(t *testing.T) {
	t.Parallel()
	now := map[string]bool{ // configured, of this moment, or of a call that need not have answered
		"prefetch_task_info": true, "prefetch_task_age_seconds": true, "prefetch_task_deadline_timestamp_seconds": true,
		"prefetch_task_up": true, "prefetch_task_lost": true, "prefetch_task_failed_urls_recovered": true,
	}
	for _, m := range collector.Metrics() {
		if m.Group != "Tasks" {
			continue
		}
		if cached := strings.Contains(m.Help, "cached"); cached == now[m.Name] {
			t.Errorf("HELP of %s says cached: %t", m.Name, cached)
		}
		if m.Name != refreshMetric && strings.Contains(m.Help, refreshMetric) == now[m.Name] {
			t.Errorf("HELP of %s says or lacks which metric tells the age", m.Name)
		}
	}
}

const refreshMetric = "prefetch_task_last_refresh_timestamp_seconds"

func TestDescribeAndCollectAgree(t *testing.T) {
	t.Parallel()
	described := make(chan *prometheus.Desc, len(collector.Metrics()))
	newCollector(&source{}).Describe(described)
	collector.NewRecorder().Describe(described)
	close(described)
	// Only the build information is described by another collector.
	if got, want := len(described), len(collector.Metrics())-1; got != want {
		t.Errorf("%d metrics are described, want %d", got, want)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(text(t, everything(t, acceptText)))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestPromtool asks the real promtool, where there is one.
func TestPromtool(t *testing.T) {
	t.Parallel()
	if out := promtool(t, text(t, everything(t, acceptText)), "check", "metrics"); out != "" {
		t.Errorf("promtool check metrics:\n%s", out)
	}
}

// promtool runs the real promtool and returns what it complains of.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed (Debian: the package prometheus)")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s\n%v", out, err)
	}
	return strings.TrimSpace(string(out))
}
