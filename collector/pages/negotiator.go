package pages

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector/pages/internal/exposition"
)

// agreement is what a request and promhttp agree upon.
type agreement struct {
	pagesKey

	// header is the header of the answer.
	header      http.Header
	contentType expfmt.Format
	// covered: pages are kept of the format and the compression.
	covered bool
}

// negotiator knows what promhttp would answer in, because it asks promhttp: for
// an empty page.
type negotiator struct{ empty http.Handler }

func newNegotiator() negotiator {
	nothing := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, nil })
	return negotiator{promhttp.HandlerFor(nothing, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		// Others could be linked into the program, and are not kept.
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
	})}
}

func (n negotiator) agree(r *http.Request) agreement {
	answer := &headerOnly{header: http.Header{}}
	n.empty.ServeHTTP(answer, r)
	a := agreement{header: answer.header, contentType: expfmt.Format(answer.header.Get("Content-Type"))}
	a.format, a.covered = exposition.FormatOf(a.contentType)
	switch promhttp.Compression(answer.header.Get("Content-Encoding")) {
	case "", promhttp.Identity:
	case promhttp.Gzip:
		a.compressed = true
	default:
		a.covered = false
	}
	return a
}

// headerOnly is an answer of which only the header counts.
type headerOnly struct{ header http.Header }

func (h *headerOnly) Header() http.Header       { return h.header }
func (*headerOnly) WriteHeader(int)             {}
func (*headerOnly) Write(p []byte) (int, error) { return len(p), nil }
