package collector

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"prefetch_exporter/prefetch"
)

// Source is where the state comes from.
type Source interface {
	// Snapshot returns what is known now. It is called once per scrape and
	// refresh, must not block, and what it returned is never changed again.
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

	tasks    []series[taskAt]
	accounts []series[*prefetch.AccountState]
	// descs are the descriptions of their metrics, by name.
	descs map[string]*prometheus.Desc

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

// New returns a collector of the source's tasks and accounts.
func New(o Options) *Collector {
	c := &Collector{
		source: o.Source, now: o.Now, logger: o.Logger,
		tasks: taskSeries(), accounts: accountSeries(),
		descs: map[string]*prometheus.Desc{},
	}
	table := newTable()
	for _, s := range c.tasks {
		c.descs[s.metric] = table.desc(s.metric)
	}
	for _, s := range c.accounts {
		c.descs[s.metric] = table.desc(s.metric)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Describe implements [prometheus.Collector]. Of prefetch_task_info it tells
// the labels that every series has; the configured ones differ from task to
// task.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
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

	c.mu.Lock()
	c.info = s.info
	c.mu.Unlock()
	c.tell(s.hidden)
}

// tell logs what could not be shown, once for as long as it does not change.
func (c *Collector) tell(h hidden) {
	c.mu.Lock()
	changed := c.hidden != h
	c.hidden = h
	c.mu.Unlock()

	if changed && h != (hidden{}) {
		c.logger.Warn("Some tasks or labels cannot be shown on /metrics",
			"same_labels_as_another", h.duplicates, "unusable_label_names", h.labels)
	}
}
