package alerts_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/alerts"
	"prefetch_exporter/internal/programtest"
)

const (
	rulesFile    = "prefetch_rules.yml"
	settingsFile = "prefetch_settings.yml"
)

// rule is an alert, or a recording where Record is set.
type rule struct {
	Record        string            `yaml:"record"`
	Alert         string            `yaml:"alert"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for"`
	KeepFiringFor string            `yaml:"keep_firing_for"`
	Labels        map[string]string `yaml:"labels"`
	Annotations   map[string]string `yaml:"annotations"`
}

// TestPromtool has Prometheus' own tool check the rules and run their tests.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := programtest.Path(t, "promtool")
	runs := map[string][]string{
		"check rules": {"check", "rules", "--lint=all", "--lint-fatal", rulesFile, settingsFile},
	}
	for _, file := range testFiles(t) {
		runs[file] = []string{"test", "rules", file}
	}
	for name, args := range runs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
				t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
}

// notification is what Alertmanager gives to the templates, of a task whose
// failure is told and whose risk is over.
const notification = `{
  "status": "firing", "receiver": "tickets", "externalURL": "",
  "groupLabels": {"account": "edge", "task": "3ff5"},
  "commonLabels": {"account": "edge", "task": "3ff5", "severity": "warning"},
  "commonAnnotations": {"title": "The launch", "status_url": "http://exporter/tasks?task=3ff5"},
  "alerts": [{
    "status": "firing", "labels": {"account": "edge", "task": "3ff5"}, "startsAt": "2026-11-21T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
    "annotations": {
      "summary": "Some URLs failed.", "description": "Failed: 1.", "title": "The launch", "counts": "1 failed, 2 succeeded", "ratio": "66.67%",
      "status_url": "http://exporter/tasks?task=3ff5", "dashboard_url": "http://grafana", "runbook_url": "http://exporter/runbooks/"
    }
  }, {
    "status": "resolved", "labels": {"account": "edge", "task": "3ff5"}, "startsAt": "2026-11-21T10:00:00Z", "endsAt": "2026-11-21T12:48:59+01:00",
    "annotations": {
      "summary": "It may miss its deadline.", "description": "In 5m.", "title": "The launch", "counts": "1 running, 2 succeeded", "ratio": "33.33%",
      "status_url": "http://exporter/tasks?task=3ff5"
    }
  }]
}`

// TestNotifications: people read what a task is called and where it is shown; and
// of an alert that ended when that was, but no number of the trouble.
func TestNotifications(t *testing.T) {
	t.Parallel()
	amtool := programtest.Path(t, "amtool")
	data := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(data, []byte(notification), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), amtool, "template", "render", "--template.glob=templates/*.tmpl", "--template.data="+data,
		"--template.text="+`{{ template "prefetch.title" . }}{{ "\n" }}{{ template "prefetch.link" . }}{{ "\n" }}{{ template "prefetch.text" . }}`,
	).CombinedOutput()
	if err != nil {
		t.Fatalf("amtool: %v\n%s", err, out)
	}
	const want = `[warning] Prefetch The launch · 3ff5 (edge)
http://exporter/tasks?task=3ff5
Some URLs failed.
Failed: 1.
Title: The launch
URLs: 1 failed, 2 succeeded
On the edge: 66.67%
Status: http://exporter/tasks?task=3ff5
Dashboard: http://grafana
What to do: http://exporter/runbooks/

Ended at 2026-11-21 11:48 UTC: It may miss its deadline. The launch · 3ff5
Now: http://exporter/tasks?task=3ff5
`
	if got := strings.TrimRight(string(out), "\n") + "\n"; got != want {
		t.Errorf("people read\n%s\nwant\n%s", got, want)
	}
}

// anchor finds where a runbook_url leads within the runbooks.
var anchor = regexp.MustCompile(`/runbooks/#([a-z]+)$`)

// TestAlertsAreComplete: whoever is notified learns what is the matter, how bad
// it is, and where to read on.
func TestAlertsAreComplete(t *testing.T) {
	t.Parallel()
	headings := runbookHeadings()
	for _, r := range readAlerts(t) {
		t.Run(r.Alert, func(t *testing.T) {
			t.Parallel()
			if !strings.HasPrefix(r.Alert, "Prefetch") {
				t.Error("the name does not begin with Prefetch")
			}
			if s := r.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, s) {
				t.Errorf("severity %q", s)
			}
			if s := r.Annotations["summary"]; s == "" || strings.Contains(s, "{{") || strings.Count(s, ".") != 1 || !strings.HasSuffix(s, ".") {
				t.Errorf("the summary is not one static sentence with a full stop: %q", s)
			}
			if s := r.Annotations["description"]; s == "" || !strings.HasSuffix(strings.TrimSuffix(s, "{{ end }}"), ".") {
				t.Errorf("the description does not end with a full stop: %q", s)
			}
			if r.Annotations["dashboard_url"] == "" {
				t.Error("no dashboard_url")
			}
			m := anchor.FindStringSubmatch(r.Annotations["runbook_url"])
			if m == nil || m[1] != strings.ToLower(r.Alert) {
				t.Errorf("runbook_url does not end with the anchor of the alert: %q", r.Annotations["runbook_url"])
			}
			if !slices.Contains(headings, r.Alert) {
				t.Error("no section in runbooks.md")
			}
			if strings.Contains(r.Annotations["description"], "$labels.task ") {
				for _, name := range []string{"title", "counts", "ratio"} {
					if r.Annotations[name] == "" {
						t.Errorf("an alert of a task without its %s", name)
					}
				}
			}
			// What it was when the alert last fired comes with the message that it ended.
			if d := r.Annotations["description"]; strings.Contains(d, "$value") && !strings.Contains(d, "{{ $now }}") && r.Alert != "PrefetchTaskStuck" {
				t.Errorf("the description has a number without its time: %q", d)
			}
		})
	}
}

