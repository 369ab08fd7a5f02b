package collector

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors/version"

	"prefetch_exporter/prefetch"
)

// cachedNote ends the HELP of every gauge that tells what the vendor answered of a
// task: its value is as old as the last answer, and a reader of the exposition
// must learn how old that is. What is configured, worked out at the scrape, or told
// by a call that failed has another age, if any.
const cachedNote = " The value is cached; prefetch_task_last_refresh_timestamp_seconds tells how old it is."

// programName is the first word of the build information's metric.
const programName = "prefetch_exporter"

// Metrics returns the table of all metrics of the exporter, in the order in
// which they are documented. What is served, docs/metrics.md and the checks of
// dashboards and alerts all come from it. The metrics of the Go runtime, the
// process and the scrape handler are not in it.
//
// The caller may change what it gets.
func Metrics() []Metric {
	all := slices.Concat(urlMetrics(), taskMetrics(), accountMetrics(), apiMetrics(), durationMetrics(), exporterMetrics())
	for i := range all {
		all[i].complete()
	}
	return all
}

// groupTasks is the heading of what is told of each task.
const groupTasks = "Tasks"

// urlMetrics are what a task is called, and how its URLs are.
func urlMetrics() []Metric {
	const group = groupTasks
	return []Metric{
		{
			Name: "prefetch_task_info", Group: group,
			Help:       "Constant 1 with the labels that were configured for the task.",
			Configured: true,
			Tasks:      always(func(Task) float64 { return 1 }),
		}, {
			Name: "prefetch_task_urls", Group: group,
			Help:   "URLs of the task by status. All statuses are published together and sum to the task's total." + cachedNote,
			Absent: "before the first answer; for an unsettled task whose data is older than `max_staleness`",
			Tasks:  each("status", prefetch.Statuses(), func(t Task, s prefetch.Status) (float64, bool) { return float64(t.Counts[s]), t.shown() }),
		}, {
			Name: "prefetch_task_success_ratio", Group: group,
			Help:   "Succeeded URLs of the task divided by all of its URLs, from 0 to 1." + cachedNote,
			Absent: "while no URL is known; for an unsettled task whose data is older than `max_staleness`",
			Tasks: one(func(t Task) (float64, bool) {
				ratio, ok := t.Counts.SuccessRatio()
				return ratio, ok && t.shown()
			}),
		}, {
			Name: "prefetch_task_edge_success_ratio", Group: group,
			Help: "Mean of the vendor's own success rate of each URL over its edge nodes, of the URLs that were read, from 0 to 1." +
				cachedNote,
			Absent: "where the vendor gives no such rate; for an unsettled task whose data is older than `max_staleness`",
			Tasks:  one(func(t Task) (float64, bool) { return t.EdgeRatio, t.HasEdgeRatio && t.shown() }),
		}, {
			Name: "prefetch_task_progress_ratio", Group: group,
			Help: "Mean of the vendor's own progress of each URL, of the URLs that were read, from 0 to 1. It is no success rate: " +
				"a URL that failed may be at 1." + cachedNote,
			Absent: "where the vendor gives no progress; for an unsettled task whose data is older than `max_staleness`",
			Tasks:  one(func(t Task) (float64, bool) { return t.Progress, t.HasProgress && t.shown() }),
		}, {
			Name: "prefetch_task_failed_urls", Group: group,
			Help: "Failed URLs of the task by cause, as far as the vendor tells it, of the URLs that were read. All causes are published " +
				"together." + cachedNote,
			Absent: "before the first answer; where the vendor tells no causes",
			Tasks: each("cause", prefetch.AllCauses(), func(t Task, c prefetch.Cause) (float64, bool) {
				return float64(t.Causes[c]), t.HasCauses && t.Answered
			}),
		}, {
			Name: "prefetch_task_failed_urls_recovered", Group: group,
			Help: "Failed URLs of the task that a later task of the account, by the time of creation, shows as succeeded; " +
				"0 while there is none.",
			Absent: "before the first answer",
			Tasks:  one(func(t Task) (float64, bool) { return float64(t.Recovered), t.Answered }),
		},
	}
}

