package collector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/prefetch"
)

// series is one gauge of a task or an account, of type T. The tables of them
// say what is on a page; how it gets there, by client_golang or by the pages
// that are kept, is not their matter.
type series[T any] struct {
	metric string
	// label distinguishes the series of a metric of one task or account; nil
	// if there is one only.
	label *dto.LabelPair
	// value returns the value at a moment, and false while there is none.
	value func(T) (float64, bool)
}

// taskAt is a task at one moment.
type taskAt struct {
	*prefetch.TaskState
	now time.Time
	// stale: the numbers are too old to be shown.
	stale bool
}

func newTaskAt(t *prefetch.TaskState, now time.Time, maxStaleness time.Duration) taskAt {
	return taskAt{TaskState: t, now: now, stale: t.Stale(now, maxStaleness)}
}

// shown reports whether the numbers of the last answer are on the page.
func (t taskAt) shown() bool { return t.Answered && !t.stale }

// ageSeconds is rounded to the millisecond, which is the resolution of the time
// of a scrape.
func ageSeconds(now, created time.Time) float64 {
	return now.Sub(created).Round(time.Millisecond).Seconds()
}

// taskSeries returns the gauges of a task. The series of one metric stand
// together, ordered by their label.
func taskSeries() []series[taskAt] {
	type at = taskAt
	all := []series[at]{
		// With the configured labels besides.
		{metric: nameTaskInfo, value: func(at) (float64, bool) { return 1, true }},
		{metric: nameTaskSuccess, value: func(t at) (float64, bool) {
			ratio, ok := t.Counts.SuccessRatio()
			return ratio, ok && t.shown()
		}},
		{metric: nameTaskEdgeSuccess, value: func(t at) (float64, bool) { return t.EdgeRatio, t.HasEdgeRatio && t.shown() }},
		{metric: nameTaskRecovered, value: func(t at) (float64, bool) { return float64(t.Recovered), t.Answered }},
		{metric: nameTaskLost, value: func(t at) (float64, bool) { return number(t.Phase == prefetch.Lost), t.Heard() }},
		{metric: nameTaskAge, value: func(t at) (float64, bool) { return ageSeconds(t.now, t.Created), !t.Created.IsZero() }},
		{metric: nameTaskCreated, value: func(t at) (float64, bool) { return timestamp(t.Created) }},
		{metric: nameTaskFinished, value: func(t at) (float64, bool) {
			finished, ok := timestamp(t.Finished)
			return finished, ok && t.Settled()
		}},
		{metric: nameTaskDeadline, value: func(t at) (float64, bool) { return timestamp(t.Deadline) }},
		{metric: nameTaskSettled, value: func(t at) (float64, bool) { return number(t.Settled()), true }},
		{metric: nameTaskUp, value: func(t at) (float64, bool) { return number(t.Up), true }},
		{metric: nameTaskRefresh, value: func(t at) (float64, bool) { return timestamp(t.LastRefresh) }},
	}
	for _, status := range prefetch.Statuses() {
		all = append(all, series[at]{
			metric: nameTaskURLs, label: pair(labelStatus, status.String()),
			value: func(t at) (float64, bool) { return float64(t.Counts[status]), t.shown() },
		})
	}
	return inOrder(all)
}

// accountSeries returns the gauges of an account, in the same order.
func accountSeries() []series[*prefetch.AccountState] {
	type at = *prefetch.AccountState
	always := func(value func(at) float64) func(at) (float64, bool) {
		return func(a at) (float64, bool) { return value(a), true }
	}
	all := []series[at]{
		{metric: nameAccountUp, value: always(func(a at) float64 { return number(a.Up) })},
		{metric: nameAccountDropped, value: always(func(a at) float64 { return float64(a.Dropped) })},
		{metric: nameAccountBacklog, value: always(func(a at) float64 { return a.Backlog.Seconds() })},
		{metric: nameAccountWindowRefresh, value: func(a at) (float64, bool) {
			refresh, ok := timestamp(a.WindowRefresh)
			return refresh, ok && a.Window != nil
		}},
		{metric: nameAPILimit, value: always(func(a at) float64 { return float64(a.Limit.Calls) })},
		{metric: nameAPIPeriod, value: always(func(a at) float64 { return a.Limit.Per.Seconds() })},
		{metric: nameLoopProgress, value: always(func(a at) float64 { return unixSeconds(a.Progress) })},
		{metric: nameAPINextCall, value: always(func(a at) float64 { return unixSeconds(a.NextCall) })},
	}
	for _, reason := range prefetch.Reasons() {
		all = append(all, series[at]{
			metric: nameAccountFailing, label: pair(labelReason, string(reason)),
			value: always(func(a at) float64 { return number(a.Failing == reason) }),
		})
	}
	for _, phase := range prefetch.Phases() {
		all = append(all, series[at]{
			metric: nameAccountTasks, label: pair(labelPhase, phase.String()),
			value: always(func(a at) float64 { return float64(a.Phases[phase]) }),
		})
	}
	for _, status := range prefetch.Statuses() {
		all = append(all, series[at]{
			metric: nameAccountWindow, label: pair(labelStatus, status.String()),
			value: func(a at) (float64, bool) {
				if a.Window == nil {
					return 0, false
				}
				return float64(a.Window[status]), true
			},
		})
	}
	return inOrder(all)
}

// inOrder orders series as they stand on a page.
func inOrder[T any](all []series[T]) []series[T] {
	slices.SortFunc(all, func(a, b series[T]) int {
		return cmp.Or(strings.Compare(a.metric, b.metric), strings.Compare(a.label.GetValue(), b.label.GetValue()))
	})
	return all
}

// timestamp returns a moment as a gauge's value, and false for the zero time.
func timestamp(t time.Time) (float64, bool) { return unixSeconds(t), !t.IsZero() }

// unixSeconds returns t as a Prometheus timestamp, 0 for the zero time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix()) + float64(t.Nanosecond())/float64(time.Second)
}

// number returns a condition as a gauge's value.
func number(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
