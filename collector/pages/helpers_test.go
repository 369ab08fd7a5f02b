package pages_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/collectortest"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

// The words of the tests.
type families = collectortest.Families

var (
	now, ago = collectortest.Now, collectortest.Ago
	huawei   = collectortest.Huawei
	golden   = collectortest.Golden
	recorded = collectortest.Record

	vodAccount, windowAccount      = collectortest.VODAccount, collectortest.WindowAccount
	tellingAccount                 = collectortest.TellingAccount
	launch, settledTask, staleTask = collectortest.Launch, collectortest.SettledTask, collectortest.StaleTask
)

const huaweiTask, edgeTask = collectortest.HuaweiTask, collectortest.EdgeTask

// source is a snapshot that a test can replace.
type source struct{ snapshot prefetch.Snapshot }

func (s *source) Snapshot() prefetch.Snapshot { return s.snapshot }

// brokenSource stands for a defect in the state.
type brokenSource struct{}

func (brokenSource) Snapshot() prefetch.Snapshot { panic("the state is broken") }

func clock() time.Time { return now }

func newCollector(s collector.Source) *collector.Collector {
	return collector.New(collector.Options{Source: s, Now: clock})
}

// failer is what testing and rapid have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func snapshotOf(accounts ...prefetch.AccountState) prefetch.Snapshot {
	return prefetch.Snapshot{Accounts: accounts}
}

// The Accept headers of the three formats.
const (
	acceptText        = "text/plain;version=0.0.4"
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
	acceptProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// get scrapes a handler for the families of the table except the build
// information, which differs from build to build.
func get(t testing.TB, h http.Handler, accept string) *http.Response {
	t.Helper()
	query := url.Values{}
	for _, m := range collector.Metrics() {
		if m.Name != "prefetch_exporter_build_info" {
			query.Add("name[]", m.Name)
		}
	}
	return getPath(t, h, "/metrics?"+query.Encode(), accept)
}

func getPath(t testing.TB, h http.Handler, path, accept string) *http.Response {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	req.Header.Set("Accept", accept)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Result()
}

// text reads a response whole.
func text(t testing.TB, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return string(body)
}

// decode reads the families of a response in its own format.
func decode(t testing.TB, resp *http.Response) families {
	t.Helper()
	return decodeText(t, expfmt.ResponseFormat(resp.Header), []byte(text(t, resp)))
}

// decodeText reads the families of a page. There is no decoder of OpenMetrics;
// of what we serve, the one of text understands all but the end.
func decodeText(t failer, format expfmt.Format, page []byte) families {
	t.Helper()
	if format.FormatType() == expfmt.TypeOpenMetrics {
		if !bytes.HasSuffix(page, []byte("# EOF\n")) {
			t.Fatalf("the page has no end")
		}
		format = expfmt.NewFormat(expfmt.TypeTextPlain)
	}
	decoder := expfmt.NewDecoder(bytes.NewReader(page), format)
	var got families
	for {
		family := &dto.MetricFamily{}
		err := decoder.Decode(family)
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatalf("decode the answer: %v", err)
		}
		got = append(got, family)
	}
}

// ordinary serves what [pages.Handler] serves, by promhttp alone.
func ordinary(o pages.Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(o.Recorder)
	return promhttp.HandlerFor(prometheus.Gatherers{o.Collector, registry}, promhttp.HandlerOpts{EnableOpenMetrics: true})
}
