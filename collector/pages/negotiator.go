package pages

import (
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector/pages/internal/exposition"
)

// agreement is what a request and promhttp agree upon.
type agreement struct {
	// header is the header of the answer. It must not be changed.
	header      http.Header
	contentType expfmt.Format
	format      exposition.Format
	compressed  bool
	// covered: pages are kept of the format and the compression.
	covered bool
}

// negotiator knows what promhttp would answer in, because it asks promhttp: for
// an empty page. The answer depends on two headers, and a scraper always sends
// the same.
type negotiator struct {
	empty http.Handler

	mu         sync.Mutex
	agreements map[string]agreement
}

// What clients with ever new or long headers can make us remember is bounded.
const (
	maxAgreements = 64
	maxHeaders    = 4 << 10
)

func newNegotiator() *negotiator {
	nothing := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, nil })
	return &negotiator{
		empty: promhttp.HandlerFor(nothing, promhttp.HandlerOpts{
			EnableOpenMetrics: true,
			// Others could be linked into the program, and are not kept.
			OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
		}),
		agreements: map[string]agreement{},
	}
}

func (n *negotiator) agree(r *http.Request) agreement {
	const accept, acceptEncoding = "Accept", "Accept-Encoding"
	key := r.Header.Get(accept) + "\n" + strings.Join(r.Header.Values(acceptEncoding), ",")
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.agreements[key]; ok {
		return a
	}
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
	if len(n.agreements) >= maxAgreements {
		clear(n.agreements)
	}
	if len(key) <= maxHeaders {
		n.agreements[key] = a
	}
	return a
}

// headerOnly is an answer of which only the header counts.
type headerOnly struct{ header http.Header }

func (h *headerOnly) Header() http.Header       { return h.header }
func (*headerOnly) WriteHeader(int)             {}
func (*headerOnly) Write(p []byte) (int, error) { return len(p), nil }
