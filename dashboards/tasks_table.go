package dashboards

import (
	"fmt"
	"strconv"
	"strings"
)

// The states of a task, worst last; the table is sorted by them.
const (
	stateWarm = iota
	stateRecovered
	stateRunning
	stateSlow
	stateNoAnswer
	stateLost
	stateFailures
	stateLate
)

// perTask takes one of several exporters that watch the same task, and sumPerTask
// sums what one of them knows.
const (
	perTask    = `max by (provider, account, task) `
	sumPerTask = `sum by (provider, account, task) `
)

// newestAnswer is the one exporter, of several that watch the same task, that has
// the newest answer.
const newestAnswer = `topk by (provider, account, task) (1, prefetch_task_last_refresh_timestamp_seconds{T})`

// Of each task: what share is on the edge, when that must be all, when it was
// last answered, whether URLs are still to come. A lost task is unsettled too, but
// nothing is to come of it.
const (
	taskRatio   = perTask + `(prefetch_task_success_ratio{T} and ` + newestAnswer + `)`
	taskDue     = perTask + `(prefetch_task_deadline_timestamp_seconds{T})`
	taskAsked   = perTask + `(prefetch_task_last_refresh_timestamp_seconds{T})`
	taskSettled = perTask + `(prefetch_task_settled{T}) == 1`
	// taskLost asks all exporters that watch the task: one may have the answer that
	// another had no luck with.
	taskLost  = `min by (provider, account, task) (prefetch_task_lost{T}) == 1`
	unsettled = `(` + perTask + `(prefetch_task_settled{T}) == 0 unless ` + taskLost + `)`
)

// failedStill are the failed URLs of each task that no later task warmed.
const failedStill = perTask + `(
  sum without (status) (prefetch_task_urls{T, status="failed"}) - prefetch_task_failed_urls_recovered{T} and ` + newestAnswer + `
)`

// someFailed are those of them that are not zero: few tasks, and so quick to ask for.
const someFailed = perTask + `(
  sum without (status) (prefetch_task_urls{T, status="failed"} > 0) - prefetch_task_failed_urls_recovered{T} > 0 and ` + newestAnswer + `
)`

// recovered are the failed URLs of each task that a later one warmed.
const recovered = perTask + `(prefetch_task_failed_urls_recovered{T} and ` + newestAnswer + `)`

// warm are the tasks whose URLs are all on the edge, by a later task too.
func warm() string {
	return `(` + taskRatio + ` == 1 or (` + taskSettled + ` unless ` + someFailed + `))`
}

// late are the tasks that should be warm and are not, lost ones aside.
func late() string { return taskDue + ` < time() unless ` + warm() + ` unless ` + taskLost }

// old are the settled tasks of which no alert tells any more: whoever wanted to do
// something about their failures has done it.
func old() string {
	return fmt.Sprintf(`(time() - %s >= %d and %s)`, taskAsked, failureAlert, taskSettled)
}

// What urls takes beside a single status.
const (
	anyStatus = ""
	final     = "succeeded|failed"
)

// urls are the URLs of each task by status, of the statuses that the pattern
// matches. They are of one exporter's answer: those of two do not add up, for a
// URL that waits in the older one has succeeded in the newer.
func urls(statuses string) string { return urlsBefore(statuses, "") }

// urlsBefore are the URLs as they were so long ago.
func urlsBefore(statuses, ago string) string {
	matchers, offset := "{T}", ""
	if statuses != anyStatus {
		matchers = `{T, status=~"` + statuses + `"}`
	}
	if ago != "" {
		offset = " offset " + ago
	}
	return `(prefetch_task_urls` + matchers + offset + ` and ignoring (status) ` +
		strings.Replace(newestAnswer, "{T}", "{T}"+offset, 1) + `)`
}

