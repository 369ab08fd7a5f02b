package collector

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

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

// Collector shows a snapshot of all tasks and accounts as gauges at each scrape.
// It is safe for concurrent scrapes.
type Collector struct {
	source  Source
	now     func() time.Time
	logger  *slog.Logger
	metrics []Metric

	mu sync.Mutex
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
	c := &Collector{source: o.Source, now: o.Now, logger: o.Logger}
	c.metrics = slices.DeleteFunc(Metrics(), func(m Metric) bool { return m.recorded != nil })
	slices.SortFunc(c.metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	if c.now == nil {
		c.now = time.Now
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Metrics returns the rows of the table of which the collector shows the gauges,
// ordered by name. They must not be changed.
func (c *Collector) Metrics() []Metric { return c.metrics }

// View is what a page shows.
type View struct {
	Now      time.Time
	Accounts []Account

	duplicates int
}

// View takes a snapshot and returns what l shows of it.
func (c *Collector) View(l *Layout) View {
	snapshot := c.source.Snapshot()
	v := View{Now: c.now()}
	v.Accounts, v.duplicates = l.of(snapshot, v.Now)
	return v
}

// Shown logs what of a view could not be shown, once for as long as it does not
// change. Unusable is how many configured labels are among it.
func (c *Collector) Shown(v View, unusable int) {
	h := hidden{duplicates: v.duplicates, labels: unusable}
	c.mu.Lock()
	changed := c.hidden != h
	c.hidden = h
	c.mu.Unlock()

	if changed && h != (hidden{}) {
		c.logger.Warn("Some tasks or labels cannot be shown on /metrics",
			"same_labels_as_another", h.duplicates, "unusable_label_names", h.labels)
	}
}

// Gather implements [prometheus.Gatherer], by which a page is shown as a whole.
// Whoever has [Collector.View] and the samples of accounts can show it in pieces.
//
// No snapshot makes it fail: what would break the exposition is left out and
// logged. Of two tasks with the same labels the first is shown; of configured
// labels those that hide ours or that Prometheus does not accept are left out.
func (c *Collector) Gather() (families []*dto.MetricFamily, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			families, err = nil, fmt.Errorf("show the state: panic: %v\n%s", cause, debug.Stack())
		}
	}()
	v := c.View(&Layout{})
	unusable := 0
	for i := range c.metrics {
		m := &c.metrics[i]
		f := &dto.MetricFamily{Name: &m.Name, Help: &m.Help, Type: dto.MetricType_GAUGE.Enum()}
		for j := range v.Accounts {
			a := &v.Accounts[j]
			f.Metric = append(f.Metric, a.Samples(m)...)
			for k := range m.Tasks {
				samples, n := new(Samples).Of(a, m, &m.Tasks[k], a.Tasks)
				f.Metric = append(f.Metric, samples...)
				unusable += n
			}
		}
		if len(f.GetMetric()) > 0 {
			families = append(families, f)
		}
	}
	c.Shown(v, unusable)
	return families, nil
}
