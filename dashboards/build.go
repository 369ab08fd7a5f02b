package dashboards

import (
	"strings"
)

// All returns the dashboards. Their files are named by their UID.
func All() []Dashboard {
	return []Dashboard{overview(), task(), budget()}
}

// The UIDs, by which dashboards and alerts link to each other.
const (
	uidOverview = "prefetch-overview"
	uidTask     = "prefetch-task"
	uidBudget   = "prefetch-api-budget"
)

const tag = "prefetch"

// The matchers that every query has, written {E, {A and {T in this package's
// queries: of an exporter, an account, a task.
const (
	matchExporter = `{job=~"$job", instance=~"$instance"`
	matchAccount  = matchExporter + `, provider=~"$provider", account=~"$account"`
	matchTask     = matchAccount + `, task=~"$task"`
)

// promQL completes a query's matchers.
func promQL(query string) string {
	return strings.NewReplacer("{E", matchExporter, "{A", matchAccount, "{T", matchTask).Replace(query)
}

func prometheus() datasource { return datasource{Type: "prometheus", UID: "${datasource}"} }

// depth is how far down the variables of a dashboard go.
type depth int

const (
	toAccount depth = iota
	toTask
	// toChosenTask has no "All" for the task: the dashboard is of those that are
	// chosen.
	toChosenTask
)

func variables(d depth) templating {
	list := []variable{
		{
			Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1,
			Current: map[string]any{},
		},
		labelVariable("job", "Job", `label_values(prefetch_exporter_build_info, job)`),
		labelVariable("instance", "Instance", `label_values(prefetch_exporter_build_info{job=~"$job"}, instance)`),
		labelVariable("provider", "Provider", promQL(`label_values(prefetch_account_up{E}, provider)`)),
		labelVariable("account", "Account", promQL(`label_values(prefetch_account_up{E, provider=~"$provider"}, account)`)),
	}
	if d >= toTask {
		v := labelVariable("task", "Task", promQL(`label_values(prefetch_task_settled{A}, task)`))
		if d == toChosenTask {
			v.IncludeAll, v.AllValue, v.Current = false, "", map[string]any{}
		}
		list = append(list, v)
	}
	return templating{List: list}
}

// labelVariable offers the values of a label, several at a time.
func labelVariable(name, label, query string) variable {
	const (
		onTimeRange  = 2 // tasks come and go with the time that is shown
		alphabetical = 1
	)
	source := prometheus()
	return variable{
		Name: name, Label: label, Type: "query", Datasource: &source,
		Query:   map[string]any{"query": query, "refId": "variable-" + name, "qryType": 5},
		Refresh: onTimeRange, Sort: alphabetical,
		Multi: true, IncludeAll: true, AllValue: ".+",
		Current: map[string]any{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
	}
}

// newDashboard is a dashboard without panels. Its queries know $task if its
// variables do.
func newDashboard(uid, title, description string, d depth) Dashboard {
	matchers := "{A}"
	if d >= toTask {
		matchers = "{T}"
	}
	const sharedCrosshair = 1
	return Dashboard{
		UID: uid, Title: title, Description: description,
		Tags: []string{tag, "cdn"}, GraphTooltip: sharedCrosshair, Schema: schemaVersion, Version: 1,
		Timezone: "browser", Refresh: "30s", Time: timeRange{From: "now-3h", To: "now"},
		Annotations: annotations{List: []annotation{
			moments("Task created", colorRunning, "prefetch_task_created_timestamp_seconds"+matchers, d),
			moments("Task finished", colorGood, "prefetch_task_finished_timestamp_seconds"+matchers, d),
		}},
		Templating: variables(d),
		Links: []link{{
			Title: "Prefetch dashboards", Type: "dashboards", Tags: []string{tag},
			AsDropdown: false, IncludeVars: true, KeepTime: true,
		}},
	}
}

// moments marks what a metric gives the time of. Where every task is shown they
// are off at first: hundreds of marks hide the lines.
func moments(name, color, metric string, d depth) annotation {
	return annotation{
		Name: name, Datasource: prometheus(), Enable: d != toAccount, IconColor: color,
		Expr: promQL("1000 * max by (provider, account, task) (" + metric + ")"), Step: "60s",
		Title: name, Text: "{{account}} / {{task}}", ValueIsTime: true,
	}
}

// layout places panels from left to right and line by line.
type layout struct {
	panels []panel
	y      int
}

// row begins a part of the dashboard.
func (l *layout) row(title string) {
	collapsed := false
	l.add(panel{Type: "row", Title: title, GridPos: gridPos{W: width, H: 1}, Collapsed: &collapsed, Panels: &[]panel{}})
	l.y++
}

// width is that of every dashboard, in Grafana's columns.
const width = 24

// The heights of lines of panels, in Grafana's rows.
const (
	statHeight       = 4
	statListHeight   = 5
	graphHeight      = 8
	tallGraphHeight  = 9
	tableHeight      = 13
	shortTableHeight = 7
)

// line places panels of one height beside each other; their widths are set.
func (l *layout) line(height int, panels ...panel) {
	x := 0
	for _, p := range panels {
		p.GridPos.X, p.GridPos.H = x, height
		x += p.GridPos.W
		l.add(p)
	}
	l.y += height
}

func (l *layout) add(p panel) {
	p.ID = len(l.panels) + 1
	p.GridPos.Y = l.y
	l.panels = append(l.panels, p)
}

// query is one query of a panel.
type query struct {
	expr, legend string
}

// rangeTargets are queries over the time that is shown.
func rangeTargets(queries ...query) []target {
	targets := make([]target, len(queries))
	for i, q := range queries {
		targets[i] = newTarget(i, q)
		targets[i].Range = true
	}
	return targets
}

// instantTargets are queries of the end of the time that is shown.
func instantTargets(queries ...query) []target {
	targets := make([]target, len(queries))
	for i, q := range queries {
		targets[i] = newTarget(i, q)
		targets[i].Instant = true
	}
	return targets
}

func newTarget(i int, q query) target {
	return target{
		RefID: refID(i), Datasource: prometheus(), Expr: promQL(q.expr), Legend: q.legend, EditorMode: "code",
	}
}

// refID is the name of a panel's i-th query.
func refID(i int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return letters[i : i+1]
}