// taskState is the worst that is to be said of each task; that it is lost comes
// first, since all else follows from it and need not ask again.
func taskState() string {
	const unfinished = perTask + `(prefetch_task_settled{T}) == 0`
	states := []struct {
		tasks string
		state int
	}{
		{taskLost, stateLost},
		{taskDue + ` < time() unless ` + warm(), stateLate},
		{someFailed, stateFailures},
		{perTask + `(prefetch_task_up{T}) == 0 and ` + unfinished, stateNoAnswer},
		{fmt.Sprintf(`%s(prefetch_task_age_seconds{T}) > %d and %s`, perTask, usualDuration, unfinished), stateSlow},
		{unfinished, stateRunning},
		{perTask + `(prefetch_task_failed_urls_recovered{T}) > 0`, stateRecovered},
		{perTask + `(prefetch_task_settled{T})`, stateWarm},
	}
	lines := make([]string, len(states))
	for i, s := range states {
		lines[i] = fmt.Sprintf(`0 * (%s) + %d`, s.tasks, s.state)
	}
	return strings.Join(lines, "\nor ")
}

// nothing keeps what is not there from the colour of the lowest threshold.
func nothing(text, color string) mapping {
	return mapping{Type: "special", Options: map[string]any{
		"match": "null", "result": map[string]any{"text": text, "color": color, "index": 0},
	}}
}

func stateMappings() []mapping {
	options := map[string]any{}
	for state, s := range map[int]struct{ text, color string }{
		stateWarm:      {"warm", colorGood},
		stateRecovered: {"recovered", colorGood},
		stateRunning:   {"running", colorRunning},
		stateSlow:      {"slow", colorWarn},
		stateNoAnswer:  {"no answer", colorWarn},
		stateLost:      {"lost", colorUnknown},
		stateFailures:  {"failures", colorBad},
		stateLate:      {"late", colorBad},
	} {
		options[strconv.Itoa(state)] = map[string]any{"text": s.text, "color": s.color, "index": stateLate - state}
	}
	return []mapping{{Type: "value", Options: options}}
}

// column is one number of the table of tasks.
type column struct {
	name, expr string
	width      int
	properties []property
}

func taskColumns() []column {
	seconds := []property{{"unit", "s"}, {"decimals", 0}}
	const (
		state  = 80
		narrow = 76
		middle = 92
		wide   = 115
	)
	columns := []column{{
		name: "State", expr: taskState(), width: state,
		properties: []property{
			{"custom.cellOptions", map[string]any{"type": "color-background"}}, {"custom.align", "left"}, {"mappings", stateMappings()},
		},
	}, {
		name: "On the edge", expr: taskRatio, width: wide,
		properties: []property{
			{"unit", "percentunit"}, {"min", 0}, {"max", 1}, {"color", fixed(colorGood)},
			{"custom.cellOptions", map[string]any{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}},
		},
	}}
	columns = append(columns, countColumns()...)
	return append(columns, column{
		name: "Age", expr: perTask + `(prefetch_task_age_seconds{T})`, width: narrow, properties: seconds,
	}, column{
		name: "Deadline in", expr: `(` + taskDue + ` unless ` + warm() + `) - time()`, width: middle,
		properties: append(colored(deadlineThresholds()), seconds...),
	}, column{
		name: "Data age", expr: `time() - ` + taskAsked + ` and ` + unsettled, width: state,
		properties: append(colored(dataAgeThresholds()), seconds...),
	})
}

// countColumns are the URLs by status, of the failed ones apart which a later task
// warmed; bad ones are coloured where there are any.
func countColumns() []column {
	columns := []column{
		{name: "Succeeded", width: 88},
		{name: "Failed", width: 64, expr: failedStill, properties: colored(steps(colorNeutral, from(1, colorBad)))},
		{name: "Recovered", width: 90, expr: recovered},
		{name: "Running", width: 70},
		{name: "Waiting", width: 70},
		{name: "Unknown", width: 78, properties: colored(steps(colorNeutral, from(1, colorUnknown)))},
	}
	for i := range columns {
		if c := &columns[i]; c.expr == "" {
			c.expr = sumPerTask + urls(strings.ToLower(c.name))
		}
	}
	return columns
}

// colored gives a cell's text the colour of its threshold.
func colored(t *thresholds) []property {
	return []property{{"custom.cellOptions", map[string]any{"type": "color-text"}}, {"thresholds", t}}
}

// taskTitles are the tasks with what they are called.
const taskTitles = `max by (provider, account, task, title) (prefetch_task_info{T})`

