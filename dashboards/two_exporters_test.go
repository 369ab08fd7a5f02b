package dashboards_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/internal/programtest"
)

// TestTwoExporters: of two exporters that watch the same task, one of which is
// behind, every URL counts once, as the newer answer says.
func TestTwoExporters(t *testing.T) {
	t.Parallel()
	// A task of ten URLs. One exporter is answered every hour; the other was
	// answered once, when eight URLs still waited.
	input := slices.Concat(
		seriesOf("newer:10186", map[string]string{
			`prefetch_task_urls{status="succeeded",`:                  "2x59 5x59 9x20",
			`prefetch_task_urls{status="failed",`:                     "0x59 1x59 1x20",
			`prefetch_task_urls{status="running",`:                    "0x59 0x59 0x20",
			`prefetch_task_urls{status="waiting",`:                    "8x59 4x59 0x20",
			`prefetch_task_success_ratio{`:                            "0.2x59 0.5x59 0.9x20",
			`prefetch_task_edge_success_ratio{`:                       "0.95x59 0.6x59 0.9x20",
			`prefetch_task_progress_ratio{`:                           "0.3x59 0.7x59 1x20",
			`prefetch_task_failed_urls{cause="origin",`:               "0x59 1x59 1x20",
			`prefetch_task_failed_urls{cause="unknown",`:              "0x140",
			`prefetch_task_failed_urls{cause="vendor",`:               "0x140",
			`prefetch_task_failed_urls_recovered{`:                    "0x59 0x59 0x20",
			`prefetch_task_settled{`:                                  "0x59 0x59 1x20",
			`prefetch_task_last_refresh_timestamp_seconds{`:           "600x59 3600x59 7200x20",
			`prefetch_task_created_timestamp_seconds{`:                "0x59 0x59 0x20",
			`prefetch_account_owner{`:                                 "1x140",
			`prefetch_account_tasks{phase="active",`:                  "1x59 1x59 0x20",
			`prefetch_account_tasks{phase="settled",`:                 "0x59 0x59 1x20",
			`prefetch_account_window_urls{status="succeeded",`:        "2x59 5x59 9x20",
			`prefetch_account_window_urls{status="waiting",`:          "8x59 4x59 0x20",
			`prefetch_account_window_last_refresh_timestamp_seconds{`: "600x59 3600x59 7200x20",
		}),
		seriesOf("older:10186", map[string]string{
			`prefetch_task_urls{status="succeeded",`:                  "2x140",
			`prefetch_task_urls{status="failed",`:                     "0x140",
			`prefetch_task_urls{status="running",`:                    "0x140",
			`prefetch_task_urls{status="waiting",`:                    "8x140",
			`prefetch_task_success_ratio{`:                            "0.2x140",
			`prefetch_task_edge_success_ratio{`:                       "0.95x140",
			`prefetch_task_progress_ratio{`:                           "0.3x140",
			`prefetch_task_failed_urls{cause="origin",`:               "0x140",
			`prefetch_task_failed_urls{cause="unknown",`:              "0x140",
			`prefetch_task_failed_urls{cause="vendor",`:               "0x140",
			`prefetch_task_failed_urls_recovered{`:                    "0x140",
			`prefetch_task_settled{`:                                  "0x140",
			`prefetch_task_last_refresh_timestamp_seconds{`:           "540x140",
			`prefetch_task_created_timestamp_seconds{`:                "0x140",
			`prefetch_account_owner{`:                                 "1x140",
			`prefetch_account_tasks{phase="active",`:                  "1x140",
			`prefetch_account_tasks{phase="settled",`:                 "0x140",
			`prefetch_account_window_urls{status="succeeded",`:        "2x140",
			`prefetch_account_window_urls{status="waiting",`:          "8x140",
			`prefetch_account_window_last_refresh_timestamp_seconds{`: "540x140",
		}),
	)
	const (
		overview, task, budget = "prefetch-overview.json", "prefetch-task.json", "prefetch-api-budget.json"
		ofTask                 = `{provider="cdnetworks", account="edge", task="launch"}`
		ofAccount              = `{provider="cdnetworks", account="edge"}`
		underWay, done         = "61m", "121m"
	)
	checkQueries(t, input, []queryTest{
		{underWay, overview, "URLs by status", "A", []sample{{`{}`, 5}}},
		{underWay, overview, "URLs by status", "B", []sample{{`{}`, 1}}},
		{underWay, overview, "URLs by status", "E", []sample{{`{}`, 4}}},
		{underWay, overview, "Failed URLs", "A", []sample{{`{}`, 1}}},
		{underWay, overview, "Success ratio by account", "A", []sample{{ofAccount, 0.5}}},
		{underWay, overview, "Tasks", "C", []sample{{ofTask, 0.5}}},
		{underWay, overview, "Tasks", "D", []sample{{ofTask, 5}}},
		{underWay, overview, "Tasks", "H", []sample{{ofTask, 4}}},
		{underWay, overview, "Recent failures", "B", []sample{{ofTask, 1}}},
		{underWay, overview, "Recent failures", "D", []sample{{ofTask, 1}}},
		{underWay, overview, "Recent failures", "E", []sample{{ofTask, 10}}},
		{underWay, task, "Progress", "E", []sample{{`{}`, 4}}},
		{underWay, task, "Success ratio", "B", []sample{{ofTask, 0.6}}},
		{underWay, task, "Success ratio", "C", []sample{{ofTask, 0.7}}},
		{underWay, task, "Failed URLs by cause", "A", []sample{{`{cause="origin"}`, 1}, {`{cause="unknown"}`, 0}, {`{cause="vendor"}`, 0}}},
		// Four URLs in the 3000 s between the answers, and four are left.
		{underWay, task, "Projected finish", "A", []sample{{ofTask, 1000 * (3600 + 3000)}}},
		{underWay, budget, "URLs in the look-back", "A", []sample{{`{status="succeeded"}`, 5}, {`{status="waiting"}`, 4}}},
		{done, overview, "URLs by status", "A", []sample{{`{}`, 9}}},
		{done, overview, "URLs by status", "E", []sample{{`{}`, 0}}},
		{done, overview, "Success ratio by account", "A", []sample{{ofAccount, 0.9}}},
		{done, budget, "Tasks by phase", "A", []sample{{`{phase="active"}`, 0}, {`{phase="settled"}`, 1}}},
	})
}

