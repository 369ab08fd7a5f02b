package collector_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"prefetch_exporter/collector"
	"prefetch_exporter/prefetch"
)

// discard is a response that keeps only its length.
type discard struct {
	header http.Header
	length int
}

func (d *discard) Header() http.Header { return d.header }
func (*discard) WriteHeader(int)       {}
func (d *discard) Write(p []byte) (int, error) {
	d.length += len(p)
	return len(p), nil
}

// BenchmarkScrape scrapes one account with ever more tasks, each with two
// labels of its own.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		tasks := make([]*prefetch.TaskState, 0, n)
		for i := range n {
			task := launch()
			task.ID = fmt.Sprintf("%032x", i)
			tasks = append(tasks, task)
		}
		h := collector.Handler(handlerOptions(&source{snapshotOf(vodAccount(tasks...))}))
		for _, format := range []struct{ name, accept string }{{"text", acceptText}, {"protobuf", acceptProtobuf}} {
			b.Run(fmt.Sprintf("format=%s/tasks=%d", format.name, n), func(b *testing.B) {
				req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", http.NoBody)
				req.Header.Set("Accept", format.accept)
				b.ReportAllocs()
				var length int
				for b.Loop() {
					page := &discard{header: http.Header{}}
					h.ServeHTTP(page, req)
					length = page.length
				}
				b.ReportMetric(float64(length), "bytes/page")
			})
		}
	}
}