// tasksTable lists the tasks, the worst first.
func tasksTable(title, description string) panel {
	return table{
		title: title, description: description, width: width, sortedBy: "State", columns: taskColumns(),
		rows: query{expr: taskTitles},
	}.panel()
}

// failuresTable lists the tasks with failed URLs, those that failed last first.
func failuresTable() panel {
	const (
		narrow = 70
		wide   = 110
	)
	failed := sumPerTask + urls("failed") + ` > 0`
	before := sumPerTask + urlsBefore("failed", "$__range")
	return table{
		title: "Recent failures", width: 14, sortedBy: "New",
		description: "Tasks with failed URLs. \"New\" are those that failed in the time that is shown, \"Left\" those that no later task of " +
			"the account warmed. The vendors do not say why; the runbook of PrefetchFailedURLs helps to find out.",
		rows: query{expr: taskTitles + ` and on (provider, account, task) (` + failed + `)`},
		columns: []column{
			{name: "New", expr: `(` + failed + `) - ` + before + ` or ` + failed, width: narrow},
			{name: "Failed", expr: failed, width: narrow},
			{
				name: "Left", expr: failedStill + ` and ` + failed, width: narrow,
				properties: colored(steps(colorNeutral, from(1, colorBad))),
			},
			{name: "URLs", expr: sumPerTask + urls(anyStatus) + ` and ` + failed, width: narrow},
			{
				name: "Age", expr: perTask + `(prefetch_task_age_seconds{T}) and ` + failed, width: wide,
				properties: []property{{"unit", "s"}, {"decimals", 0}},
			},
		},
	}.panel()
}

// table is a line for each task, with numbers in columns.
type table struct {
	title, description string
	width              int
	// rows gives the tasks, and with a label title what they are called. Its
	// value means nothing.
	rows     query
	columns  []column
	sortedBy string
}

func (t table) panel() panel {
	queries := []query{t.rows}
	names := map[string]any{"account": "Account", "task": "Task", "title": "Title"}
	const first, afterLabels = 0, 4
	order := map[string]any{"account": 1, "task": 2, "title": 3}
	overrides := []override{
		override1("Account", property{"custom.width", 92}),
		override1("Task", property{"custom.minWidth", 160}, property{"links", []link{taskLink()}}),
		override1("Title", property{"custom.minWidth", 100}),
	}
	for i, c := range t.columns {
		queries = append(queries, query{expr: c.expr})
		value := "Value #" + refID(i+1)
		names[value], order[value] = c.name, afterLabels+i
		if c.name == "State" {
			order[value] = first
		}
		overrides = append(overrides, override1(c.name, append([]property{{"custom.width", c.width}}, c.properties...)...))
	}
	targets := instantTargets(queries...)
	for i := range targets {
		targets[i].Format = "table"
	}
	source := prometheus()
	return panel{
		Type: "table", Title: t.title, Description: t.description, GridPos: gridPos{W: t.width}, Datasource: &source, Targets: targets,
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Unit: "short", NoValue: "–", Mappings: []mapping{nothing("–", colorNeutral)}, Color: byThreshold(), Thresholds: steps(colorNeutral),
				Custom: map[string]any{"align": "auto", "cellOptions": map[string]any{"type": "auto"}, "filterable": false, "inspect": false},
			},
			Overrides: overrides,
		},
		Options: map[string]any{"showHeader": true, "cellHeight": "sm", "sortBy": []map[string]any{}},
		Transformations: []transformation{
			{ID: "merge", Options: map[string]any{}},
			{ID: "organize", Options: map[string]any{
				"excludeByName": map[string]any{"Time": true, "Value #A": true, "provider": true}, "renameByName": names, "indexByName": order,
			}},
			// Not the panel's own sorting, which a viewer's click replaces.
			{ID: "sortBy", Options: map[string]any{
				"fields": map[string]any{}, "sort": []map[string]any{{"field": t.sortedBy, "desc": true}},
			}},
		},
	}
}

// taskLink leads from a task's id to its own dashboard.
func taskLink() link {
	return link{
		Title: "Open this task",
		URL: "/d/" + uidTask + "?${__url_time_range}&var-datasource=${datasource}" +
			"&var-account=${__data.fields.Account:percentencode}&var-task=${__value.raw:percentencode}",
	}
}
