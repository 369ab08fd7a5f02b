package collector

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/prefetch"
)

// sample is one gauge of one scrape. Unlike client_golang's constant metric it
// takes labels that are already ordered and valid, so that all samples of a
// task share them.
type sample struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	value  float64
	// gauge points to value; it is a part of the sample to save an allocation
	// for each series.
	gauge dto.Gauge
}

func (s *sample) Desc() *prometheus.Desc { return s.desc }

func (s *sample) Write(out *dto.Metric) error {
	out.Label = s.labels
	out.Gauge = &s.gauge
	return nil
}

// scrape is the work of one [Collector.Collect].
type scrape struct {
	c   *Collector
	ch  chan<- prometheus.Metric
	now time.Time

	// seen are the accounts (with an empty task) and tasks that were rendered,
	// by their label values.
	seen map[identity]struct{}
	// info are the descriptions of prefetch_task_info that were used,
	// earlierInfo those of the scrape before. Only what is in use is kept, so
	// that labels which come and go do not pile up.
	info, earlierInfo map[string]*prometheus.Desc
	hidden            hidden
}

type identity struct {
	account prefetch.Account
	isTask  bool
	task    string
}

func (c *Collector) newScrape(ch chan<- prometheus.Metric, now time.Time) *scrape {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &scrape{
		c: c, ch: ch, now: now,
		seen:        map[identity]struct{}{},
		info:        map[string]*prometheus.Desc{},
		earlierInfo: c.info,
	}
}

func (s *scrape) gauge(desc *prometheus.Desc, labels []*dto.LabelPair, value float64) {
	m := &sample{desc: desc, labels: labels, value: value}
	m.gauge.Value = &m.value
	s.ch <- m
}

// timestamp renders a moment, and nothing for the zero time.
func (s *scrape) timestamp(desc *prometheus.Desc, labels []*dto.LabelPair, t time.Time) {
	if !t.IsZero() {
		s.gauge(desc, labels, unixSeconds(t))
	}
}

func (s *scrape) counts(desc *prometheus.Desc, labels []*dto.LabelPair, counts *prefetch.Counts) {
	for i, status := range s.c.fixed.statuses {
		s.gauge(desc, withLabel(labels, status), float64(counts[i]))
	}
}

// first reports whether nothing with the same labels was rendered before.
func (s *scrape) first(id identity) bool {
	if _, ok := s.seen[id]; ok {
		s.hidden.duplicates++
		return false
	}
	s.seen[id] = struct{}{}
	return true
}

func (s *scrape) account(a *prefetch.AccountState) {
	name := validAccount(a.Account)
	labels := []*dto.LabelPair{pair(labelAccount, name.Name), pair(labelProvider, name.Provider)}
	if s.first(identity{account: name}) {
		s.accountGauges(a, labels)
	}
	for _, t := range a.Tasks {
		id := validText(t.ID)
		if s.first(identity{account: name, isTask: true, task: id}) {
			s.task(t, withLabel(labels, pair(labelTask, id)), a.MaxStaleness)
		}
	}
}

func (s *scrape) accountGauges(a *prefetch.AccountState, labels []*dto.LabelPair) {
	d := &s.c.account
	s.gauge(d.up, labels, number(a.Up))
	for i, reason := range prefetch.Reasons() {
		s.gauge(d.failing, withLabel(labels, s.c.fixed.reasons[i]), number(a.Failing == reason))
	}
	for i, n := range a.Phases {
		s.gauge(d.tasks, withLabel(labels, s.c.fixed.phases[i]), float64(n))
	}
	s.gauge(d.dropped, labels, float64(a.Dropped))
	if a.Window != nil {
		s.counts(d.window, labels, a.Window)
	}
	s.gauge(d.limit, labels, float64(a.Limit.Calls))
	s.gauge(d.period, labels, a.Limit.Per.Seconds())
	s.gauge(d.nextCall, labels, unixSeconds(a.NextCall))
}

func (s *scrape) task(t *prefetch.TaskState, labels []*dto.LabelPair, maxStaleness time.Duration) {
	d := &s.c.task
	s.taskInfo(t, labels)
	s.gauge(d.up, labels, number(t.Up))
	s.gauge(d.settled, labels, number(t.Settled()))
	if !t.Created.IsZero() {
		s.gauge(d.age, labels, s.now.Sub(t.Created).Seconds())
	}
	s.timestamp(d.created, labels, t.Created)
	s.timestamp(d.deadline, labels, t.Deadline)
	s.timestamp(d.refresh, labels, t.LastRefresh)
	if t.Settled() {
		s.timestamp(d.finished, labels, t.Finished)
	}

	if !t.Answered || t.Stale(s.now, maxStaleness) {
		return
	}
	s.counts(d.urls, labels, &t.Counts)
	if ratio, ok := t.Counts.SuccessRatio(); ok {
		s.gauge(d.success, labels, ratio)
	}
	if t.HasEdgeRatio {
		s.gauge(d.edgeSuccess, labels, t.EdgeRatio)
	}
}

// taskInfo renders prefetch_task_info with the labels that the task has, and no
// empty ones for labels that only other tasks have: the cost of a task's labels
// must not grow with the number of tasks.
func (s *scrape) taskInfo(t *prefetch.TaskState, labels []*dto.LabelPair) {
	names := usableNames(t.Labels)
	s.hidden.labels += len(t.Labels) - len(names)
	for _, name := range names {
		labels = withLabel(labels, pair(name, validText(t.Labels[name])))
	}
	s.gauge(s.infoDesc(names), labels, 1)
}

// infoDesc returns the description of prefetch_task_info with the configured
// labels of the given names.
func (s *scrape) infoDesc(names []string) *prometheus.Desc {
	if len(names) == 0 {
		return s.c.task.info
	}
	key := strings.Join(names, ",")
	if desc, ok := s.info[key]; ok {
		return desc
	}
	desc, ok := s.earlierInfo[key]
	if !ok {
		desc = newTable().desc(nameTaskInfo, names...)
	}
	s.info[key] = desc
	return desc
}

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
