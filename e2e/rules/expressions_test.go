package rules_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const repository = "../.."

// expression is one piece of PromQL, and what uses its result.
type expression struct {
	where, text string
	// labels are names that a legend or a template takes from the result.
	labels []string
	// dashboard tells that it must respect the variables of one.
	dashboard bool
}

// dashboard is what the tests read of a dashboard's file.
type dashboard struct {
	Annotations struct {
		List []struct {
			Name       string `json:"name"`
			Expr       string `json:"expr"`
			TextFormat string `json:"textFormat"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		Title   string `json:"title"`
		Targets []struct {
			RefID        string `json:"refId"`
			Expr         string `json:"expr"`
			LegendFormat string `json:"legendFormat"`
			Format       string `json:"format"`
		} `json:"targets"`
	} `json:"panels"`
}

// templates finds the labels that a legend takes.
var templates = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// dashboardExpressions are those of panels, annotations and variables.
func dashboardExpressions(t *testing.T) []expression {
	t.Helper()
	files, err := filepath.Glob(repository + "/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	var found []expression
	for _, file := range files {
		var d dashboard
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := filepath.Base(file)
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				labels := labelsOf(q.LegendFormat)
				if q.Format == "heatmap" {
					// Its le names classic buckets; a native histogram brings its own.
					labels = slices.DeleteFunc(labels, func(l string) bool { return l == "le" })
				}
				found = append(found, expression{name + ": " + p.Title + ": " + q.RefID, q.Expr, labels, true})
			}
		}
		for _, a := range d.Annotations.List {
			found = append(found, expression{name + ": annotation " + a.Name, a.Expr, labelsOf(a.TextFormat), true})
		}
		for _, v := range d.Templating.List {
			if query, ok := v.Query.(map[string]any); ok {
				text, _ := query["query"].(string)
				found = append(found, labelValues(t, name+": variable "+v.Name, text))
			}
		}
	}
	return found
}

func labelsOf(legend string) []string {
	var names []string
	for _, m := range templates.FindAllStringSubmatch(legend, -1) {
		names = append(names, m[1])
	}
	return names
}

// labelValues is what a variable's label_values(series, label) asks for.
func labelValues(t *testing.T, where, query string) expression {
	t.Helper()
	m := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(query)
	if m == nil {
		t.Fatalf("%s: not understood: %q", where, query)
	}
	return expression{where, m[1], []string{m[2]}, false}
}

// ruleFile is what both files of rules have in common.
type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Record, Alert, Expr string
			Labels, Annotations map[string]string
		}
	}
}

func readRules(t *testing.T) ruleFile {
	t.Helper()
	var all ruleFile
	for _, file := range []string{"prefetch_settings.yml", "prefetch_rules.yml"} {
		content, err := os.ReadFile(repository + "/alerts/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var rules ruleFile
		if err := yaml.Unmarshal(content, &rules); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all.Groups = append(all.Groups, rules.Groups...)
	}
	return all
}

var (
	// ruleLabels finds the labels that an annotation takes from the alert.
	ruleLabels = regexp.MustCompile(`\$labels\.(\w+)`)
	// queries finds the queries of annotations; %s in one stands for matchers of
	// labels that the alert has.
	queries = regexp.MustCompile(`query (?:"([^"]+)"|\(printf "([^"]+)")`)
)

// ruleExpressions are those of rules and of the queries in their annotations.
func ruleExpressions(t *testing.T) []expression {
	t.Helper()
	var found []expression
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			where := "rule " + r.Record + r.Alert
			e := expression{where: where, text: r.Expr}
			for name, text := range r.Annotations {
				for _, m := range ruleLabels.FindAllStringSubmatch(text, -1) {
					e.labels = append(e.labels, m[1])
				}
				for _, m := range queries.FindAllStringSubmatch(text, -1) {
					query := strings.ReplaceAll(m[1]+m[2], "%s", "")
					found = append(found, expression{where: where + ": " + name, text: query})
				}
			}
			found = append(found, e)
		}
	}
	return found
}

// documentExpressions are those in blocks of ```promql, of which every
// unindented line begins one.
func documentExpressions(t *testing.T) []expression {
	t.Helper()
	files, err := filepath.Glob(repository + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []expression
	for _, file := range append(files, repository+"/alerts/runbooks.md") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(content), -1) {
			for line := range strings.Lines(block[1]) {
				if line = strings.TrimSpace(line); line != "" {
					found = append(found, expression{where: filepath.Base(file), text: line})
				}
			}
		}
	}
	return found
}