// taskMetrics are how a task as a whole is.
func taskMetrics() []Metric {
	const group = groupTasks
	return []Metric{
		{
			Name: "prefetch_task_lost", Group: group,
			Help:   "1 while the task is lost, because the vendor does not know it, else 0.",
			Absent: "before the first answer or failure",
			Tasks:  one(func(t Task) (float64, bool) { return number(t.Phase == prefetch.Lost), t.Heard() }),
		}, {
			Name: "prefetch_task_age_seconds", Group: group,
			Help:  "Time since the task was created; negative if that is in the future, which tells of a wrong clock or time zone.",
			Since: func(t *prefetch.TaskState) time.Time { return t.Created },
		}, {
			Name: "prefetch_task_created_timestamp_seconds", Group: group,
			Help:  "When the task was created: the vendor's time, else the configured one, else when the exporter first saw it." + cachedNote,
			Tasks: one(func(t Task) (float64, bool) { return timestamp(t.Created) }),
		}, {
			Name: "prefetch_task_finished_timestamp_seconds", Group: group,
			Help: "When the last URL of the task became final: the vendor's time, else when the exporter first saw the task settled." +
				cachedNote,
			Absent: "unless the task is settled",
			Tasks: one(func(t Task) (float64, bool) {
				finished, ok := timestamp(t.Finished)
				return finished, ok && t.Settled()
			}),
		}, {
			Name: "prefetch_task_deadline_timestamp_seconds", Group: group,
			Help:   "When every URL of the task must be on the edge, as configured.",
			Absent: "where no deadline is configured",
			Tasks:  one(func(t Task) (float64, bool) { return timestamp(t.Deadline) }),
		}, {
			Name: "prefetch_task_settled", Group: group,
			Help:  "1 if every URL of the task is final, succeeded or failed, else 0." + cachedNote,
			Tasks: always(func(t Task) float64 { return number(t.Settled()) }),
		}, {
			Name: "prefetch_task_up", Group: group,
			Help:  "1 if the last vendor call about the task answered, 0 if it failed or there was none yet.",
			Tasks: always(func(t Task) float64 { return number(t.Up) }),
		}, {
			Name: "prefetch_task_last_refresh_timestamp_seconds", Group: group,
			Help: "When an answer of the vendor last covered the task. A failed call does not move it. It tells how old the task's " +
				"cached metrics are, which are what the vendor answered.",
			Absent: "before the first answer",
			Tasks:  one(func(t Task) (float64, bool) { return timestamp(t.LastRefresh) }),
		},
	}
}

func accountMetrics() []Metric {
	const group = "Accounts"
	reasons := prefetch.Reasons()
	return []Metric{
		{
			Name: "prefetch_account_up", Group: group,
			Help:     "1 if the account's last vendor call answered, 0 if it failed or there was none yet. Restored when the exporter starts again.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return number(a.Up) }),
		}, {
			Name: "prefetch_account_failing", Group: group,
			Help: "1 for the reason for which the account's last vendor call failed, 0 for all others.",
			Accounts: each("reason", reasons[:], func(a *prefetch.AccountState, r prefetch.Reason) (float64, bool) {
				return number(a.Failing == r), true
			}),
		}, {
			Name: "prefetch_account_owner", Group: group,
			Help: "1 on the replica that asks the vendor for the account, else 0. It is worked out at the scrape; " +
				"always 1 without storage.etcd.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return number(a.Owned) }),
		}, {
			Name: "prefetch_account_configuration_differs", Group: group,
			Help:     "1 if another live replica has the account configured differently, else 0.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return number(a.Differs) }),
		}, {
			Name: "prefetch_account_tasks", Group: group,
			Help: "Watched tasks of the account by phase.",
			Accounts: each("phase", prefetch.Phases(), func(a *prefetch.AccountState, p prefetch.Phase) (float64, bool) {
				return float64(a.Phases[p]), true
			}),
		}, {
			Name: "prefetch_account_tasks_dropped", Group: group,
			Help:     "Tasks that are listed now but not watched, because the account is over its task_limit.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return float64(a.Dropped) }),
		}, {
			Name: "prefetch_account_backlog_seconds", Group: group,
			Help: "How long the configured limit needs to ask for every unsettled task of the account once, lost ones aside. " +
				"Above max_staleness the account's work exceeds its quota.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return a.Backlog.Seconds() }),
		}, {
			Name: "prefetch_account_window_urls", Group: group,
			Help: "URLs of everything in the account's look-back by status, whether the task is configured or not. The value is cached; " +
				"prefetch_account_window_last_refresh_timestamp_seconds tells how old it is.",
			Absent: "unless `watch_window` is on and all of the look-back was counted once",
			Accounts: each("status", prefetch.Statuses(), func(a *prefetch.AccountState, s prefetch.Status) (float64, bool) {
				if a.Window == nil {
					return 0, false
				}
				return float64(a.Window[s]), true
			}),
		}, {
			Name: "prefetch_account_window_last_refresh_timestamp_seconds", Group: group,
			Help:   "When the oldest part of prefetch_account_window_urls that can still change was asked for.",
			Absent: "together with `prefetch_account_window_urls`",
			Accounts: one(func(a *prefetch.AccountState) (float64, bool) {
				refresh, ok := timestamp(a.WindowRefresh)
				return refresh, ok && a.Window != nil
			}),
		},
	}
}

