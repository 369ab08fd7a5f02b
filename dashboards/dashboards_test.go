// Package dashboards_test holds the dashboards to what is the same in all of them: what
// queries select, colours, thresholds, and where panels stand. It knows no metric's
// meaning; whether metrics exist is tested beside Prometheus' own parser.
package dashboards_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// dashboard is what the tests read of a file.
type dashboard struct {
	UID         string   `json:"uid"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Editable    *bool    `json:"editable"`
	Tags        []string `json:"tags"`
	Templating  struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name       string `json:"name"`
			Expr       string `json:"expr"`
			Datasource source `json:"datasource"`
		} `json:"list"`
	} `json:"annotations"`
	Panels []panel `json:"panels"`
}

type variable struct {
	Name       string `json:"name"`
	Label      string `json:"label"`
	Type       string `json:"type"`
	AllValue   string `json:"allValue"`
	Multi      bool   `json:"multi"`
	IncludeAll bool   `json:"includeAll"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Datasource  source `json:"datasource"`
	GridPos     struct {
		X int `json:"x"`
		Y int `json:"y"`
		W int `json:"w"`
		H int `json:"h"`
	} `json:"gridPos"`
	Targets         []target `json:"targets"`
	Options         any      `json:"options"`
	Transformations any      `json:"transformations"`
	FieldConfig     struct {
		Defaults struct {
			Unit     string `json:"unit"`
			NoValue  string `json:"noValue"`
			Mappings []struct {
				Options struct {
					Match string `json:"match"`
				} `json:"options"`
			} `json:"mappings"`
			Thresholds struct {
				Steps []struct {
					Color string   `json:"color"`
					Value *float64 `json:"value"`
				} `json:"steps"`
			} `json:"thresholds"`
		} `json:"defaults"`
		Overrides []struct {
			Matcher struct {
				Options string `json:"options"`
			} `json:"matcher"`
			Properties []struct {
				ID    string `json:"id"`
				Value any    `json:"value"`
			} `json:"properties"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
}

type target struct {
	RefID      string `json:"refId"`
	Expr       string `json:"expr"`
	Datasource source `json:"datasource"`
	Instant    bool   `json:"instant"`
	Range      bool   `json:"range"`
}

// withoutData are the types of panels that ask nothing of the data source.
func withoutData() []string { return []string{"row", "alertlist"} }

func TestDashboards(t *testing.T) {
	t.Parallel()
	for file, d := range read(t) {
		if d.UID+".json" != file {
			t.Errorf("%s: uid %q", file, d.UID)
		}
		if d.Editable == nil || *d.Editable {
			t.Errorf("%s: editable", file)
		}
		if !strings.HasPrefix(d.Title, "Prefetch / ") || d.Description == "" || !slices.Contains(d.Tags, "prefetch") {
			t.Errorf("%s: title %q, description %q, tags %v", file, d.Title, d.Description, d.Tags)
		}
	}
}

// TestPanelsAreComplete: every panel says what it shows, in which unit, and asks
// the data source that was chosen.
func TestPanelsAreComplete(t *testing.T) {
	t.Parallel()
	chosen := source{"prometheus", "${datasource}"}
	for file, d := range read(t) {
		ids := map[int]bool{}
		for _, p := range d.Panels {
			name := fmt.Sprintf("%s: panel %d %q", file, p.ID, p.Title)
			if p.Title == "" {
				t.Errorf("%s: no title", name)
			}
			if ids[p.ID] {
				t.Errorf("%s: its id is another panel's too", name)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				continue
			}
			if !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%s: no description that ends with a full stop: %q", name, p.Description)
			}
			if p.Datasource != chosen {
				t.Errorf("%s: data source %v", name, p.Datasource)
			}
			if slices.Contains(withoutData(), p.Type) {
				continue
			}
			if p.FieldConfig.Defaults.Unit == "" {
				t.Errorf("%s: no unit", name)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s: no query", name)
			}
			for _, q := range p.Targets {
				if q.Datasource != chosen {
					t.Errorf("%s: query %s: data source %v", name, q.RefID, q.Datasource)
				}
				if q.Instant == q.Range {
					t.Errorf("%s: query %s is not either of a moment or of a range", name, q.RefID)
				}
			}
		}
		for _, a := range d.Annotations.List {
			if a.Datasource != chosen || a.Expr == "" {
				t.Errorf("%s: annotation %q: data source %v, query %q", file, a.Name, a.Datasource, a.Expr)
			}
		}
	}
}

// TestQueriesSelectWhatIsChosen: every series is asked for by all the variables that
// its labels have.
func TestQueriesSelectWhatIsChosen(t *testing.T) {
	t.Parallel()
	const (
		ofExporter = `{job=~"$job", instance=~"$instance"`
		ofAccount  = ofExporter + `, provider=~"$provider", account=~"$account"`
		ofTask     = ofAccount + `, task=~"$task"`
	)
	selector := regexp.MustCompile(`\b((?:prefetch|process|go)_[a-z_]+)(\{[^}]*)?`)
	for file, d := range read(t) {
		hasTask := slices.ContainsFunc(d.Templating.List, func(v variable) bool { return v.Name == "task" })
		var exprs []string
		for _, a := range d.Annotations.List {
			exprs = append(exprs, a.Expr)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				exprs = append(exprs, q.Expr)
			}
		}
		for _, m := range selector.FindAllStringSubmatch(strings.Join(exprs, "\n"), -1) {
			want := ofAccount
			switch name := m[1]; {
			case !strings.HasPrefix(name, "prefetch_") || strings.HasPrefix(name, "prefetch_exporter_"):
				want = ofExporter
			case strings.HasPrefix(name, "prefetch_task_") && hasTask:
				want = ofTask
			}
			if m[2] != want && !strings.HasPrefix(m[2], want+", ") {
				t.Errorf("%s: %s is not asked for by %s}", file, m[0], want)
			}
		}
	}
}

// TestSharedQueries: what several panels ask for they ask for in one way.
func TestSharedQueries(t *testing.T) {
	t.Parallel()
	newest := regexp.MustCompile(`topk by \(provider, account, task\) \(1, [^)]*\)`)
	const want = `topk by (provider, account, task) (1, prefetch_task_last_refresh_timestamp_seconds{job=~"$job", instance=~"$instance", ` +
		`provider=~"$provider", account=~"$account", task=~"$task"}`
	all := read(t)
	for file, d := range all {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, asked := range newest.FindAllString(q.Expr, -1) {
					asked = regexp.MustCompile(` offset (30m|\$__range)`).ReplaceAllString(asked, "")
					if asked != want+")" {
						t.Errorf("%s: panel %q takes the newest answer by %s", file, p.Title, asked)
					}
				}
			}
		}
	}
	table := func(file, title string) panel {
		i := slices.IndexFunc(all[file].Panels, func(p panel) bool { return p.Title == title })
		if i < 0 {
			t.Fatalf("%s: no panel %q", file, title)
		}
		p := all[file].Panels[i]
		p.ID, p.Title, p.Description, p.GridPos = 0, "", "", all[file].Panels[0].GridPos
		return p
	}
	one, other := table("prefetch-overview.json", "Tasks"), table("prefetch-task.json", "Chosen tasks")
	other.GridPos = one.GridPos
	if diff := cmp.Diff(one, other); diff != "" {
		t.Errorf("the two tables of tasks differ:\n%s", diff)
	}
}

// TestPanelsFillTheirLines: none overlap, none stand outside, and no line has a
// hole.
func TestPanelsFillTheirLines(t *testing.T) {
	t.Parallel()
	const width = 24
	for file, d := range read(t) {
		taken := map[[2]int]int{}
		bottom := 0
		for _, p := range d.Panels {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok {
						t.Fatalf("%s: panels %d and %d overlap", file, other, p.ID)
					}
					if x >= width {
						t.Fatalf("%s: panel %d stands outside", file, p.ID)
					}
					taken[[2]int{x, y}] = p.ID
				}
			}
			bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
		}
		if len(taken) != width*bottom {
			t.Errorf("%s: %d of %d cells are empty", file, width*bottom-len(taken), width*bottom)
		}
	}
}

// TestVariablesAreUsed: a variable that changes nothing misleads, and one that is
// missing makes a query empty.
func TestVariablesAreUsed(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`\$\{?([a-z]+)\b`)
	for file, d := range read(t) {
		var texts []string
		for _, p := range d.Panels {
			texts = append(texts, p.Datasource.UID, p.Title)
			for _, q := range p.Targets {
				texts = append(texts, q.Expr)
			}
		}
		used, defined := map[string]bool{}, map[string]bool{}
		for _, m := range name.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
			used[m[1]] = true
		}
		for _, v := range d.Templating.List {
			if defined[v.Name] {
				t.Errorf("%s: variable %s is there twice", file, v.Name)
			}
			defined[v.Name] = true
			if v.Label == "" {
				t.Errorf("%s: variable %s has no label", file, v.Name)
			}
			if !used[v.Name] {
				t.Errorf("%s: variable %s is not used", file, v.Name)
			}
			if v.Type == "query" && (!v.Multi || v.IncludeAll && v.AllValue != ".+") {
				t.Errorf("%s: variable %s does not take several values, or all of them as .+", file, v.Name)
			}
		}
		for v := range used {
			if !defined[v] {
				t.Errorf("%s: $%s is not defined", file, v)
			}
		}
		for _, v := range []string{"datasource", "job", "instance", "provider", "account"} {
			if !defined[v] {
				t.Errorf("%s: no variable %s", file, v)
			}
		}
	}
}

// TestNothingIsNoAlarm: what is not there takes the colour of the lowest threshold,
// unless it has its own.
func TestNothingIsNoAlarm(t *testing.T) {
	t.Parallel()
	for file, d := range read(t) {
		for _, p := range d.Panels {
			defaults := p.FieldConfig.Defaults
			steps := defaults.Thresholds.Steps
			if defaults.NoValue == "" || len(steps) == 0 || !slices.Contains([]string{"red", "orange"}, steps[0].Color) {
				continue
			}
			if len(defaults.Mappings) == 0 || defaults.Mappings[len(defaults.Mappings)-1].Options.Match != "null" {
				t.Errorf("%s: %q of panel %q is %s", file, defaults.NoValue, p.Title, steps[0].Color)
			}
		}
	}
}

// TestNamesAreNoNumbers: the id 6241 of a task is not drawn as 6.24 K, as Grafana does
// with whatever looks like a number where the column has a unit.
func TestNamesAreNoNumbers(t *testing.T) {
	t.Parallel()
	for file, d := range read(t) {
		for _, p := range d.Panels {
			if p.Type != "table" {
				continue
			}
			units := map[string]any{}
			for _, o := range p.FieldConfig.Overrides {
				for _, property := range o.Properties {
					if property.ID == "unit" {
						units[o.Matcher.Options] = property.Value
					}
				}
			}
			names := []string{"Account", "Task", "Title"}
			if p.Title == "What the edge answered" {
				names = []string{"Account", "Task", "URL", "Asked by"}
			}
			for _, name := range names {
				if units[name] != "string" {
					t.Errorf("%s: panel %q: column %s has the unit %v", file, p.Title, name, units[name])
				}
			}
		}
	}
}

// TestLinksLeadSomewhere: every dashboard that is linked exists.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	known := read(t)
	for file := range known {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"/d/([^?"]+)`).FindAllStringSubmatch(string(content), -1) {
			if _, ok := known[m[1]+".json"]; !ok {
				t.Errorf("%s links to %s, which is no dashboard", file, m[1])
			}
		}
	}
}

// TestColoursMeanTheSame: a status has one colour wherever it is drawn.
func TestColoursMeanTheSame(t *testing.T) {
	t.Parallel()
	colors := map[string]map[string]bool{}
	for _, d := range read(t) {
		for _, p := range d.Panels {
			for _, o := range p.FieldConfig.Overrides {
				for _, property := range o.Properties {
					if property.ID == "color" {
						if colors[o.Matcher.Options] == nil {
							colors[o.Matcher.Options] = map[string]bool{}
						}
						colors[o.Matcher.Options][fmt.Sprint(property.Value)] = true
					}
				}
			}
		}
	}
	for _, status := range []string{"succeeded", "failed", "running", "waiting", "unknown"} {
		if colors[status] == nil {
			t.Errorf("%s has no colour", status)
		}
	}
	for name, c := range colors {
		if len(c) > 1 {
			t.Errorf("%s is drawn in several colours: %v", name, slices.Sorted(maps.Keys(c)))
		}
	}
}

// TestThresholdsAreThoseOfTheAlerts: what is red here is what somebody is told
// of, as the settings of the alerts are delivered.
func TestThresholdsAreThoseOfTheAlerts(t *testing.T) {
	t.Parallel()
	settings := readSettings(t)
	for _, tc := range []struct {
		file, panel string
		step        int
		setting     string
	}{
		{"prefetch-overview.json", "Lowest ratio", 1, "prefetch:setting:success_ratio_min"},
		{"prefetch-overview.json", "Success ratio by account", 1, "prefetch:setting:success_ratio_min"},
		{"prefetch-task.json", "Success ratio", 1, "prefetch:setting:success_ratio_min"},
		{"prefetch-overview.json", "Next deadline", 1, "prefetch:setting:deadline_near_seconds"},
		{"prefetch-overview.json", "Oldest data", 1, "prefetch:setting:data_age_max_seconds"},
		{"prefetch-overview.json", "Oldest data", 2, "prefetch:setting:data_age_budget_max_seconds"},
		{"prefetch-task.json", "Data age", 1, "prefetch:setting:data_age_max_seconds"},
		{"prefetch-task.json", "Edge hits", 1, "prefetch:setting:edge_hit_ratio_min"},
		{"prefetch-api-budget.json", "Budget used", 1, "prefetch:setting:budget_used_max"},
		{"prefetch-api-budget.json", "Time to ask for every unfinished task", 1, "prefetch:setting:backlog_max_seconds"},
	} {
		d := read(t)[tc.file]
		i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == tc.panel })
		if i < 0 {
			t.Errorf("%s: no panel %q", tc.file, tc.panel)
			continue
		}
		steps := d.Panels[i].FieldConfig.Defaults.Thresholds.Steps
		want := settings[tc.setting]
		if want == "" || tc.step >= len(steps) || steps[tc.step].Value == nil || fmt.Sprintf("vector(%v)", *steps[tc.step].Value) != want {
			t.Errorf("%s: panel %q, threshold %d is not %s = %s", tc.file, tc.panel, tc.step, tc.setting, want)
		}
	}
	slow := `prefetch_task_age_seconds{job=~"$job", instance=~"$instance", provider=~"$provider", account=~"$account", task=~"$task"}) > `
	want := slow + strings.Trim(settings["prefetch:setting:usual_duration_min_seconds"], "vector()")
	told := " >= " + strings.Trim(settings["prefetch:setting:failure_alert_seconds"], "vector()") + " and "
	for _, p := range read(t)["prefetch-overview.json"].Panels {
		if slices.Contains([]string{"Late tasks", "Failed URLs", "Lowest ratio"}, p.Title) && !strings.Contains(p.Targets[0].Expr, told) {
			t.Errorf("panel %q does not use prefetch:setting:failure_alert_seconds", p.Title)
		}
		if p.Title == "Tasks" && !slices.ContainsFunc(p.Targets, func(q target) bool { return strings.Contains(q.Expr, want) }) {
			t.Errorf("the state of a task does not use prefetch:setting:usual_duration_min_seconds")
		}
	}
}

// readSettings returns the expression of each setting of the alerts.
func readSettings(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("../alerts/prefetch_settings.yml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Record, Expr string }
		}
	}
	if err := yaml.Unmarshal(content, &rules); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			settings[r.Record] = r.Expr
		}
	}
	return settings
}

// read returns the dashboards by the names of their files.
func read(t *testing.T) map[string]dashboard {
	t.Helper()
	found := map[string]dashboard{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue
		}
		content, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
		found[f.Name()] = d
	}
	if len(found) == 0 {
		t.Fatal("there are no dashboards")
	}
	return found
}
