package collector

import "slices"

// Metric describes one metric family of the exporter.
type Metric struct {
	// Name is the family's name in the text format, `_total` included.
	Name string
	// Help is the HELP text, one or more sentences.
	Help string
	// Type is "gauge", "counter" or "histogram".
	Type string
	// Labels are the names of the labels that every series has, in the order in
	// which they are documented. prefetch_task_info has the configured labels
	// besides.
	Labels []string
	// Group is the part of the exporter that the metric tells of, a heading of
	// the documentation.
	Group string
	// Absent says when there is no series; empty if there always is one for
	// each task, account or exporter.
	Absent string
}

// The values of [Metric.Type].
const (
	typeGauge     = "gauge"
	typeCounter   = "counter"
	typeHistogram = "histogram"
)

// The names of the labels.
const (
	labelProvider = "provider"
	labelAccount  = "account"
	labelTask     = "task"
	labelStatus   = "status"
	labelReason   = "reason"
	labelPhase    = "phase"
	labelQuery    = "query"
	labelSource   = "source"
)

// The names of the metrics.
const (
	nameTaskInfo        = "prefetch_task_info"
	nameTaskURLs        = "prefetch_task_urls"
	nameTaskSuccess     = "prefetch_task_success_ratio"
	nameTaskEdgeSuccess = "prefetch_task_edge_success_ratio"
	nameTaskRecovered   = "prefetch_task_failed_urls_recovered"
	nameTaskLost        = "prefetch_task_lost"
	nameTaskAge         = "prefetch_task_age_seconds"
	nameTaskCreated     = "prefetch_task_created_timestamp_seconds"
	nameTaskFinished    = "prefetch_task_finished_timestamp_seconds"
	nameTaskDeadline    = "prefetch_task_deadline_timestamp_seconds"
	nameTaskSettled     = "prefetch_task_settled"
	nameTaskUp          = "prefetch_task_up"
	nameTaskRefresh     = "prefetch_task_last_refresh_timestamp_seconds"

	nameAccountUp            = "prefetch_account_up"
	nameAccountFailing       = "prefetch_account_failing"
	nameAccountTasks         = "prefetch_account_tasks"
	nameAccountDropped       = "prefetch_account_tasks_dropped"
	nameAccountBacklog       = "prefetch_account_backlog_seconds"
	nameAccountWindow        = "prefetch_account_window_urls"
	nameAccountWindowRefresh = "prefetch_account_window_last_refresh_timestamp_seconds"

	nameAPIRequests = "prefetch_api_requests_total"
	nameAPIFailures = "prefetch_api_request_failures_total"
	nameAPIDuration = "prefetch_api_request_duration_seconds"
	nameAPILimit    = "prefetch_api_limit_calls"
	nameAPIPeriod   = "prefetch_api_limit_period_seconds"
	nameAPINextCall = "prefetch_api_next_call_timestamp_seconds"

	nameURLWait      = "prefetch_url_wait_seconds"
	nameURLFetch     = "prefetch_url_fetch_seconds"
	nameTaskDuration = "prefetch_task_duration_seconds"

	nameBuildInfo        = "prefetch_exporter_build_info"
	nameReloadOK         = "prefetch_exporter_config_last_reload_successful"
	nameReloadTime       = "prefetch_exporter_config_last_reload_success_timestamp_seconds"
	nameDiscoveryUp      = "prefetch_exporter_discovery_up"
	nameDiscoverySuccess = "prefetch_exporter_discovery_last_success_timestamp_seconds"
	nameRejected         = "prefetch_exporter_tasks_rejected"
	nameStoreErrors      = "prefetch_exporter_store_errors_total"
	nameLoopProgress     = "prefetch_exporter_loop_last_progress_timestamp_seconds"
	nameLogDropped       = "prefetch_exporter_log_messages_dropped_total"
)

// cachedNote ends the HELP of every gauge that tells what the vendor answered of a
// task: its value is as old as the last answer, and a reader of the exposition
// must learn how old that is. What is configured, worked out at the scrape, or told
// by a call that failed has another age, if any.
const cachedNote = " The value is cached; " + nameTaskRefresh + " tells how old it is."

