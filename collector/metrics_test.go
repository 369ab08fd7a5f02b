package collector_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/collector"
	"prefetch_exporter/internal/programtest"
)

// everything collects a state in which every metric has a series.
func everything(t testing.TB) families {
	t.Helper()
	settled := settledTask()
	settled.ID = "settled"
	recorder := collector.NewRecorder()
	recorded(recorder)
	return gather(t, newCollector(&source{snapshotOf(windowAccount(), vodAccount(launch(), settled), tellingAccount())}), registered(recorder))
}

// TestTableIsWhatIsServed compares the table with what is collected, both ways.
func TestTableIsWhatIsServed(t *testing.T) {
	t.Parallel()
	table := map[string]collector.Metric{}
	for _, m := range collector.Metrics() {
		if _, twice := table[m.Name]; twice {
			t.Errorf("%s is in the table twice", m.Name)
		}
		table[m.Name] = m
	}
	for _, family := range everything(t) {
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

// TestRowsAreWellFormed holds for each row of the table what whoever adds one may
// forget. That its function gives values, and which, is for the tests of states.
func TestRowsAreWellFormed(t *testing.T) {
	t.Parallel()
	var names []string
	for _, m := range collector.Metrics() {
		names = append(names, m.Name)
	}
	// A page has room for one of each.
	var configured, moving []string
	named := regexp.MustCompile(`\bprefetch_\w+`)
	for _, m := range collector.Metrics() {
		if !regexp.MustCompile(`^prefetch(_[a-z]+)+$`).MatchString(m.Name) || (m.Type == "counter") != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s is no name of a %s", m.Name, m.Type)
		}
		if !regexp.MustCompile(`^[A-Z0-9].*\.$`).MatchString(m.Help) || m.Group == "" || strings.HasSuffix(m.Absent, ".") {
			t.Errorf("%s: help %q, group %q, absent %q", m.Name, m.Help, m.Group, m.Absent)
		}
		for _, name := range named.FindAllString(m.Help+" "+m.Absent, -1) {
			if !slices.Contains(names, name) && name != "prefetch_exporter" {
				t.Errorf("%s names %s, which is not in the table", m.Name, name)
			}
		}
		checkSeries(t, m, m.Tasks, "provider", "account", "task")
		checkSeries(t, m, m.Accounts, "provider", "account")
		if m.Tasks != nil && m.Accounts != nil || m.Tasks == nil && (m.Configured || m.Since != nil) {
			t.Errorf("%s has values of another kind, or of two", m.Name)
		}
		if m.Configured {
			configured = append(configured, m.Name)
		}
		if m.Since != nil {
			moving = append(moving, m.Name)
		}
	}
	if len(configured) > 1 || len(moving) > 1 {
		t.Errorf("with configured labels: %v; since a moment: %v; a page has room for one of each", configured, moving)
	}
}

// checkSeries holds the series of a metric against its labels.
func checkSeries[T any](t *testing.T, m collector.Metric, all []collector.Series[T], labels ...string) {
	t.Helper()
	var values []string
	for i, s := range all {
		if (s.Value == nil) != (m.Since != nil) {
			t.Errorf("%s: a series without a function, or with two", m.Name)
		}
		if s.Label == nil {
			continue
		}
		values = append(values, s.Label.GetValue())
		if i == 0 {
			labels = append(labels, s.Label.GetName())
		}
		if s.Label.GetName() != labels[len(labels)-1] {
			t.Errorf("%s: a series with the label %s", m.Name, s.Label.GetName())
		}
	}
	if len(all) > 0 && (m.Type != "gauge" || !slices.Equal(m.Labels, labels)) {
		t.Errorf("%s is a %s with the labels %v, want a gauge with %v", m.Name, m.Type, m.Labels, labels)
	}
	if len(all) > 1 && (len(values) != len(all) || !slices.IsSorted(values) || len(slices.Compact(values)) != len(all)) {
		t.Errorf("%s: the values of its label are %v", m.Name, values)
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
	ignored := cmp.Options{
		cmpopts.IgnoreUnexported(collector.Metric{}),
		cmpopts.IgnoreFields(collector.Metric{}, "Tasks", "Accounts", "Since"),
	}
	if diff := cmp.Diff(want, collector.Metrics(), ignored); diff != "" {
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

func TestEveryRowIsShownOrRecorded(t *testing.T) {
	t.Parallel()
	described := make(chan *prometheus.Desc, len(collector.Metrics()))
	collector.NewRecorder().Describe(described)
	shown := newCollector(&source{}).Metrics()
	if got, want := len(described)+len(shown), len(collector.Metrics()); got != want {
		t.Errorf("%d metrics are described and %d shown, want %d", len(described), len(shown), want)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(everything(t).AsText(t))).Lint()
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
	if out := promtool(t, everything(t).AsText(t), "check", "metrics"); out != "" {
		t.Errorf("promtool check metrics:\n%s", out)
	}
}

// promtool runs the real promtool and returns what it complains of.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	path := programtest.Path(t, "promtool")
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s\n%v", out, err)
	}
	return strings.TrimSpace(string(out))
}
