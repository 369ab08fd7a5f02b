package dashboards

import "fmt"

// overview answers: is everything warm?
func overview() Dashboard {
	d := newDashboard(uidOverview, "Prefetch / Overview",
		"Is everything that is to be launched on the edge, and if not, what is missing?", toTask)
	l := &layout{}
	l.line(statHeight, overviewStats()...)
	l.line(graphHeight,
		graph{
			title: "URLs by status", width: 12, unit: "short", stacked: true, min: new(0.0), overrides: statusColors(), interval: everyAnswer,
			description: "URLs of all selected tasks. Green is on the edge; red will not come any more. A drop means that a task left: " +
				"its list, or after its retention.",
			queries: statusQueries(),
		}.panel(),
		graph{
			title: "Success ratio by account", width: 12, unit: "percentunit", min: new(0.0), max: new(1.0), interval: everyAnswer,
			zones: steps(colorBad, from(ratioMin, colorGood)),
			description: "Succeeded URLs of all URLs of the account's selected tasks. The dashed line is what a task must reach " +
				"(prefetch:setting:success_ratio_min).",
			queries: []query{{
				`sum by (provider, account) ` + urls("succeeded") + `
/ sum by (provider, account) ` + urls(anyStatus), "{{account}}",
			}},
		}.panel(),
	)
	l.line(tableHeight, tasksTable("Tasks",
		"One line for each task, the worst first: late for its deadline, with failed URLs, lost (unknown to the vendor), without an "+
			"answer, slow (unfinished for half an hour), running, recovered, warm. \"On the edge\" is succeeded of all URLs; \"Recovered\" "+
			"are failed ones that a later task warmed. \"Deadline in\" is negative when it is over, and empty when everything is warm or no "+
			"deadline is set. \"Data age\" is of unfinished tasks only. Click a task to see it over time."))
	l.line(graphHeight,
		failuresTable(),
		alertList(),
	)
	d.Panels = l.panels
	return d
}

// everyAnswer is the least time between two points of a graph of all tasks: the
// default poll_interval. More of them show nothing new, and of 10,000 tasks they
// are more samples than Prometheus loads for a query.
const everyAnswer = "1m"

func statusQueries() []query {
	var queries []query
	for _, s := range statuses() {
		queries = append(queries, query{`sum` + urls(s), s})
	}
	return queries
}

// overviewStats are what somebody should look at now. What an alert has told of
// for long enough leaves them, and the table still shows it.
func overviewStats() []panel {
	const each = width / 8
	return []panel{
		stat{
			title: "Unfinished tasks", width: each, unit: "short", plain: true, decimals: new(0),
			description: "Tasks of which some URL is not final yet, lost ones aside.",
			queries:     []query{{expr: `count(` + unsettled + `) or vector(0)`}},
		}.panel(),
		stat{
			title: "Late tasks", width: each, unit: "short", thresholds: anyIsBad(), decimals: new(0),
			description: "Tasks whose deadline is over and that are not wholly on the edge. Finished ones count for two hours more " +
				"(prefetch:setting:failure_alert_seconds), lost ones do not.",
			queries: []query{{
				expr: fmt.Sprintf("count(%s unless (%s < time() - %d and %s)) or vector(0)", late(), taskDue, failureAlert, old()),
			}},
		}.panel(),
		stat{
			title: "Failed URLs", width: each, unit: "short", thresholds: anyIsBad(), noValue: "0", decimals: new(0),
			description: "URLs that the vendor gave up and that no later task warmed. They must be submitted again. Those of finished " +
				"tasks count for two hours (prefetch:setting:failure_alert_seconds).",
			queries: []query{{expr: `sum(` + someFailed + ` unless ` + old() + `)`}},
		}.panel(),
		stat{
			title: "Lowest ratio", width: each, unit: "percentunit", thresholds: ratioThresholds(), noValue: "none due", noColor: colorGood,
			decimals: new(0),
			description: "The least share on the edge among the tasks that finished in the last two hours " +
				"(prefetch:setting:failure_alert_seconds) or are past their deadline. Others are still filling.",
			queries: []query{{
				expr: `min((1 - ` + failedStill + ` / ` + sumPerTask + urls(anyStatus) + ` and ` + taskSettled + ` unless ` + old() + `)
or (` + taskRatio + ` and ` + taskDue + ` < time() and ` + unsettled + `))`,
			}},
		}.panel(),
		lostTasks(`count(`+taskLost+`) or vector(0)`, each),
		stat{
			title: "Next deadline", width: each, unit: "s", thresholds: nextDeadlineThresholds(), noValue: "none", noColor: colorGood,
			decimals: new(0),
			description: "Time to the next deadline of a task that is not wholly on the edge. Those that are over are no longer next: " +
				"\"Late tasks\" counts them.",
			queries: []query{{expr: `min((` + taskDue + ` unless ` + warm() + `) - time() >= 0)`}},
		}.panel(),
		stat{
			title: "Oldest data", width: each, unit: "s", thresholds: dataAgeThresholds(), noValue: "none", decimals: new(0),
			description: "Age of the oldest answer about an unfinished task; of one that was never answered, the age of the task.",
			queries: []query{{
				expr: `max(time() - (` + taskAsked + ` or ` + perTask + `(prefetch_task_created_timestamp_seconds{T})) and ` + unsettled + `)`,
			}},
		}.panel(),
		stat{
			title: "Accounts failing", width: each, unit: "short", thresholds: anyIsBad(), decimals: new(0),
			description: "Accounts whose last call failed for a reason that concerns the account: credentials, throttling, no answer.",
			queries: []query{{
				expr: `sum(max by (provider, account) (prefetch_account_failing{A, reason=~"auth|throttled|timeout|unavailable"}))`,
			}},
		}.panel(),
	}
}

// lostTasks tells of a wrong id as long as it is listed, and so is never red.
func lostTasks(expr string, columns int) panel {
	return stat{
		title: "Lost tasks", width: columns, unit: "short", thresholds: lostThresholds(), decimals: new(0),
		description: "Tasks of which the vendor knows nothing: a wrong id, most often.",
		queries:     []query{{expr: expr}},
	}.panel()
}

// alertList shows the alerts that fire. It asks Grafana's alerting and not a
// query, so it has no unit.
func alertList() panel {
	source := prometheus()
	const byImportance = 3
	return panel{
		Type: "alertlist", Title: "Alerts", GridPos: gridPos{W: 10}, Datasource: &source,
		Description: "Alerts of prefetch_rules.yml that fire or are about to.",
		Options: map[string]any{
			"alertName": "Prefetch", "dashboardAlerts": false, "groupMode": "default", "groupBy": []string{}, "maxItems": 20,
			"sortOrder": byImportance, "viewMode": "list", "alertInstanceLabelFilter": "", "showInactiveAlerts": false,
			"stateFilter": map[string]any{"firing": true, "pending": true, "noData": false, "normal": false, "error": true},
		},
	}
}
