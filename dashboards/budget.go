package dashboards

// budget answers: what do the vendors' quotas allow, how do calls fare, and is
// the exporter well?
func budget() Dashboard {
	d := newDashboard(uidBudget, "Prefetch / API budget",
		"Calls against the vendors' quotas, how they fare, and the exporter's own health.", toAccount)
	l := &layout{}
	l.row("Budget")
	l.line(graphHeight, budgetPanels()...)
	l.row("Work")
	l.line(graphHeight, workPanels()...)
	l.row("Calls")
	l.line(graphHeight, callPanels()...)
	l.row("How long vendors take")
	l.line(graphHeight, durationPanels()...)
	l.row("Exporter")
	l.line(statHeight, exporterStats()...)
	l.line(graphHeight, exporterPanels()...)
	d.Panels = l.panels
	return d
}

func budgetPanels() []panel {
	return []panel{
		graph{
			title: "Calls against quota", width: 12, unit: "cpm", logarithmic: true,
			description: "Calls a minute (solid) and how many are configured (dashed), on a logarithmic scale: one vendor allows 100 a " +
				"minute, another one in five.",
			queries: []query{
				{`60 * sum by (provider, account) (rate(prefetch_api_requests_total{A}[$__rate_interval])) > 0`, "{{account}}"},
				{`60 * max by (provider, account) (prefetch_api_limit_calls{A} / prefetch_api_limit_period_seconds{A})`, "{{account}} quota"},
			},
			overrides: []override{dashed("/ quota$/")},
		}.panel(),
		stat{
			title: "Budget used", width: 6, unit: "percentunit", decimals: new(0),
			thresholds: steps(colorGood, from(budgetUsedMax, colorWarn)),
			description: "Calls of the last half hour of those allowed. A full budget is well used as long as data is fresh; the alert " +
				"PrefetchBudgetTooSmall needs both.",
			queries: []query{{
				`sum by (provider, account) (rate(prefetch_api_requests_total{A}[30m]))
* max by (provider, account) (prefetch_api_limit_period_seconds{A} / prefetch_api_limit_calls{A})`, "{{account}}",
			}},
		}.panel(),
		stat{
			title: "Next call", width: 6, unit: "s", plain: true, decimals: new(0),
			description: "When the budget allows the next call; 0 means now.",
			queries: []query{{
				`ceil(clamp_min(min by (provider, account) (prefetch_api_next_call_timestamp_seconds{A}) - time(), 0))`, "{{account}}",
			}},
		}.panel(),
	}
}

// workPanels show what the calls are spent on.
func workPanels() []panel {
	return []panel{
		graph{
			title: "Time to ask for every unfinished task", width: 8, unit: "s", min: new(0.0),
			zones: steps(colorGood, from(backlogMax, colorWarn)),
			description: "How long the quota needs to ask for every unfinished task once. Above the dashed line the work exceeds the quota " +
				"(PrefetchQuotaExceeded): fewer tasks, their urls or a higher limit help.",
			queries: []query{{`max by (provider, account) (prefetch_account_backlog_seconds{A})`, "{{account}}"}},
		}.panel(),
		graph{
			title: "URLs in the look-back", width: 8, unit: "short", stacked: true, min: new(0.0), axis: "URLs", overrides: statusColors(),
			description: "Every URL of the look-back by status, whether its task is watched or not. Only of accounts with watch_window.",
			queries: []query{{
				// Of the exporter that counted last: counts of two do not add up.
				`sum by (status) (prefetch_account_window_urls{A}
and ignoring (status) topk by (provider, account) (1, prefetch_account_window_last_refresh_timestamp_seconds{A}))`, "{{status}}",
			}},
		}.panel(),
		graph{
			title: "Age of the look-back's count", width: 8, unit: "s", min: new(0.0),
			description: "How long ago the oldest part of the look-back that can still change was counted. Only of accounts with watch_window.",
			queries: []query{{
				`time() - min by (provider, account) (prefetch_account_window_last_refresh_timestamp_seconds{A})`, "{{account}}",
			}},
		}.panel(),
	}
}