// Metrics returns the table of all metrics of the exporter, in the order in
// which they are documented. What the collectors describe, docs/metrics.md and
// the checks of dashboards and alerts all come from it. The metrics of the Go
// runtime, the process and the scrape handler are not in it.
//
// The caller may change what it gets.
func Metrics() []Metric {
	return slices.Concat(taskMetrics(), accountMetrics(), apiMetrics(), durationMetrics(), exporterMetrics())
}

func taskLabels(more ...string) []string {
	return append([]string{labelProvider, labelAccount, labelTask}, more...)
}

func accountLabels(more ...string) []string {
	return append([]string{labelProvider, labelAccount}, more...)
}

func taskMetrics() []Metric {
	metrics := []Metric{
		{
			Name: nameTaskInfo,
			Help: "Constant 1 with the labels that were configured for the task.",
		}, {
			Name: nameTaskURLs, Labels: taskLabels(labelStatus),
			Help:   "URLs of the task by status. All statuses are published together and sum to the task's total." + cachedNote,
			Absent: "before the first answer; for an unsettled task whose data is older than `max_staleness`",
		}, {
			Name:   nameTaskSuccess,
			Help:   "Succeeded URLs of the task divided by all of its URLs, from 0 to 1." + cachedNote,
			Absent: "while no URL is known; for an unsettled task whose data is older than `max_staleness`",
		}, {
			Name: nameTaskEdgeSuccess,
			Help: "Mean of the vendor's own success rate of each URL over its edge nodes, of the URLs that were read, from 0 to 1." +
				cachedNote,
			Absent: "where the vendor gives no such rate; for an unsettled task whose data is older than `max_staleness`",
		}, {
			Name: nameTaskRecovered,
			Help: "Failed URLs of the task that a later task of the account, by the time of creation, shows as succeeded; " +
				"0 while there is none.",
			Absent: "before the first answer",
		}, {
			Name:   nameTaskLost,
			Help:   "1 while the task is lost, because the vendor does not know it, else 0.",
			Absent: "before the first answer or failure",
		}, {
			Name: nameTaskAge,
			Help: "Time since the task was created; negative if that is in the future, which tells of a wrong clock or time zone.",
		}, {
			Name: nameTaskCreated,
			Help: "When the task was created: the vendor's time, else the configured one, else when the exporter first saw it." + cachedNote,
		}, {
			Name: nameTaskFinished,
			Help: "When the last URL of the task became final: the vendor's time, else when the exporter first saw the task settled." +
				cachedNote,
			Absent: "unless the task is settled",
		}, {
			Name:   nameTaskDeadline,
			Help:   "When every URL of the task must be on the edge, as configured.",
			Absent: "where no deadline is configured",
		}, {
			Name: nameTaskSettled,
			Help: "1 if every URL of the task is final, succeeded or failed, else 0." + cachedNote,
		}, {
			Name: nameTaskUp,
			Help: "1 if the last vendor call about the task answered, 0 if it failed or there was none yet.",
		}, {
			Name: nameTaskRefresh,
			Help: "When an answer of the vendor last covered the task. A failed call does not move it. It tells how old the task's " +
				"cached metrics are, which are what the vendor answered.",
			Absent: "before the first answer",
		},
	}
	for i := range metrics {
		m := &metrics[i]
		m.Type, m.Group = typeGauge, "Tasks"
		if m.Labels == nil {
			m.Labels = taskLabels()
		}
	}
	return metrics
}

func accountMetrics() []Metric {
	const group = "Accounts"
	return []Metric{
		{
			Name: nameAccountUp, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help: "1 if the account's last vendor call answered, 0 if it failed or there was none yet. Restored when the exporter starts again.",
		}, {
			Name: nameAccountFailing, Type: typeGauge, Labels: accountLabels(labelReason), Group: group,
			Help: "1 for the reason for which the account's last vendor call failed, 0 for all others.",
		}, {
			Name: nameAccountTasks, Type: typeGauge, Labels: accountLabels(labelPhase), Group: group,
			Help: "Watched tasks of the account by phase.",
		}, {
			Name: nameAccountDropped, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help: "Tasks that are listed now but not watched, because the account is over its task_limit.",
		}, {
			Name: nameAccountBacklog, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help: "How long the configured limit needs to ask for every unsettled task of the account once, lost ones aside. " +
				"Above max_staleness the account's work exceeds its quota.",
		}, {
			Name: nameAccountWindow, Type: typeGauge, Labels: accountLabels(labelStatus), Group: group,
			Help: "URLs of everything in the account's look-back by status, whether the task is configured or not. The value is cached; " +
				nameAccountWindowRefresh + " tells how old it is.",
			Absent: "unless `watch_window` is on and all of the look-back was counted once",
		}, {
			Name: nameAccountWindowRefresh, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help:   "When the oldest part of " + nameAccountWindow + " that can still change was asked for.",
			Absent: "together with `" + nameAccountWindow + "`",
		},
	}
}