// dashboardLink finds the uid of the dashboard that a dashboard_url leads to.
var dashboardLink = regexp.MustCompile(`/d/([a-z-]+)`)

func TestDashboardLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range files {
		known[strings.TrimSuffix(filepath.Base(f), ".json")] = true
	}
	for _, r := range readAlerts(t) {
		m := dashboardLink.FindStringSubmatch(r.Annotations["dashboard_url"])
		if m == nil || !known[m[1]] {
			t.Errorf("%s: no dashboard at %q", r.Alert, r.Annotations["dashboard_url"])
		}
	}
}

// TestRunbooksFitAlerts: every section belongs to an alert, tells what everybody
// needs to know, and every link within the page leads to a section.
func TestRunbooksFitAlerts(t *testing.T) {
	t.Parallel()
	var names []string
	for _, r := range readAlerts(t) {
		names = append(names, r.Alert)
	}
	anchors := map[string]bool{}
	for section := range strings.SplitSeq(alerts.Runbooks(), "\n## ") {
		name, text, _ := strings.Cut(section, "\n")
		if strings.HasPrefix(name, "# ") {
			continue
		}
		anchors[strings.ToLower(name)] = true
		if !slices.Contains(names, name) {
			t.Errorf("section %q belongs to no alert", name)
		}
		for _, part := range []string{"**What the user sees.**", "**Check.**", "**Usual causes", "**What to do.**"} {
			if !strings.Contains(text, part) {
				t.Errorf("section %s does not tell %s", name, part)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(alerts.Runbooks(), -1) {
		if !anchors[m[1]] {
			t.Errorf("the link #%s leads nowhere", m[1])
		}
	}
}

// TestRunbooksTellTheSeverity: the first word of a section is the severity.
func TestRunbooksTellTheSeverity(t *testing.T) {
	t.Parallel()
	for _, r := range readAlerts(t) {
		want := "\n## " + r.Alert + "\n\n*" + strings.ToUpper(r.Labels["severity"][:1]) + r.Labels["severity"][1:] + ".* "
		if !strings.Contains(alerts.Runbooks(), want) {
			t.Errorf("the section of %s does not begin with its severity %s", r.Alert, r.Labels["severity"])
		}
	}
}

// recorded finds names of recordings in an expression, a template or a text.
var recorded = regexp.MustCompile(`prefetch:[a-z0-9_:]*[a-z0-9]`)

// TestRecordingsAndSettingsAreUsed: nothing is recorded for nothing, and nothing
// is used that is not recorded.
func TestRecordingsAndSettingsAreUsed(t *testing.T) {
	t.Parallel()
	defined, used := map[string]bool{}, map[string]bool{}
	for _, file := range []string{rulesFile, settingsFile} {
		for _, r := range readRules(t, file) {
			if r.Record != "" {
				if defined[r.Record] {
					t.Errorf("%s is recorded twice", r.Record)
				}
				defined[r.Record] = true
			}
			for _, text := range append(slices.Collect(maps.Values(r.Annotations)), r.Expr) {
				for _, name := range recorded.FindAllString(text, -1) {
					used[name] = true
				}
			}
		}
	}
	for name := range used {
		if !defined[name] {
			t.Errorf("%s is used and not recorded", name)
		}
	}
	for name := range defined {
		if !used[name] {
			t.Errorf("%s is recorded and not used", name)
		}
	}
	for _, name := range recorded.FindAllString(alerts.Runbooks(), -1) {
		if !defined[name] {
			t.Errorf("the runbooks use %s, which is not recorded", name)
		}
	}
}

// lonely finds settings that are taken as a number as if there were one only.
var lonely = regexp.MustCompile(`scalar\(\s*prefetch:|[^(]prefetch:setting:\w+_(?:min|max|seconds|factor)\b`)

// TestSettingsMayExistTwice: in rules and dashboards each setting is reduced to
// one number first. doubled_settings_test.yml shows what becomes of alerts else.
func TestSettingsMayExistTwice(t *testing.T) {
	t.Parallel()
	for _, r := range readRules(t, rulesFile) {
		for _, text := range append(slices.Collect(maps.Values(r.Annotations)), r.Expr) {
			if found := lonely.FindString(text); found != "" {
				t.Errorf("%s%s takes %q as if it existed once", r.Alert, r.Record, found)
			}
		}
	}
	files, err := filepath.Glob("../dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"expr": "([^\n]*)"`).FindAllStringSubmatch(string(content), -1) {
			if found := lonely.FindString(m[1]); found != "" {
				t.Errorf("%s takes %q as if it existed once", f, found)
			}
		}
	}
}

// TestEveryAlertIsTested: of every alert there is a moment at which it must fire,
// with its annotations, and one at which it must not.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, file := range testFiles(t) {
		var content struct {
			Tests []struct {
				AlertRuleTest []struct {
					AlertName string `yaml:"alertname"`
					ExpAlerts []struct {
						ExpAnnotations map[string]string `yaml:"exp_annotations"`
					} `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		readYAML(t, file, &content)
		for _, test := range content.Tests {
			for _, c := range test.AlertRuleTest {
				if len(c.ExpAlerts) == 0 {
					silent[c.AlertName] = true
				}
				for _, a := range c.ExpAlerts {
					fires[c.AlertName] = fires[c.AlertName] || a.ExpAnnotations["summary"] != ""
				}
			}
		}
	}
	for _, r := range readAlerts(t) {
		if !fires[r.Alert] {
			t.Errorf("%s: no case in which it fires", r.Alert)
		}
		if !silent[r.Alert] {
			t.Errorf("%s: no case in which it does not fire", r.Alert)
		}
	}
}

// TestAlertmanagerExampleFitsRules: the example names only alerts, severities
// and templates that exist.
func TestAlertmanagerExampleFitsRules(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("alertmanager.example.yml")
	if err != nil {
		t.Fatal(err)
	}
	templates, err := os.ReadFile("templates/prefetch.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	severities := map[string]bool{}
	for _, r := range readAlerts(t) {
		names = append(names, r.Alert)
		severities[r.Labels["severity"]] = true
	}
	for _, name := range regexp.MustCompile(`Prefetch[A-Z]\w+`).FindAllString(string(example), -1) {
		if !slices.Contains(names, name) {
			t.Errorf("the example names %s, which is no alert", name)
		}
	}
	for _, m := range regexp.MustCompile(`severity="(\w+)"`).FindAllStringSubmatch(string(example), -1) {
		if !severities[m[1]] {
			t.Errorf("the example routes severity %s, which no alert has", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`template "([^"]+)"`).FindAllStringSubmatch(string(example), -1) {
		if !strings.Contains(string(templates), `{{ define "`+m[1]+`"`) {
			t.Errorf("the example uses the template %s, which is not defined", m[1])
		}
	}
}

// TestManualIsUpToDate: docs/alerts.md lists every alert with its severity and
// every setting with its value.
func TestManualIsUpToDate(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(content)
	list := readAlerts(t)
	for _, r := range list {
		line := "| [" + r.Alert + "](../alerts/runbooks.md#" + strings.ToLower(r.Alert) + ") | " + r.Labels["severity"] + " | "
		if !strings.Contains(manual, line) {
			t.Errorf("no line for %s, severity %s", r.Alert, r.Labels["severity"])
		}
	}
	if n := strings.Count(manual, "| [Prefetch"); n != len(list) {
		t.Errorf("%d lines for %d alerts", n, len(list))
	}
	for _, r := range readRules(t, settingsFile) {
		value, ok := strings.CutPrefix(r.Expr, "vector(")
		if len(r.Labels) > 0 {
			for name, address := range r.Labels {
				if address == "" {
					address = "empty"
				} else {
					address = "`" + address + "`"
				}
				if !strings.Contains(manual, "| `"+name+"` | "+address+" | ") {
					t.Errorf("no line for %s = %s", name, address)
				}
			}
			continue
		}
		if line := "| `" + r.Record + "` | " + strings.TrimSuffix(value, ")") + " | "; !ok || !strings.Contains(manual, line) {
			t.Errorf("no line for %s = %s", r.Record, r.Expr)
		}
	}
}

func runbookHeadings() []string {
	var headings []string
	for line := range strings.Lines(alerts.Runbooks()) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			headings = append(headings, strings.TrimSpace(name))
		}
	}
	return headings
}

func testFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("tests/*_test.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of rules: %v", err)
	}
	return files
}

func readAlerts(t *testing.T) []rule {
	t.Helper()
	found := slices.DeleteFunc(readRules(t, rulesFile), func(r rule) bool { return r.Alert == "" })
	if len(found) == 0 {
		t.Fatal("no alerts")
	}
	return found
}

func readRules(t *testing.T, file string) []rule {
	t.Helper()
	var content struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, file, &content)
	var rules []rule
	for _, g := range content.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
