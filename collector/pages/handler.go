package pages

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector"
)

// Options are the parts of the exposition.
type Options struct {
	// Collector and Recorder are required.
	Collector *collector.Collector
	Recorder  *collector.Recorder
	// Logger is told of what could not be gathered or sent; nil discards it.
	Logger *slog.Logger
	// MaxRequests is how many scrapes may be under way at once; those above it
	// are answered with 503. 0 means 200.
	MaxRequests int
}

// defaultMaxRequests is far above what scrapes at once, and bounds what clients
// that do not read can hold: each keeps a part of a page.
const defaultMaxRequests = 200

// Handler serves /metrics. It is safe for concurrent use.
type Handler struct {
	handler   http.Handler
	refresher *refresher
}

// ServeHTTP serves a scrape.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handler.ServeHTTP(w, r) }

// Refresh tells that the collector's source changed. What changed is rendered
// in the background, a quarter of a second later together with whatever else
// changed by then, for each kind of page that was asked for in the last ten
// minutes; if there is none, nothing is. It returns at once and may be called
// at any rate. Pages are current without it: a scrape renders what is left.
func (h *Handler) Refresh() { h.refresher.changed() }

// Close ends what Refresh began, and waits for it. Scrapes are served still.
func (h *Handler) Close() { h.refresher.close() }

// NewHandler returns the /metrics handler: the collector and the recorder, build
// information, the Go runtime, the process, and the handler's own metrics
// (promhttp_metric_handler_*), as text, OpenMetrics or protobuf, compressed
// where the client accepts it.
//
// What the collector shows is rendered when a task changed and then kept, for
// each format and compression that clients ask for: see
// [Handler.Refresh]. A scrape renders what is left, the ages of tasks above all.
// Where that is not possible, promhttp renders everything; so it does for protobuf
// as text.
//
// If a part cannot be gathered, the others are still served with status 200;
// the error is logged and counted in promhttp_metric_handler_errors_total.
func NewHandler(o Options) *Handler {
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	live := newLiveRegistry(o.Recorder)
	kept := newKeptPages(o.Collector)
	fast := &fastHandler{
		log: logger, live: live, errors: newHandlerErrors(live),
		ordinary: promhttp.HandlerFor(prometheus.Gatherers{o.Collector, live}, promhttp.HandlerOpts{
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelError),
			ErrorHandling:     promhttp.ContinueOnError,
			Registry:          live,
			EnableOpenMetrics: true,
		}),
		negotiator: newNegotiator(),
		kept:       kept,
	}
	return &Handler{
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

// WriteText writes what a [Handler] would serve to w in the text format, without
// the metrics of the handler itself.
func WriteText(w io.Writer, o Options) error {
	families, gatherErr := prometheus.Gatherers{o.Collector, newLiveRegistry(o.Recorder)}.Gather()
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

func newLiveRegistry(r *collector.Recorder) liveRegistry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(r, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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
