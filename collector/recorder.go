package collector

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"prefetch_exporter/prefetch"
)

// The reasons of [Recorder.StoreError].
const (
	// StoreCorrupt: what was stored cannot be understood.
	StoreCorrupt = "corrupt"
	// StoreRead: the store could not be read.
	StoreRead = "read"
	// StoreWrite: the store could not be written.
	StoreWrite = "write"
)

// The reasons of [Recorder.SetRejected].
const (
	// RejectedUnknownAccount: the task names an account that is not configured.
	RejectedUnknownAccount = "unknown_account"
	// RejectedInvalid: the task, or the entry that should be one, cannot be
	// read.
	RejectedInvalid = "invalid"
)

// Recorder holds what accumulates from scrape to scrape (calls, failures,
// durations) and the exporter's own gauges. It implements
// [prometheus.Collector] and is safe for concurrent use.
//
// Calls and durations of an account count only between its AddAccount and its
// RemoveAccount: a call that ends after its account was removed brings no
// series back.
type Recorder struct {
	// mu makes a change of several series one step for observations and for
	// scrapes.
	mu       sync.RWMutex
	accounts map[prefetch.Account]struct{}

	requests, failures              *prometheus.CounterVec
	calls, urlWait, urlFetch, tasks *prometheus.HistogramVec

	reloadOK, reloadTime          prometheus.Gauge
	discoveryUp, discoverySuccess *prometheus.GaugeVec
	rejected                      *prometheus.GaugeVec
	storeErrors                   *prometheus.CounterVec
	logDropped                    prometheus.CounterFunc
	// dropped counts what the log dropped; nil while nobody does.
	dropped atomic.Pointer[func() uint64]

	// reloaded and discovered, by source, are when that last succeeded. They are
	// told anew for each scrape, by the clock as it is set then.
	reloaded   time.Time
	discovered map[string]time.Time
}

// NewRecorder returns a recorder of which every series that exists from the
// start is there, with 0.
func NewRecorder() *Recorder {
	t := newTable()
	r := &Recorder{
		accounts: map[prefetch.Account]struct{}{}, discovered: map[string]time.Time{},

		requests: t.counters(nameAPIRequests),
		failures: t.counters(nameAPIFailures),
		calls:    t.histograms(nameAPIDuration, callBuckets()),
		urlWait:  t.histograms(nameURLWait, prefetchBuckets()),
		urlFetch: t.histograms(nameURLFetch, prefetchBuckets()),
		tasks:    t.histograms(nameTaskDuration, prefetchBuckets()),

		reloadOK:         t.gauge(nameReloadOK),
		reloadTime:       t.gauge(nameReloadTime),
		discoveryUp:      t.gauges(nameDiscoveryUp),
		discoverySuccess: t.gauges(nameDiscoverySuccess),
		rejected:         t.gauges(nameRejected),
		storeErrors:      t.counters(nameStoreErrors),
	}
	r.logDropped = t.counted(nameLogDropped, func() uint64 {
		if count := r.dropped.Load(); count != nil {
			return (*count)()
		}
		return 0
	})
	for _, reason := range []string{RejectedUnknownAccount, RejectedInvalid} {
		r.rejected.WithLabelValues(reason)
	}
	for _, reason := range []string{StoreCorrupt, StoreRead, StoreWrite} {
		r.storeErrors.WithLabelValues(reason)
	}
	return r
}

// queryKinds returns the values of the `query` label.
func queryKinds() []string { return []string{"task", "window", "count"} }

