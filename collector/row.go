package collector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/prefetch"
)

// Metric is one metric family of the exporter: a row of the table that [Metrics]
// returns.
type Metric struct {
	// Name is the family's name in the text format, `_total` included.
	Name string
	// Help is the HELP text, one or more sentences.
	Help string
	// Type is "gauge", "counter" or "histogram". What is told of tasks and accounts
	// is a gauge.
	Type string
	// Labels are the names of the labels that every series has, in the order in
	// which they are documented. For tasks and accounts they follow from the
	// series.
	Labels []string
	// Configured: the series of a task have its configured labels besides.
	Configured bool
	// Group is the part of the exporter that the metric tells of, a heading of
	// the documentation.
	Group string
	// Absent says when there is no series; empty if there always is one for
	// each task, account or exporter.
	Absent string

	// One of what follows gives the metric its values.

	// Tasks are the series of each task, and Accounts those of each account,
	// ordered by their label.
	Tasks    []Series[Task]
	Accounts []Series[*prefetch.AccountState]
	// Since is the moment of a task since which the metric tells the seconds, the
	// zero time if there is none. It is the only kind of gauge of a task that
	// moves while nothing changes. Tasks is one series without a function then.
	Since func(*prefetch.TaskState) time.Time
	// recorded makes what accumulates a part of the recorder.
	recorded func(*Recorder, *Metric)
}

// Series is one gauge of a T, which is a task or an account.
type Series[T any] struct {
	// Label distinguishes the series of a metric of one task or account; nil
	// if there is one only.
	Label *dto.LabelPair
	// Value returns the value, and false while there is none. It depends on
	// nothing but the T.
	Value func(T) (float64, bool)
}

// Task is a task as it is shown at one moment.
type Task struct {
	*prefetch.TaskState

	// Withdrawn: the numbers are too old to be shown.
	Withdrawn bool
}

// Task returns a task of the account as it is shown.
func (a *Account) Task(t *prefetch.TaskState) Task {
	return Task{TaskState: t, Withdrawn: t.Stale(a.Now, a.State.MaxStaleness)}
}

// shown reports whether the numbers of the last answer are on the page.
func (t Task) shown() bool { return t.Answered && !t.Withdrawn }

// Seconds are those from since to now, rounded to the millisecond, which is the
// resolution of the time of a scrape.
func Seconds(since, now time.Time) float64 {
	return now.Sub(since).Round(time.Millisecond).Seconds()
}

// one is the only series of each T, which may have no value.
func one[T any](value func(T) (float64, bool)) []Series[T] {
	return []Series[T]{{Value: value}}
}

// always is the only series of each T, which always has a value.
func always[T any](value func(T) float64) []Series[T] {
	return one(func(t T) (float64, bool) { return value(t), true })
}

// each is a series of each T for each value of a label.
func each[T, L any](label string, values []L, value func(T, L) (float64, bool)) []Series[T] {
	all := make([]Series[T], len(values))
	for i, l := range values {
		all[i] = Series[T]{
			Label: pair(label, fmt.Sprint(l)),
			Value: func(t T) (float64, bool) { return value(t, l) },
		}
	}
	slices.SortFunc(all, func(a, b Series[T]) int { return strings.Compare(a.Label.GetValue(), b.Label.GetValue()) })
	return all
}

// complete adds to a row what follows from its series.
func (m *Metric) complete() {
	switch {
	case m.Accounts != nil:
		m.Type, m.Labels = "gauge", accountLabels(labelOf(m.Accounts)...)
	case m.Since != nil:
		m.Tasks = make([]Series[Task], 1)
		fallthrough
	case m.Tasks != nil:
		m.Type, m.Labels = "gauge", accountLabels(append([]string{"task"}, labelOf(m.Tasks)...)...)
	}
}

func accountLabels(more ...string) []string { return append([]string{"provider", "account"}, more...) }

func labelOf[T any](all []Series[T]) []string {
	if len(all) == 0 || all[0].Label == nil {
		return nil
	}
	return []string{all[0].Label.GetName()}
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
