package collector

import (
	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/prefetch"
)

// Samples returns the gauges that a metric has of the account itself.
func (a *Account) Samples(m *Metric) []*dto.Metric {
	var all []*dto.Metric
	for _, s := range m.Accounts {
		if value, ok := s.Value(a.State); ok {
			all = append(all, &dto.Metric{Label: withLabel(nil, a.labels, s.Label), Gauge: &dto.Gauge{Value: &value}})
		}
	}
	return all
}

// Samples makes samples of tasks in memory that is used again: what one call
// returns is good until the next. The zero value is ready.
type Samples struct {
	memory []sample
	all    []*dto.Metric
}

// sample is a gauge of a task and all that it points to.
type sample struct {
	metric dto.Metric
	gauge  dto.Gauge
	value  float64
	task   dto.LabelPair
	id     string
	labels []*dto.LabelPair
}

// Of returns the samples that one series of a metric has of some tasks of an
// account.
func (s *Samples) Of(a *Account, m *Metric, series *Series[Task], tasks []*prefetch.TaskState) []*dto.Metric {
	if len(s.memory) < len(tasks) {
		s.memory = make([]sample, len(tasks))
	}
	s.all = s.all[:0]
	name := "task"
	common := withLabel(nil, a.labels, series.Label)
	for i, t := range tasks {
		value, ok := m.value(a, series, t)
		if !ok {
			continue
		}
		one := &s.memory[i]
		one.value, one.id = value, validText(t.ID)
		one.gauge.Value, one.task.Name, one.task.Value = &one.value, &name, &one.id
		one.labels = withLabel(one.labels[:0], common, &one.task)
		one.metric.Gauge, one.metric.Label = &one.gauge, one.labels
		if m.Configured {
			one.metric.Label = withConfigured(one.labels, t.Labels)
		}
		s.all = append(s.all, &one.metric)
	}
	return s.all
}

// value is that of one series of a task.
func (m *Metric) value(a *Account, s *Series[Task], t *prefetch.TaskState) (float64, bool) {
	if m.Since == nil {
		return s.Value(a.Task(t))
	}
	since := m.Since(t)
	return Seconds(since, a.Now), !since.IsZero()
}