func apiMetrics() []Metric {
	const group = "API calls"
	var reasons []string
	for _, reason := range prefetch.Reasons() {
		reasons = append(reasons, string(reason))
	}
	return []Metric{
		{
			Name: "prefetch_api_requests_total", Group: group, Type: "counter", Labels: accountLabels("query"),
			Help:     "Calls made to the vendor's API, by the question that was asked.",
			recorded: func(r *Recorder, m *Metric) { r.requests = r.counters(m, "task", "window", "count", "list") },
		}, {
			Name: "prefetch_api_request_failures_total", Group: group, Type: "counter", Labels: accountLabels("reason"),
			Help:     "Calls to the vendor's API that did not answer, by reason.",
			recorded: func(r *Recorder, m *Metric) { r.failures = r.counters(m, reasons...) },
		}, {
			Name: "prefetch_api_request_duration_seconds", Group: group, Type: "histogram", Labels: accountLabels(),
			Help:     "How long calls to the vendor's API took, failed ones included.",
			recorded: func(r *Recorder, m *Metric) { r.calls = r.histograms(m, callBuckets()) },
		}, {
			Name: "prefetch_api_limit_calls", Group: group,
			Help:     "Calls that the account may make in each period, as configured.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return float64(a.Limit.Calls) }),
		}, {
			Name: "prefetch_api_limit_period_seconds", Group: group,
			Help:     "Length of the period of the account's limit of calls, as configured.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return a.Limit.Per.Seconds() }),
		}, {
			Name: "prefetch_api_next_call_timestamp_seconds", Group: group,
			Help:     "When the budget allows the account's next call; in the past if one is allowed now, 0 if none was ever made.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return unixSeconds(a.NextCall) }),
		},
	}
}

func durationMetrics() []Metric {
	const group = "Durations"
	return []Metric{
		{
			Name: "prefetch_url_wait_seconds", Group: group, Type: "histogram", Labels: accountLabels(),
			Help:     "Time from the creation of a URL to the start of its fetch, by the vendor's times. Each URL that was read counts once.",
			recorded: func(r *Recorder, m *Metric) { r.urlWait = r.histograms(m, prefetchBuckets()) },
		}, {
			Name: "prefetch_url_fetch_seconds", Group: group, Type: "histogram", Labels: accountLabels(),
			Help:     "Time from the start of a URL's fetch to its end, by the vendor's times. Each URL that was read counts once.",
			recorded: func(r *Recorder, m *Metric) { r.urlFetch = r.histograms(m, prefetchBuckets()) },
		}, {
			Name: "prefetch_task_duration_seconds", Group: group, Type: "histogram", Labels: accountLabels(),
			Help: "Time from the creation of a task to the moment when its last URL became final. Each task counts once, " +
				"unless it had settled before it was first asked for and the vendor does not say when.",
			recorded: func(r *Recorder, m *Metric) { r.tasks = r.histograms(m, prefetchBuckets()) },
		},
	}
}