// AddAccount creates all series of the account with 0. It changes nothing if
// the account is there already, so that a reload that keeps an account keeps
// its counters.
func (r *Recorder) AddAccount(a prefetch.Account) {
	a = validAccount(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accounts[a] = struct{}{}
	for _, kind := range queryKinds() {
		r.requests.WithLabelValues(a.Provider, a.Name, kind)
	}
	for _, reason := range prefetch.Reasons() {
		r.failures.WithLabelValues(a.Provider, a.Name, string(reason))
	}
	for _, h := range r.histograms() {
		h.WithLabelValues(a.Provider, a.Name)
	}
}

// RemoveAccount removes all series of the account. It does nothing if the
// account is not there.
func (r *Recorder) RemoveAccount(a prefetch.Account) {
	a = validAccount(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.accounts, a)
	labels := prometheus.Labels{labelProvider: a.Provider, labelAccount: a.Name}
	r.requests.DeletePartialMatch(labels)
	r.failures.DeletePartialMatch(labels)
	for _, h := range r.histograms() {
		h.Delete(labels)
	}
}

// Called counts a call that left for the vendor. Kind is the question that it
// asks: "task", "window" or "count".
func (r *Recorder) Called(a prefetch.Account, kind string) {
	r.count(r.requests, a, kind)
}

// Answered observes how long a call took, whether it succeeded or failed.
func (r *Recorder) Answered(a prefetch.Account, took time.Duration) {
	r.observe(r.calls, a, took)
}

// Failed counts a call that did not answer. The empty reason, which means that
// a call did not fail, is not counted.
func (r *Recorder) Failed(a prefetch.Account, reason prefetch.Reason) {
	if reason != "" {
		r.count(r.failures, a, string(reason))
	}
}

// URLWait observes the time from the creation of a URL to the start of its
// fetch. A negative time, which the vendor's clocks can produce, counts as 0:
// the sum of a histogram must not fall.
func (r *Recorder) URLWait(a prefetch.Account, d time.Duration) {
	r.observe(r.urlWait, a, d)
}

// URLFetch observes the time from the start of a URL's fetch to its end.
// A negative time counts as 0.
func (r *Recorder) URLFetch(a prefetch.Account, d time.Duration) {
	r.observe(r.urlFetch, a, d)
}

// TaskDuration observes the time from the creation of a task to its end.
// A negative time counts as 0.
func (r *Recorder) TaskDuration(a prefetch.Account, d time.Duration) {
	r.observe(r.tasks, a, d)
}

// StoreError counts an error of the store; the reason is [StoreCorrupt],
// [StoreRead] or [StoreWrite].
func (r *Recorder) StoreError(reason string) {
	r.storeErrors.WithLabelValues(validText(reason)).Inc()
}

// CountLogDropped has count asked at each scrape how many lines the log dropped.
func (r *Recorder) CountLogDropped(count func() uint64) { r.dropped.Store(&count) }

// ConfigReloaded records an attempt to load the configuration, the one at the
// start included. Only a successful one moves the time of the last success.
func (r *Recorder) ConfigReloaded(ok bool, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reloadOK.Set(number(ok))
	if ok {
		r.reloaded = at
	}
}

// SetDiscovery records the state of a source of tasks. The zero lastSuccess
// means that the source could never be read; its time is then absent.
func (r *Recorder) SetDiscovery(source string, up bool, lastSuccess time.Time) {
	source = validText(source)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.discoveryUp.WithLabelValues(source).Set(number(up))
	if lastSuccess.IsZero() {
		delete(r.discovered, source)
		r.discoverySuccess.DeleteLabelValues(source)
		return
	}
	r.discovered[source] = lastSuccess
}

// RemoveDiscovery removes the series of a source that is no longer configured.
func (r *Recorder) RemoveDiscovery(source string) {
	source = validText(source)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.discovered, source)
	r.discoveryUp.DeleteLabelValues(source)
	r.discoverySuccess.DeleteLabelValues(source)
}

// SetRejected records how many tasks are listed now that cannot be used; the
// reason is [RejectedUnknownAccount] or [RejectedInvalid].
func (r *Recorder) SetRejected(reason string, n int) {
	r.rejected.WithLabelValues(validText(reason)).Set(float64(n))
}

// Describe implements [prometheus.Collector].
func (r *Recorder) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range r.collectors() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (r *Recorder) Collect(ch chan<- prometheus.Metric) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := time.Now()
	r.reloadTime.Set(unixSeconds(retold(r.reloaded, now)))
	for source, at := range r.discovered {
		r.discoverySuccess.WithLabelValues(source).Set(unixSeconds(retold(at, now)))
	}
	for _, c := range r.collectors() {
		c.Collect(ch)
	}
}

// retold is a moment by the clock as it is set now, which may not be how it was set
// then: where at has Go's monotonic reading, its age is what counts.
func retold(at, now time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return now.Add(-now.Sub(at)).Round(time.Millisecond)
}

func (r *Recorder) histograms() []*prometheus.HistogramVec {
	return []*prometheus.HistogramVec{r.calls, r.urlWait, r.urlFetch, r.tasks}
}

func (r *Recorder) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		r.requests, r.failures, r.calls, r.urlWait, r.urlFetch, r.tasks,
		r.reloadOK, r.reloadTime, r.discoveryUp, r.discoverySuccess, r.rejected, r.storeErrors, r.logDropped,
	}
}

// count adds one to the account's counter whose third label has the value.
func (r *Recorder) count(counters *prometheus.CounterVec, a prefetch.Account, value string) {
	a = validAccount(a)
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ok := r.accounts[a]; ok {
		counters.WithLabelValues(a.Provider, a.Name, validText(value)).Inc()
	}
}

func (r *Recorder) observe(histograms *prometheus.HistogramVec, a prefetch.Account, d time.Duration) {
	a = validAccount(a)
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ok := r.accounts[a]; ok {
		histograms.WithLabelValues(a.Provider, a.Name).Observe(max(d, 0).Seconds())
	}
}
