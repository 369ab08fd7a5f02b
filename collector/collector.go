package collector

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"prefetch_exporter/prefetch"
)

// Source is where the state comes from.
type Source interface {
	// Snapshot returns what is known now. It is called once per scrape, must
	// not block, and what it returned is never changed again.
	Snapshot() prefetch.Snapshot
}

// Options are the settings of a [Collector].
type Options struct {
	// Source is required.
	Source Source
	// Now is the clock that ages and staleness are reckoned by; nil means
	// time.Now.
	Now func() time.Time
	// Logger is told of what cannot be shown; nil discards it.
	Logger *slog.Logger
}

// Collector renders a snapshot of all tasks and accounts as gauges at each
// scrape. It is safe for concurrent scrapes.
type Collector struct {
	source Source
	now    func() time.Time
	logger *slog.Logger

	task    taskDescs
	account accountDescs
	fixed   fixedLabels

	mu sync.Mutex
	// info are the descriptions of prefetch_task_info that the last scrape
	// used, by its configured label names.
	info map[string]*prometheus.Desc
	// hidden is what the last scrape could not show.
	hidden hidden
}

// hidden counts what a scrape could not show without breaking the exposition.
type hidden struct {
	// duplicates are accounts and tasks whose labels are those of another one.
	duplicates int
	// labels are configured labels whose names cannot be used.
	labels int
}

type taskDescs struct {
	info, urls, success, edgeSuccess, age, created, finished, deadline, settled, up, refresh *prometheus.Desc
}

type accountDescs struct {
	up, failing, tasks, dropped, window, limit, period, nextCall *prometheus.Desc
}

// fixedLabels are the labels whose values are known beforehand.
type fixedLabels struct {
	statuses [prefetch.NumStatuses]*dto.LabelPair
	phases   [prefetch.NumPhases]*dto.LabelPair
	reasons  []*dto.LabelPair
}

// New returns a collector of the source's tasks and accounts.
func New(o Options) *Collector {
	t := newTable()
	c := &Collector{
		source: o.Source, now: o.Now, logger: o.Logger,
		task: taskDescs{
			info: t.desc(nameTaskInfo), urls: t.desc(nameTaskURLs),
			success: t.desc(nameTaskSuccess), edgeSuccess: t.desc(nameTaskEdgeSuccess),
			age: t.desc(nameTaskAge), created: t.desc(nameTaskCreated),
			finished: t.desc(nameTaskFinished), deadline: t.desc(nameTaskDeadline),
			settled: t.desc(nameTaskSettled), up: t.desc(nameTaskUp), refresh: t.desc(nameTaskRefresh),
		},
		account: accountDescs{
			up: t.desc(nameAccountUp), failing: t.desc(nameAccountFailing),
			tasks: t.desc(nameAccountTasks), dropped: t.desc(nameAccountDropped),
			window: t.desc(nameAccountWindow), limit: t.desc(nameAPILimit),
			period: t.desc(nameAPIPeriod), nextCall: t.desc(nameAPINextCall),
		},
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	for i, status := range prefetch.Statuses() {
		c.fixed.statuses[i] = pair(labelStatus, status.String())
	}
	for i, phase := range prefetch.Phases() {
		c.fixed.phases[i] = pair(labelPhase, phase.String())
	}
	for _, reason := range prefetch.Reasons() {
		c.fixed.reasons = append(c.fixed.reasons, pair(labelReason, string(reason)))
	}
	return c
}

// Describe implements [prometheus.Collector]. Of prefetch_task_info it tells
// the labels that every series has; the configured ones differ from task to
// task.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	t, a := &c.task, &c.account
	for _, desc := range []*prometheus.Desc{
		t.info, t.urls, t.success, t.edgeSuccess, t.age, t.created, t.finished, t.deadline, t.settled, t.up, t.refresh,
		a.up, a.failing, a.tasks, a.dropped, a.window, a.limit, a.period, a.nextCall,
	} {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
//
// No snapshot makes it fail: what would break the exposition is left out and
// logged. Of two tasks with the same labels the first is shown; of configured
// labels those that hide ours or that Prometheus does not accept are left out.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	snapshot := c.source.Snapshot()
	s := c.newScrape(ch, c.now())
	for i := range snapshot.Accounts {
		s.account(&snapshot.Accounts[i])
	}
	c.finish(s)
}

// finish keeps what the next scrape can use and logs what could not be shown,
// once for as long as it does not change.
func (c *Collector) finish(s *scrape) {
	c.mu.Lock()
	c.info = s.info
	changed := c.hidden != s.hidden
	c.hidden = s.hidden
	c.mu.Unlock()

	if changed && s.hidden != (hidden{}) {
		c.logger.Warn("Some tasks or labels cannot be shown on /metrics",
			"same_labels_as_another", s.hidden.duplicates, "unusable_label_names", s.hidden.labels)
	}
}