// seriesOf are series of one exporter, by their names and own labels.
func seriesOf(instance string, values map[string]string) []series {
	var all []series
	for _, name := range slices.Sorted(maps.Keys(values)) {
		labels := `job="prefetch_exporter",instance="` + instance + `",provider="cdnetworks",account="edge"`
		if strings.HasPrefix(name, "prefetch_task_") {
			labels += `,task="launch"`
		}
		all = append(all, series{name + labels + `}`, values[name]})
	}
	return all
}

// queryTest is what a panel's query must find at a time.
type queryTest struct {
	at, file, panel, ref string
	want                 []sample
}

// What follows is promtool's file of tests.

type series struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

type sample struct {
	Labels string  `json:"labels"`
	Value  float64 `json:"value"`
}

type exprTest struct {
	EvalTime   string   `json:"eval_time"`
	Expr       string   `json:"expr"`
	ExpSamples []sample `json:"exp_samples"`
}

// checkQueries has Prometheus' own tool ask the panels' queries.
func checkQueries(t *testing.T, input []series, tests []queryTest) {
	t.Helper()
	files := read(t)
	var exprs []exprTest
	for _, tc := range tests {
		exprs = append(exprs, exprTest{tc.at, queryOf(t, files[tc.file], tc.panel, tc.ref), tc.want})
	}
	runPromtool(t, input, exprs)
}

// runPromtool has Prometheus' own tool compare what expressions find.
func runPromtool(t *testing.T, input []series, exprs []exprTest) {
	t.Helper()
	promtool := programtest.Path(t, "promtool")
	content, err := json.Marshal(map[string]any{"tests": []any{
		map[string]any{"interval": "1m", "input_series": input, "promql_expr_test": exprs},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "queries_test.yml") // JSON is YAML
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// queryOf is a panel's query where everything is selected.
func queryOf(t *testing.T, d dashboard, title, ref string) string {
	t.Helper()
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			if p.Title == title && q.RefID == ref {
				return strings.NewReplacer(
					"$job", ".+", "$instance", ".+", "$provider", ".+", "$account", ".+", "$task", ".+", "$__range", "1h",
				).Replace(q.Expr)
			}
		}
	}
	t.Fatalf("%s: no query %s of a panel %q", d.UID, ref, title)
	return ""
}
