package web_test

import (
	"fmt"
	"testing"

	"prefetch_exporter/prefetch"
)

// BenchmarkSampleOfURLs is one look of Prometheus at 5,000 tasks: settled, and while
// they run with 20 or 400 URLs each.
func BenchmarkSampleOfURLs(b *testing.B) {
	tasks := 5000
	if testing.Short() {
		tasks = 50
	}
	for _, urls := range []int{0, 20, 400} {
		b.Run(fmt.Sprintf("running=%d", urls), func(b *testing.B) {
			e := newExporter()
			a := &e.accounts[0]
			for i := range tasks {
				t := &prefetch.TaskState{Account: a.Account, ID: fmt.Sprintf("%05d", i), Phase: prefetch.Settled}
				name := func(j int) string { return fmt.Sprintf("https://video.example.com/launch/%05d/part-%03d.mp4", i, j) }
				for j := range prefetch.MostSampled {
					t.Sample = append(t.Sample, name(j))
				}
				if urls > 0 {
					t.Phase, t.Sample = prefetch.Active, nil
				}
				for j := range urls {
					t.URLs = append(t.URLs, prefetch.URL{URL: name(j), Status: prefetch.Succeeded})
				}
				a.Tasks = append(a.Tasks, t)
			}
			h := handler(b, e.options())
			b.ReportAllocs()
			for b.Loop() {
				w := ask(b, h, "GET /api/v1/sd/urls", "")
				b.ReportMetric(float64(w.Body.Len()), "bytes")
			}
		})
	}
}
