package vendorapi_test

import (
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
)

// BenchmarkPeakMemory reads answers that would cost much, and tells how many bytes
// are held at once for each byte of the answer, its own included.
func BenchmarkPeakMemory(b *testing.B) {
	for _, v := range hostileVendors() {
		honest := v.good("https://example.com/launch/" + strings.Repeat("s", 50))
		long := v.good("https://example.com/" + strings.Repeat("u", 10_000))
		for name, text := range map[string]string{
			"rows=10":                 v.envelope("[" + strings.Repeat(honest+",", 9) + honest + "]"),
			"rows=20000":              v.envelope("[" + strings.Repeat(honest+",", vendorapi.MaxRows-1) + honest + "]"),
			"rows=3000,each=10KB":     v.envelope("[" + strings.Repeat(long+",", 2999) + long + "]"),
			"rows=20000,each=2B":      v.envelope("[" + strings.Repeat("0,", vendorapi.MaxRows-1) + "0]"),
			"rows=3000000,each=2B":    v.envelope("[" + strings.Repeat("0,", 2_999_999) + "0]"),
			"rows=15000000,each=2B":   v.envelope("[" + strings.Repeat("0,", 14_999_999) + "0]"),
			"rows=1,each=30MB":        v.rows(v.good(strings.Repeat("u", 30_000_000))),
			"rows=1,each=30MB,noUTF8": v.rows(v.good(strings.Repeat("\xff", 30_000_000))),
		} {
			b.Run(v.name+"/"+name, func(b *testing.B) { benchmarkPeak(b, v, text) })
		}
	}
}

func benchmarkPeak(b *testing.B, v *hostileVendor, text string) {
	b.Helper()
	provider, err := v.provider("http://vendor.example", newClient(b, vendorapi.ClientOptions{RoundTripper: answering(text)}))
	if err != nil {
		b.Fatal(err)
	}
	var most uint64
	for b.Loop() {
		runtime.GC()
		before := heap()
		stop, peak := make(chan struct{}), make(chan uint64)
		go func() {
			for top := uint64(0); ; {
				select {
				case <-stop:
					peak <- top
					return
				case <-time.After(100 * time.Microsecond):
					top = max(top, heap())
				}
			}
		}()
		answer, err := provider.Query(b.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: hostileTask})
		now := heap() // what is held when it ends counts too, however fast it was
		close(stop)
		most = max(most, max(now, <-peak)-min(before, now))
		runtime.KeepAlive(answer)
		runtime.KeepAlive(err)
	}
	b.ReportMetric(float64(most)/float64(len(text)), "peak-B/B")
	b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
}

// answering answers 200 with a text, whatever is asked.
type answering string

// RoundTrip implements [http.RoundTripper].
func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(a))),
		ContentLength: int64(len(a)), Request: req,
	}, nil
}

// heap is how many bytes objects have, those that wait to be collected included.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
