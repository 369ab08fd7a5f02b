package collector

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// programName is the first word of the build information's metric.
const programName = "prefetch_exporter"

// HandlerOptions are the parts of the exposition.
type HandlerOptions struct {
	// Collector and Recorder are required.
	Collector *Collector
	Recorder  *Recorder
	// Logger is told of what could not be gathered or sent; nil discards it.
	Logger *slog.Logger
	// MaxRequests is how many scrapes may be under way at once; those above it
	// are answered with 503. 0 means 200.
	MaxRequests int
}

// defaultMaxRequests is far above what scrapes at once, and bounds what clients
// that do not read can hold: each keeps a part of a page.
const defaultMaxRequests = 200

// MetricsHandler is what [Handler] returns. It is safe for concurrent use.
type MetricsHandler struct {
	handler   http.Handler
	refresher *refresher
}

// ServeHTTP serves a scrape.
func (h *MetricsHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handler.ServeHTTP(w, r) }

// Refresh tells that the collector's source changed. What changed is rendered
// in the background, a quarter of a second later together with whatever else
// changed by then, for each kind of page that was asked for in the last ten
// minutes; if there is none, nothing is. It returns at once and may be called
// at any rate. Pages are current without it: a scrape renders what is left.
func (h *MetricsHandler) Refresh() { h.refresher.changed() }

// Close ends what Refresh began, and waits for it. Scrapes are served still.
func (h *MetricsHandler) Close() { h.refresher.close() }

// Handler returns the /metrics handler: the collector and the recorder, build
// information, the Go runtime, the process, and the handler's own metrics
// (promhttp_metric_handler_*), as text, OpenMetrics or protobuf, compressed
// where the client accepts it.
//
// What the collector shows is rendered when a task changed and then kept, for
// each format and compression that clients ask for: see
// [MetricsHandler.Refresh]. A scrape renders what is left, the ages of tasks
// above all. Where that is not possible, promhttp
// renders everything; so it does for protobuf as text.
//
// If a part cannot be gathered, the others are still served with status 200;
// the error is logged and counted in promhttp_metric_handler_errors_total.
func Handler(o HandlerOptions) *MetricsHandler {
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	tasks := prometheus.NewRegistry()
	tasks.MustRegister(o.Collector)
	live := newLiveRegistry(o.Recorder)
	kept := newKeptPages(o.Collector)
	fast := &fastHandler{
		log: logger, live: live, errors: newHandlerErrors(live),
		ordinary: promhttp.HandlerFor(prometheus.Gatherers{tasks, live}, promhttp.HandlerOpts{
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelError),
			ErrorHandling:     promhttp.ContinueOnError,
			Registry:          live,
			EnableOpenMetrics: true,
		}),
		negotiator: newNegotiator(),
		kept:       kept,
	}
	return &MetricsHandler{
		handler:   promhttp.InstrumentMetricHandler(live, limited(fast, cmp.Or(o.MaxRequests, defaultMaxRequests))),
		refresher: newRefresher(logger, kept),
	}
}

// The values of the label of promhttp_metric_handler_errors_total.
const (
	causeGathering = "gathering"
	causeEncoding  = "encoding"
)

// newHandlerErrors registers the counter of errors that promhttp would register
// if it were not there, so that both count in one.
func newHandlerErrors(r prometheus.Registerer) *prometheus.CounterVec {
	errors := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "promhttp_metric_handler_errors_total",
		Help: "Total number of internal errors encountered by the promhttp metric handler.",
	}, []string{"cause"})
	for _, cause := range []string{causeGathering, causeEncoding} {
		errors.WithLabelValues(cause)
	}
	r.MustRegister(errors)
	return errors
}

// WriteText writes what [Handler] would serve to w in the text format, without
// the metrics of the handler itself.
func WriteText(w io.Writer, o HandlerOptions) error {
	live := newLiveRegistry(o.Recorder)
	live.MustRegister(o.Collector)
	families, gatherErr := live.Gather()
	encoder := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return fmt.Errorf("write the exposition: %w", err)
		}
	}
	if gatherErr != nil {
		return fmt.Errorf("gather the metrics: %w", gatherErr)
	}
	return nil
}

// liveRegistry is a registry of everything but the collector: what it gathers is
// rendered for each scrape.
type liveRegistry struct{ *prometheus.Registry }

func newLiveRegistry(r *Recorder) liveRegistry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		r,
		version.NewCollector(programName),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return liveRegistry{registry}
}

// clashing is a gauge of the Go collector beside the counter of the same name with
// _total. OpenMetrics leaves that ending out of a counter's name, so the page would
// have two metrics of one name, which strict parsers refuse as a whole. The same
// value is in go_memstats_heap_alloc_bytes.
const clashing = "go_memstats_alloc_bytes"

// Gather implements [prometheus.Gatherer].
func (r liveRegistry) Gather() ([]*dto.MetricFamily, error) {
	families, err := r.Registry.Gather()
	families = slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == clashing })
	return families, err //nolint:wrapcheck // what promhttp and WriteText are told is the registry's own words
}
