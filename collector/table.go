package collector

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// table gives out the parts of client_golang that carry a metric's description,
// so that name, help and labels are written down only in [Metrics]. A name that
// is not in the table yields an invalid description, which no registry accepts.
type table map[string]Metric

func newTable() table {
	t := table{}
	for _, m := range Metrics() {
		t[m.Name] = m
	}
	return t
}

// desc returns the description of a metric, with the labels of the table and
// those in more.
func (t table) desc(name string, more ...string) *prometheus.Desc {
	m := t[name]
	return prometheus.NewDesc(m.Name, m.Help, slices.Concat(m.Labels, more), nil)
}

func (t table) gauge(name string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: t[name].Name, Help: t[name].Help})
}

func (t table) gauges(name string) *prometheus.GaugeVec {
	m := t[name]
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
}

func (t table) counters(name string) *prometheus.CounterVec {
	m := t[name]
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
}

// The native histograms' buckets grow by at most a tenth, eight for each power
// of two. The limit holds the span from a second to a day at that resolution;
// only broken times of a vendor go beyond it, and cost resolution, not memory.
const (
	nativeBucketFactor  = 1.1
	nativeMaxBuckets    = 160
	nativeResetDuration = time.Hour
)

// counted is a counter of what somebody else counts.
func (t table) counted(name string, count func() uint64) prometheus.CounterFunc {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: t[name].Name, Help: t[name].Help},
		func() float64 { return float64(count()) })
}

func (t table) histograms(name string, buckets []float64) *prometheus.HistogramVec {
	m := t[name]
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: m.Name, Help: m.Help,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     nativeBucketFactor,
		NativeHistogramMaxBucketNumber:  nativeMaxBuckets,
		NativeHistogramMinResetDuration: nativeResetDuration,
	}, m.Labels)
}

// callBuckets returns the classic buckets of one call, in seconds: 30 s is the
// limit of a call.
func callBuckets() []float64 {
	return []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30}
}

// prefetchBuckets returns the classic buckets of a URL's or a task's duration,
// in seconds: 10 s to 24 h.
func prefetchBuckets() []float64 {
	var buckets []float64
	for _, d := range []time.Duration{
		10 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	} {
		buckets = append(buckets, d.Seconds())
	}
	return buckets
}
