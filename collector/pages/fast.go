package pages

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// fastHandler serves pages that are kept, together with what a live registry
// gathers, as promhttp would serve both.
type fastHandler struct {
	log        *slog.Logger
	live       prometheus.Gatherer
	errors     *prometheus.CounterVec
	ordinary   http.Handler
	negotiator negotiator
	kept       *keptPages

	compressors compressors
	responses   sync.Pool
}

func (h *fastHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := h.negotiator.agree(r)
	if !a.covered {
		h.ordinary.ServeHTTP(w, r)
		return
	}
	page, err := h.kept.current(a)
	if err != nil {
		h.log.Error("The page cannot be put together and is rendered as a whole", "error", err)
		h.ordinary.ServeHTTP(w, r)
		return
	}
	live, err := h.live.Gather()
	if err != nil {
		h.failed(causeGathering, err)
	}
	res, ok := h.responses.Get().(*response)
	if !ok {
		res = newResponse(&h.compressors)
	}
	defer func() {
		res.reset()
		h.responses.Put(res)
	}()
	for _, err := range res.render(a, page, live, wanted(r)) {
		h.failed(causeEncoding, err)
	}

	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(res.length()))
	if r.Method == http.MethodHead {
		return
	}
	if err := res.writeTo(w); err != nil {
		h.failed(causeEncoding, err)
	}
}

// failed logs and counts as promhttp does.
func (h *fastHandler) failed(cause string, err error) {
	h.log.Error("A scrape is not whole", "cause", cause, "error", err)
	h.errors.WithLabelValues(cause).Inc()
}

// wanted returns which metrics a request asks for: all, unless it names some.
func wanted(r *http.Request) func(metric string) bool {
	var names []string
	if r.URL != nil {
		names = r.URL.Query()["name[]"]
	}
	if len(names) == 0 {
		return func(string) bool { return true }
	}
	return func(metric string) bool { return slices.Contains(names, metric) }
}
