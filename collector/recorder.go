package collector

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"prefetch_exporter/prefetch"
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

	// collectors are the metrics, one for each row of the table that is recorded,
	// and vectors those of them that have series of each account.
	collectors []prometheus.Collector
	vectors    []vector

	requests, failures, storeErrors *prometheus.CounterVec
	calls, urlWait, urlFetch, tasks *prometheus.HistogramVec

	// What follows is told anew for each scrape. Reloaded is when the
	// configuration was last loaded successfully; discovered are the sources of
	// tasks, rejected the tasks that cannot be used by reason.
	reloadOK   bool
	reloaded   time.Time
	discovered map[string]discovered
	rejected   map[string]int
	dropped    func() uint64
	storeUp    func() bool
	replicas   func() int
}

// discovered is how a source of tasks fared. The zero lastSuccess means that it
// could never be read.
type discovered struct {
	up          bool
	lastSuccess time.Time
}

// NewRecorder returns a recorder of which every series that exists from the
// start is there, with 0.
func NewRecorder() *Recorder {
	r := &Recorder{
		accounts: map[prefetch.Account]struct{}{}, discovered: map[string]discovered{},
		rejected: map[string]int{"unknown_account": 0, "invalid": 0},
		dropped:  func() uint64 { return 0 },
		storeUp:  func() bool { return true },
		replicas: func() int { return 1 },
	}
	for _, m := range Metrics() {
		if m.recorded != nil {
			m.recorded(r, &m)
		}
	}
	return r
}

// AddAccount creates all series of the account with 0. It changes nothing if
// the account is there already, so that a reload that keeps an account keeps
// its counters.
func (r *Recorder) AddAccount(a prefetch.Account) {
	a = validAccount(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accounts[a] = struct{}{}
	for _, v := range r.vectors {
		v.start(a.Provider, a.Name)
	}
}

// RemoveAccount removes all series of the account. It does nothing if the
// account is not there.
func (r *Recorder) RemoveAccount(a prefetch.Account) {
	a = validAccount(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.accounts, a)
	for _, v := range r.vectors {
		v.DeletePartialMatch(prometheus.Labels{"provider": a.Provider, "account": a.Name})
	}
}

// Called counts a call that left for the vendor. Kind is the question that it
// asks: "task", "window", "count" or "list".
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

// StoreError counts an error of the store: "corrupt", "read" or "write".
func (r *Recorder) StoreError(reason string) {
	r.storeErrors.WithLabelValues(validText(reason)).Inc()
}

// CountLogDropped has count asked at each scrape how many lines the log dropped.
func (r *Recorder) CountLogDropped(count func() uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped = count
}

// WatchStore has up asked at each scrape whether the store answers, and replicas how
// many share it. Neither may block.
func (r *Recorder) WatchStore(up func() bool, replicas func() int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.storeUp, r.replicas = up, replicas
}

// ConfigReloaded records an attempt to load the configuration, the one at the
// start included. Only a successful one moves the time of the last success.
func (r *Recorder) ConfigReloaded(ok bool, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reloadOK = ok
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
	r.discovered[source] = discovered{up: up, lastSuccess: lastSuccess}
}

// RemoveDiscovery removes the series of a source that is no longer configured.
func (r *Recorder) RemoveDiscovery(source string) {
	source = validText(source)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.discovered, source)
}

// SetRejected records how many tasks are listed now that cannot be used, for
// the reason "unknown_account" or "invalid".
func (r *Recorder) SetRejected(reason string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejected[validText(reason)] = n
}

// Describe implements [prometheus.Collector].
func (r *Recorder) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range r.collectors {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (r *Recorder) Collect(ch chan<- prometheus.Metric) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, c := range r.collectors {
		c.Collect(ch)
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