func callPanels() []panel {
	return []panel{
		graph{
			title: "Failures by reason", width: 8, unit: "short", min: new(0.0), bars: true, interval: "5m",
			description: "Calls that did not answer, in five minutes or more, by reason. not_found, invalid and decode concern a task; " +
				"the others the account.",
			queries: []query{{`sum by (reason) (increase(prefetch_api_request_failures_total{A}[$__rate_interval]))`, "{{reason}}"}},
			overrides: []override{
				override1("auth", property{"color", fixed("dark-red")}),
				override1("timeout", property{"color", fixed(colorBad)}),
				override1("unavailable", property{"color", fixed("light-red")}),
				override1("throttled", property{"color", fixed(colorWarn)}),
				override1("not_found", property{"color", fixed("light-orange")}),
				override1("invalid", property{"color", fixed("dark-orange")}),
				override1("decode", property{"color", fixed(colorUnknown)}),
			},
		}.panel(),
		graph{
			title: "Calls by question", width: 8, unit: "cpm", min: new(0.0), stacked: true,
			description: "Calls a minute by what they ask for: a task's URLs (task), everything created in some hours (window), or only " +
				"how many URLs have a status (count).",
			queries: []query{{`60 * sum by (query) (rate(prefetch_api_requests_total{A}[$__rate_interval]))`, "{{query}}"}},
			overrides: []override{
				override1("task", property{"color", fixed(colorRunning)}),
				override1("window", property{"color", fixed("dark-blue")}),
				override1("count", property{"color", fixed(colorWaiting)}),
			},
		}.panel(),
		accountStates(),
	}
}

// accountStates shows since when each account answers.
func accountStates() panel {
	source := prometheus()
	return panel{
		Type: "state-timeline", Title: "Accounts answering", GridPos: gridPos{W: 8}, Datasource: &source,
		Description: "Whether the last call of each account answered. Before the first call it did not.",
		Targets:     rangeTargets(query{`max by (provider, account) (prefetch_account_up{A})`, "{{account}}"}),
		FieldConfig: &fieldConfig{Overrides: []override{}, Defaults: fieldDefaults{
			Unit: "short", Min: new(0.0), Max: new(1.0), Color: byThreshold(), Thresholds: steps(colorBad, from(1, colorGood)),
			Mappings: []mapping{{Type: "value", Options: map[string]any{
				"0": map[string]any{"text": "failing", "color": colorBad, "index": 0},
				"1": map[string]any{"text": "answering", "color": colorGood, "index": 1},
			}}},
			Custom: map[string]any{"fillOpacity": 70, "lineWidth": 0},
		}},
		Options: map[string]any{
			"showValue": "auto", "rowHeight": 0.8, "mergeValues": true,
			"legend":  map[string]any{"showLegend": false, "displayMode": "list", "placement": "bottom"},
			"tooltip": map[string]any{"mode": "single", "sort": "none"},
		},
	}
}

func durationPanels() []panel {
	quantiles := func(metric string) []query {
		q := func(quantile string) string {
			return `histogram_quantile(` + quantile + `, sum by (provider, account, le) (rate(` + metric + `_bucket{A}[1h]))) >= 0
or histogram_quantile(` + quantile + `, sum by (provider, account) (rate(` + metric + `{A}[1h]))) >= 0`
		}
		return []query{{q("0.5"), "{{account}} p50"}, {q("0.9"), "{{account}} p90"}}
	}
	return []panel{
		latencyHeatmap(),
		graph{
			title: "URL wait time", width: 8, unit: "s", min: new(0.0), overrides: []override{dashed("/ p90$/")},
			description: "From the creation of a URL to the start of its fetch, of URLs that began in the hour before: half of them " +
				"(solid) and nine in ten (dashed) waited no " +
				"longer. Only of vendors that give the times (CDNetworks).",
			queries: quantiles("prefetch_url_wait_seconds"),
		}.panel(),
		graph{
			title: "URL fetch time", width: 8, unit: "s", min: new(0.0), overrides: []override{dashed("/ p90$/")},
			description: "From the start of a URL's fetch to its end, of URLs that ended in the hour before: half of them (solid) and " +
				"nine in ten (dashed) took no longer. " +
				"Only of vendors that give the times (CDNetworks).",
			queries: quantiles("prefetch_url_fetch_seconds"),
		}.panel(),
	}
}

