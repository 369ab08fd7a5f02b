package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// vector is a metric that has series of each account.
type vector struct {
	*prometheus.MetricVec

	// start brings the series of an account into being, with 0.
	start func(account ...string)
}

func (r *Recorder) add(c prometheus.Collector) { r.collectors = append(r.collectors, c) }

// counters returns the counters of a metric whose last label has the values from
// the start: of each account, or of the exporter.
func (r *Recorder) counters(m *Metric, values ...string) *prometheus.CounterVec {
	counters := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
	v := vector{counters.MetricVec, func(account ...string) {
		for _, value := range values {
			counters.WithLabelValues(append(account, value)...)
		}
	}}
	r.add(counters)
	if len(m.Labels) > 1 {
		r.vectors = append(r.vectors, v)
	} else {
		v.start()
	}
	return counters
}

// The native histograms' buckets grow by at most a tenth, eight for each power
// of two. The limit holds the span from a second to a day at that resolution;
// only broken times of a vendor go beyond it, and cost resolution, not memory.
const (
	nativeBucketFactor  = 1.1
	nativeMaxBuckets    = 160
	nativeResetDuration = time.Hour
)

// histograms returns the histograms of a metric, one for each account.
func (r *Recorder) histograms(m *Metric, buckets []float64) *prometheus.HistogramVec {
	histograms := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: m.Name, Help: m.Help,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     nativeBucketFactor,
		NativeHistogramMaxBucketNumber:  nativeMaxBuckets,
		NativeHistogramMinResetDuration: nativeResetDuration,
	}, m.Labels)
	r.add(histograms)
	r.vectors = append(r.vectors, vector{histograms.MetricVec, func(account ...string) { histograms.WithLabelValues(account...) }})
	return histograms
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

// emitFunc shows a series with the values of its labels.
type emitFunc func(value float64, labels ...string)

// emitted returns what makes a metric a part of the recorder whose series are
// read from it at each scrape.
func emitted(series func(r *Recorder, emit emitFunc)) func(*Recorder, *Metric) {
	return func(r *Recorder, m *Metric) {
		kind := prometheus.GaugeValue
		if m.Type == "counter" {
			kind = prometheus.CounterValue
		}
		r.add(&emitter{r: r, desc: prometheus.NewDesc(m.Name, m.Help, m.Labels, nil), kind: kind, series: series})
	}
}

// emitter is the series of one metric.
type emitter struct {
	r      *Recorder
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	series func(r *Recorder, emit emitFunc)
}

func (e *emitter) Describe(ch chan<- *prometheus.Desc) { ch <- e.desc }

func (e *emitter) Collect(ch chan<- prometheus.Metric) {
	e.series(e.r, func(value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(e.desc, e.kind, value, labels...)
	})
}

// retold is a moment by the clock as it is set now, which may not be how it was set
// then: where at has Go's monotonic reading, its age is what counts.
func retold(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	now := time.Now()
	return now.Add(-now.Sub(at)).Round(time.Millisecond)
}