func exporterMetrics() []Metric {
	const group = "Exporter"
	return []Metric{
		{
			Name: "prefetch_exporter_build_info", Group: group, Type: "gauge",
			Labels: []string{"version", "revision", "branch", "goversion", "goos", "goarch", "tags"},
			// The text of client_golang's version collector, which emits it.
			Help: "A metric with a constant '1' value labeled by version, revision, branch, goversion from which " +
				programName + " was built, and the goos and goarch for the build.",
			recorded: func(r *Recorder, _ *Metric) { r.add(version.NewCollector(programName)) },
		}, {
			Name: "prefetch_exporter_config_last_reload_successful", Group: group, Type: "gauge",
			Help:     "1 if the last attempt to load the configuration succeeded, else 0.",
			recorded: emitted(func(r *Recorder, emit emitFunc) { emit(number(r.reloadOK)) }),
		}, {
			Name: "prefetch_exporter_config_last_reload_success_timestamp_seconds", Group: group, Type: "gauge",
			Help:     "When the configuration was last loaded successfully; 0 if it never was.",
			recorded: emitted(func(r *Recorder, emit emitFunc) { emit(unixSeconds(retold(r.reloaded))) }),
		}, {
			Name: "prefetch_exporter_discovery_up", Group: group, Type: "gauge", Labels: []string{"source"},
			Help:   "1 if the source of tasks could be read the last time, else 0. The source is files, or a URL without credentials and query.",
			Absent: "where `task_discovery` is not configured",
			recorded: emitted(func(r *Recorder, emit emitFunc) {
				for source, d := range r.discovered {
					emit(number(d.up), source)
				}
			}),
		}, {
			Name: "prefetch_exporter_discovery_last_success_timestamp_seconds", Group: group, Type: "gauge", Labels: []string{"source"},
			Help:   "When the source of tasks was last read successfully.",
			Absent: "before the source could be read once",
			recorded: emitted(func(r *Recorder, emit emitFunc) {
				for source, d := range r.discovered {
					if !d.lastSuccess.IsZero() {
						emit(unixSeconds(retold(d.lastSuccess)), source)
					}
				}
			}),
		}, {
			Name: "prefetch_exporter_tasks_rejected", Group: group, Type: "gauge", Labels: []string{"reason"},
			Help: "Tasks that are listed now but cannot be used, by reason.",
			recorded: emitted(func(r *Recorder, emit emitFunc) {
				for reason, n := range r.rejected {
					emit(float64(n), reason)
				}
			}),
		}, {
			Name: "prefetch_exporter_store_errors_total", Group: group, Type: "counter", Labels: []string{"reason"},
			Help:     "Errors of the store, by reason.",
			recorded: func(r *Recorder, m *Metric) { r.storeErrors = r.counters(m, "corrupt", "read", "write") },
		}, {
			Name: "prefetch_exporter_store_up", Group: group, Type: "gauge",
			Help: "1 if the store answers, else 0. With storage.etcd it does while this replica's lease is held and etcd was heard " +
				"within 5 seconds; without it, unless the disk hangs for as long.",
			recorded: emitted(func(r *Recorder, emit emitFunc) { emit(number(r.storeUp())) }),
		}, {
			Name: "prefetch_exporter_replicas", Group: group, Type: "gauge",
			Help:     "Replicas that share the store, this one included, as far as it knows; always 1 without storage.etcd.",
			recorded: emitted(func(r *Recorder, emit emitFunc) { emit(float64(r.replicas())) }),
		}, {
			Name: "prefetch_exporter_loop_last_progress_timestamp_seconds", Group: group,
			Help: "When the account's loop last did something, or had nothing to do. " +
				"It stays where it is while the loop hangs, or the disk that it writes to.",
			Accounts: always(func(a *prefetch.AccountState) float64 { return unixSeconds(a.Progress) }),
		}, {
			Name: "prefetch_exporter_log_messages_dropped_total", Group: group, Type: "counter",
			Help:     "Lines of the log that were dropped, since nobody read the log.",
			recorded: emitted(func(r *Recorder, emit emitFunc) { emit(float64(r.dropped())) }),
		},
	}
}
