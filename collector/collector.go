package collector

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
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
}

// Collector shows a snapshot of all tasks and accounts as gauges at each scrape.
// It is safe for concurrent scrapes.
type Collector struct {
	source  Source
	now     func() time.Time
	metrics []Metric
}

// New returns a collector of the source's tasks and accounts.
func New(o Options) *Collector {
	c := &Collector{source: o.Source, now: o.Now}
	c.metrics = slices.DeleteFunc(Metrics(), func(m Metric) bool { return m.recorded != nil })
	slices.SortFunc(c.metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// Metrics returns the rows of the table of which the collector shows the gauges,
// ordered by name. They must not be changed.
func (c *Collector) Metrics() []Metric { return c.metrics }

// Gather implements [prometheus.Gatherer], by which a page is shown as a whole.
// Whoever has [Collector.Accounts] and their samples can show it in pieces.
func (c *Collector) Gather() (families []*dto.MetricFamily, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			families, err = nil, fmt.Errorf("show the state: panic: %v\n%s", cause, debug.Stack())
		}
	}()
	accounts, _ := c.Accounts()
	for i := range c.metrics {
		m := &c.metrics[i]
		f := &dto.MetricFamily{Name: &m.Name, Help: &m.Help, Type: dto.MetricType_GAUGE.Enum()}
		for j := range accounts {
			a := &accounts[j]
			f.Metric = append(f.Metric, a.Samples(m)...)
			for k := range m.Tasks {
				f.Metric = append(f.Metric, new(Samples).Of(a, m, &m.Tasks[k], a.State.Tasks)...)
			}
		}
		if len(f.GetMetric()) > 0 {
			families = append(families, f)
		}
	}
	return families, nil
}