// latencyHeatmap asks for the classic buckets, and where there are none for the
// native histogram: Prometheus stores native ones only where it was told to, and
// then no others.
func latencyHeatmap() panel {
	source := prometheus()
	targets := rangeTargets(query{
		`sum by (le) (increase(prefetch_api_request_duration_seconds_bucket{A}[$__rate_interval]))
or on () sum(increase(prefetch_api_request_duration_seconds{A}[$__rate_interval]))`, "{{le}}",
	})
	targets[0].Format = "heatmap"
	return panel{
		Type: "heatmap", Title: "API latency", GridPos: gridPos{W: 8}, Datasource: &source, Targets: targets,
		Description: "How long calls to the vendors took, failed ones included. A call is given up after 30 s.",
		FieldConfig: &fieldConfig{Overrides: []override{}, Defaults: fieldDefaults{Unit: "s"}},
		Options: map[string]any{
			"calculate":    false,
			"cellGap":      1,
			"cellValues":   map[string]any{"unit": "short"},
			"color":        map[string]any{"mode": "scheme", "scheme": "Blues", "steps": 64, "exponent": 0.5, "reverse": false},
			"filterValues": map[string]any{"le": 1e-9},
			"legend":       map[string]any{"show": true},
			"rowsFrame":    map[string]any{"layout": "auto"},
			"tooltip":      map[string]any{"mode": "single", "yHistogram": false, "showColorScale": false},
			"yAxis":        map[string]any{"axisPlacement": "left", "unit": "s", "reverse": false},
		},
	}
}

func exporterStats() []panel {
	count := func(title, description, expr string) panel {
		return stat{
			title: title, width: 4, unit: "short", thresholds: anyIsBad(), decimals: new(0),
			description: description, queries: []query{{expr: expr}},
		}.panel()
	}
	return []panel{
		stat{
			title: "Configuration", width: 4, unit: "short", thresholds: steps(colorBad, from(1, colorGood)),
			description: "Whether the last reload of every selected exporter was accepted.",
			mappings: []mapping{{Type: "value", Options: map[string]any{
				"0": map[string]any{"text": "refused", "color": colorBad, "index": 0},
				"1": map[string]any{"text": "in force", "color": colorGood, "index": 1},
			}}},
			queries: []query{{expr: `min(prefetch_exporter_config_last_reload_successful{E})`}},
		}.panel(),
		count("Store errors", "Errors of the embedded store in the time that is shown.",
			`sum(increase(prefetch_exporter_store_errors_total{E}[$__range]))`),
		count("Dropped tasks", "Tasks that are listed but not watched, because an account is over its task_limit.",
			`sum(max by (provider, account) (prefetch_account_tasks_dropped{A}))`),
		count("Rejected tasks", "Tasks that are listed but cannot be used.",
			`sum(max by (reason) (prefetch_exporter_tasks_rejected{E}))`),
		lostTasks(`sum(max by (provider, account) (prefetch_account_tasks{A, phase="lost"}))`, 4),
		count("Unreadable sources", "Sources of tasks that could not be read the last time.",
			`count(prefetch_exporter_discovery_up{E} == 0) or vector(0)`),
	}
}

func exporterPanels() []panel {
	return []panel{
		graph{
			title: "Tasks by phase", width: 8, unit: "short", min: new(0.0), stacked: true,
			description: "Watched tasks: not answered yet, under way, finished, unknown to the vendor.",
			queries: []query{{
				// Of the exporter that knows the most of them finished.
				`sum by (phase) (prefetch_account_tasks{A}
and ignoring (phase) topk by (provider, account) (1, prefetch_account_tasks{A, phase="settled"}))`, "{{phase}}",
			}},
			overrides: []override{
				override1("settled", property{"color", fixed(colorGood)}),
				override1("active", property{"color", fixed(colorRunning)}),
				override1("pending", property{"color", fixed(colorWaiting)}),
				override1("lost", property{"color", fixed(colorUnknown)}),
			},
		}.panel(),
		graph{
			title: "Memory", width: 8, unit: "bytes", min: new(0.0),
			description: "Memory that the exporter's process has in RAM.",
			queries:     []query{{`process_resident_memory_bytes{E}`, "{{instance}}"}},
		}.panel(),
		graph{
			title: "Goroutines", width: 8, unit: "short", min: new(0.0),
			description: "Goroutines of the exporter. They grow with accounts and scrapes, not with tasks.",
			queries:     []query{{`go_goroutines{E}`, "{{instance}}"}},
		}.panel(),
	}
}