func apiMetrics() []Metric {
	const group = "API calls"
	return []Metric{
		{
			Name: nameAPIRequests, Type: typeCounter, Labels: accountLabels(labelQuery), Group: group,
			Help: "Calls made to the vendor's API, by the question that was asked.",
		}, {
			Name: nameAPIFailures, Type: typeCounter, Labels: accountLabels(labelReason), Group: group,
			Help: "Calls to the vendor's API that did not answer, by reason.",
		}, {
			Name: nameAPIDuration, Type: typeHistogram, Labels: accountLabels(), Group: group,
			Help: "How long calls to the vendor's API took, failed ones included.",
		}, {
			Name: nameAPILimit, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help: "Calls that the account may make in each period, as configured.",
		}, {
			Name: nameAPIPeriod, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help: "Length of the period of the account's limit of calls, as configured.",
		}, {
			Name: nameAPINextCall, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help: "When the budget allows the account's next call; in the past if one is allowed now, 0 if none was ever made.",
		},
	}
}

func durationMetrics() []Metric {
	const group = "Durations"
	return []Metric{
		{
			Name: nameURLWait, Type: typeHistogram, Labels: accountLabels(), Group: group,
			Help: "Time from the creation of a URL to the start of its fetch, by the vendor's times. Each URL that was read counts once.",
		}, {
			Name: nameURLFetch, Type: typeHistogram, Labels: accountLabels(), Group: group,
			Help: "Time from the start of a URL's fetch to its end, by the vendor's times. Each URL that was read counts once.",
		}, {
			Name: nameTaskDuration, Type: typeHistogram, Labels: accountLabels(), Group: group,
			Help: "Time from the creation of a task to the moment when its last URL became final. Each task counts once, " +
				"unless it had settled before it was first asked for and the vendor does not say when.",
		},
	}
}

func exporterMetrics() []Metric {
	const group = "Exporter"
	return []Metric{
		{
			Name: nameBuildInfo, Type: typeGauge, Group: group,
			Labels: []string{"version", "revision", "branch", "goversion", "goos", "goarch", "tags"},
			// The text of client_golang's version collector, which emits it.
			Help: "A metric with a constant '1' value labeled by version, revision, branch, goversion from which " +
				programName + " was built, and the goos and goarch for the build.",
		}, {
			Name: nameReloadOK, Type: typeGauge, Group: group,
			Help: "1 if the last attempt to load the configuration succeeded, else 0.",
		}, {
			Name: nameReloadTime, Type: typeGauge, Group: group,
			Help: "When the configuration was last loaded successfully; 0 if it never was.",
		}, {
			Name: nameDiscoveryUp, Type: typeGauge, Labels: []string{labelSource}, Group: group,
			Help:   "1 if the source of tasks could be read the last time, else 0. The source is files, or a URL without credentials and query.",
			Absent: "where `task_discovery` is not configured",
		}, {
			Name: nameDiscoverySuccess, Type: typeGauge, Labels: []string{labelSource}, Group: group,
			Help:   "When the source of tasks was last read successfully.",
			Absent: "before the source could be read once",
		}, {
			Name: nameRejected, Type: typeGauge, Labels: []string{labelReason}, Group: group,
			Help: "Tasks that are listed now but cannot be used, by reason.",
		}, {
			Name: nameStoreErrors, Type: typeCounter, Labels: []string{labelReason}, Group: group,
			Help: "Errors of the embedded store, by reason.",
		}, {
			Name: nameLoopProgress, Type: typeGauge, Labels: accountLabels(), Group: group,
			Help: "When the account's loop last did something, or had nothing to do. " +
				"It stays where it is while the loop hangs, or the disk that it writes to.",
		}, {
			Name: nameLogDropped, Type: typeCounter, Group: group,
			Help: "Lines of the log that were dropped, since nobody read the log.",
		},
	}
}
