package collector_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
)

// group is one section of the documentation.
type group struct {
	Name, Note string
	Metrics    []collector.Metric
}

// notes are the introductions of the groups that need one.
func notes() map[string]string {
	return map[string]string{
		"Tasks": "One series for each watched task, and for each status or cause where there is one. " +
			"What the vendor answered is cached, and `prefetch_task_last_refresh_timestamp_seconds` tells how old it is. Labels, age and deadline " +
			"are those of this moment; `prefetch_task_up` and `prefetch_task_lost` tell of the last call, which may be newer than the last answer, " +
			"and `prefetch_task_failed_urls_recovered` of the answers about later tasks.",
		"Accounts": "One series for each configured account, from the start. `prefetch_account_window_urls` is not withdrawn, however old it is: " +
			"its own timestamp tells. [What it covers](freshness.md#watch_window) is all of the look-back but a part at its beginning.",
		"API calls": "What the exporter asked its vendors, and what it may ask. Classic buckets of the histogram: 0.1 s to 30 s; " +
			"it is a native histogram besides.",
		"Durations": "Histograms with classic buckets from 10 s to 24 h, and native besides. A negative time, which a vendor's clocks can produce, counts as 0.",
	}
}

func groups() []group {
	var all []group
	for _, m := range collector.Metrics() {
		if len(all) == 0 || all[len(all)-1].Name != m.Group {
			all = append(all, group{Name: m.Group, Note: notes()[m.Group]})
		}
		last := &all[len(all)-1]
		last.Metrics = append(last.Metrics, m)
	}
	return all
}

func code[T fmt.Stringer](values []T) string {
	var words []string
	for _, v := range values {
		words = append(words, "`"+v.String()+"`")
	}
	return strings.Join(words, ", ")
}

type word string

func (w word) String() string { return string(w) }

func words[T ~string](values []T) []word {
	var all []word
	for _, v := range values {
		all = append(all, word(v))
	}
	return all
}

// meaning is the HELP text without the reminder of caching, which the group's
// introduction gives once.
func meaning(help string) string {
	help, _, _ = strings.Cut(help, " The value is cached;")
	return help
}

func labelsOf(m collector.Metric) string {
	if m.Name == "prefetch_task_info" {
		return code(words(m.Labels)) + ", configured labels"
	}
	return code(words(m.Labels))
}

func documentation(t *testing.T) string {
	t.Helper()
	statuses, causes, phases, reasons := prefetch.Statuses(), prefetch.AllCauses(), prefetch.Phases(), prefetch.Reasons()
	page, err := template.New("metrics.md.tmpl").Funcs(template.FuncMap{
		"groups": groups, "labels": labelsOf, "meaning": meaning,
		"statuses": func() string { return code(statuses) },
		"causes":   func() string { return code(causes) },
		"phases":   func() string { return code(phases) },
		"reasons":  func() string { return code(words(reasons[:])) },
	}).ParseFiles(filepath.Join("testdata", "metrics.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := page.Execute(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDocumentation fails if docs/metrics.md is not what the table says.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join("..", "docs", "metrics.md"), documentation(t))
}

// TestDocumentationNamesOnlyRealMetrics looks at the words written by hand.
func TestDocumentationNamesOnlyRealMetrics(t *testing.T) {
	t.Parallel()
	var names []string
	for _, m := range collector.Metrics() {
		names = append(names, m.Name, m.Name+"_bucket")
	}
	for _, name := range regexp.MustCompile(`\bprefetch_(task|account|api|url|exporter)_\w+`).FindAllString(documentation(t), -1) {
		if !slices.Contains(names, name) {
			t.Errorf("the documentation names %s, which is not in the table", name)
		}
	}
}

// TestExamplesAreValid gives the examples to promtool as recording rules.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	examples := regexp.MustCompile("(?s)```promql\n(.*?)\n```").FindAllStringSubmatch(documentation(t), -1)
	if len(examples) == 0 {
		t.Fatal("there are no examples")
	}
	rules := "groups:\n- name: examples\n  rules:\n"
	for i, example := range examples {
		rules += fmt.Sprintf("  - record: example:%d\n    expr: %q\n", i, example[1])
	}
	path := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := promtool(t, "", "check", "rules", path); !strings.Contains(out, fmt.Sprintf("SUCCESS: %d rules found", len(examples))) {
		t.Errorf("promtool check rules:\n%s", out)
	}
}
