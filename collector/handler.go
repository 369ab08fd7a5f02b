package collector

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	// are answered with 503. 0 means no limit.
	MaxRequests int
}

// Handler returns the /metrics handler: the collector and the recorder, build
// information, the Go runtime, the process, and the handler's own metrics
// (promhttp_metric_handler_*), as text, OpenMetrics or protobuf, compressed
// where the client accepts it.
//
// If a part cannot be gathered, the others are still served with status 200;
// the error is logged and counted in promhttp_metric_handler_errors_total.
func Handler(o HandlerOptions) http.Handler {
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	registry := newRegistry(o)
	return promhttp.InstrumentMetricHandler(registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(logger.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            registry,
		MaxRequestsInFlight: o.MaxRequests,
		EnableOpenMetrics:   true,
	}))
}

// WriteText writes what [Handler] would serve to w in the text format, without
// the metrics of the handler itself.
func WriteText(w io.Writer, o HandlerOptions) error {
	families, gatherErr := newRegistry(o).Gather()
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

func newRegistry(o HandlerOptions) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		o.Collector,
		o.Recorder,
		version.NewCollector(programName),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}
