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

	// seen are the accounts and tasks that were rendered.
	seen seen
	// info are the descriptions of prefetch_task_info that were used,
	// earlierInfo those of the scrape before. Only what is in use is kept, so
	// that labels which come and go do not pile up.
	info, earlierInfo map[string]*prometheus.Desc
	hidden            hidden
}

// seen tells what has the labels of another one.
type seen map[identity]struct{}

// identity is an account (with an empty task) or a task, by its label values.
type identity struct {
	account prefetch.Account
	isTask  bool
	task    string
}

// first reports whether nothing with the same labels came before.
func (s seen) first(id identity) bool {
	if _, ok := s[id]; ok {
		return false
	}
	s[id] = struct{}{}
	return true
}

func (c *Collector) newScrape(ch chan<- prometheus.Metric, now time.Time) *scrape {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &scrape{
		c: c, ch: ch, now: now,
		seen:        seen{},
		info:        map[string]*prometheus.Desc{},
		earlierInfo: c.info,
	}
}

func (s *scrape) gauge(desc *prometheus.Desc, labels []*dto.LabelPair, value float64) {
	m := &sample{desc: desc, labels: labels, value: value}
	m.gauge.Value = &m.value
	s.ch <- m
}

func (s *scrape) account(a *prefetch.AccountState) {
	name := validAccount(a.Account)
	labels := accountPairs(name)
	if s.first(identity{account: name}) {
		for _, series := range s.c.accounts {
			if value, ok := series.value(a); ok {
				s.gauge(s.c.descs[series.metric], withLabel(labels, series.label), value)
			}
		}
	}
	for _, t := range a.Tasks {
		id := validText(t.ID)
		if s.first(identity{account: name, isTask: true, task: id}) {
			s.task(newTaskAt(t, s.now, a.MaxStaleness), withLabel(labels, pair(labelTask, id)))
		}
	}
}

func (s *scrape) first(id identity) bool {
	first := s.seen.first(id)
	if !first {
		s.hidden.duplicates++
	}
	return first
}

func (s *scrape) task(t taskAt, labels []*dto.LabelPair) {
	for _, series := range s.c.tasks {
		value, ok := series.value(t)
		switch {
		case !ok:
		case series.metric == nameTaskInfo:
			names := usableNames(t.Labels)
			s.hidden.labels += len(t.Labels) - len(names)
			s.gauge(s.infoDesc(names), withConfigured(labels, names, t.Labels), value)
		default:
			s.gauge(s.c.descs[series.metric], withLabel(labels, series.label), value)
		}
	}
}

// infoDesc returns the description of prefetch_task_info with the configured
// labels of the given names.
func (s *scrape) infoDesc(names []string) *prometheus.Desc {
	if len(names) == 0 {
		return s.c.descs[nameTaskInfo]
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
