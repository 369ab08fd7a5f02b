package dashboards

// projected is when each unfinished task will be finished at the pace of the
// last half hour, or of its whole life if it is younger; a finished one, when it
// was. Paces are measured from answer to answer, so that old data does not look
// like a standstill; a task that stands still has no projection.
func projected() string {
	const halfHour = "30m"
	total, done, doneBefore := sumPerTask+urls(anyStatus), sumPerTask+urls(final), sumPerTask+urlsBefore(final, halfHour)
	return perTask + `(prefetch_task_finished_timestamp_seconds{T})
or
(
  ` + taskAsked + `
  + (` + total + ` - ` + done + `)
  / (
    (
      (` + done + ` - ` + doneBefore + `)
      / (` + taskAsked + ` - ` + perTask + `(prefetch_task_last_refresh_timestamp_seconds{T} offset ` + halfHour + `))
      >= 0
      or
      ` + done + ` / (` + taskAsked + ` - ` + perTask + `(prefetch_task_created_timestamp_seconds{T}) > 0)
    ) > 0
  )
)`
}

// task answers, for one task or several: how far is it, and when is it done?
func task() Dashboard {
	d := newDashboard(uidTask, "Prefetch / Task", "How far is a prefetch, and will it be done in time?", toChosenTask)
	const name = "{{account}} / {{task}}"
	l := &layout{}
	l.line(shortTableHeight, tasksTable("Chosen tasks",
		"\"On the edge\" is succeeded of all URLs. \"Deadline in\" is negative when it is over, and empty when everything is warm "+
			"or no deadline is set. "+
			"\"Data age\" is of unfinished tasks only."))
	l.line(statListHeight, taskStats()...)
	l.line(tallGraphHeight,
		graph{
			title: "Progress", width: 12, unit: "short", stacked: true, min: new(0.0), overrides: statusColors(), axis: "URLs",
			description: "URLs of the chosen tasks by status. A task is done when no blue is left.",
			queries:     statusQueries(),
		}.panel(),
		graph{
			title: "Success ratio", width: 12, unit: "percentunit", min: new(0.0), max: new(1.0),
			zones: steps(colorBad, from(ratioMin, colorGood)),
			description: "Solid: succeeded of all URLs. Dashed: the vendor's own rate over its edge nodes, where it gives one " +
				"(CDNetworks), of the URLs that were read. " +
				"The threshold is what a task must reach.",
			queries: []query{
				{taskRatio, name},
				{perTask + `(prefetch_task_edge_success_ratio{T} and ` + newestAnswer + `)`, name + " edge"},
			},
			overrides: []override{dashed("/ edge$/")},
		}.panel(),
	)
	l.line(tallGraphHeight,
		graph{
			title: "Finish against deadline", width: 12, unit: "dateTimeAsIsoNoDateIfToday",
			description: "Dashed: the deadline. Solid: when the task is finished if it goes on at the pace of the last half hour, or " +
				"when it was finished: where the vendor tells no time (Huawei Cloud VOD), at the latest then. " +
				"Solid above dashed while it is unfinished: it is late. A task that stands still has no solid line.",
			queries: []query{
				{`1000 * (` + projected() + `)`, name},
				{`1000 * ` + taskDue, name + " deadline"},
			},
			overrides: []override{dashed("/ deadline$/")},
		}.panel(),
		graph{
			title: "Data age", width: 12, unit: "dthms", min: new(0.0), zones: dataAgeThresholds(),
			description: "How old the last answer about the task is. It falls with each answer. A finished task does not change any more: 0.",
			queries:     []query{{`(time() - ` + taskAsked + `) * (1 - ` + perTask + `(prefetch_task_settled{T}))`, name}},
		}.panel(),
	)
	d.Panels = l.panels
	return d
}

func taskStats() []panel {
	const name = "{{account}} / {{task}}"
	return []panel{
		stat{
			title: "Time to deadline", width: 8, unit: "s", plain: true, listed: true, noValue: "none to meet", decimals: new(0),
			description: "Negative when the deadline is over. A task that is wholly on the edge has none to meet any more.",
			queries:     []query{{`(` + taskDue + ` unless ` + warm() + `) - time()`, name}},
		}.panel(),
		stat{
			title: "Projected finish", width: 8, unit: "dateTimeFromNow", plain: true, listed: true, noValue: "not known",
			description: "When the task is finished at the pace of the last half hour; of a finished one, when it was. Not known while no " +
				"answer shows progress.",
			queries: []query{{`1000 * (` + projected() + `)`, name}},
		}.panel(),
		stat{
			title: "To spare before the deadline", width: 8, unit: "s", thresholds: spareThresholds(), listed: true, decimals: new(0),
			noValue: "not known", noColor: "transparent",
			description: "Deadline minus projected finish, or minus the finish of a finished task. Negative: late by so much. A task with " +
				"failed URLs has none: it will not be wholly on the edge.",
			queries: []query{{taskDue + ` - (` + projected() + `) unless ` + someFailed, name}},
		}.panel(),
	}
}
