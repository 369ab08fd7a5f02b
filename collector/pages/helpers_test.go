package pages_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"prefetch_exporter/collector"
	"prefetch_exporter/collector/pages"
	"prefetch_exporter/prefetch"
)

var update = flag.Bool("update", false, "write the golden files")

// now is the time of every scrape in the tests.
var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

var (
	huawei = prefetch.Account{Provider: "huaweicloud_vod", Name: "vod-launches"}
	edge   = prefetch.Account{Provider: "cdnetworks", Name: "edge"}
)

const (
	huaweiTask = "8ff1d0f7b2b04bd8b4b6b9f2f2a4c4f1"
	edgeTask   = "3ff59d129a2c40a39b9be8c9de9975d6"
)

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

func ago(d time.Duration) time.Time { return now.Add(-d) }

// failer is what testing and rapid have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func snapshotOf(accounts ...prefetch.AccountState) prefetch.Snapshot {
	return prefetch.Snapshot{Accounts: accounts}
}

type families []*dto.MetricFamily

// series returns the series of a family that have all of the labels, given as
// name, value, name, value.
func (f families) series(name string, labels ...string) []*dto.Metric {
	var found []*dto.Metric
	for _, family := range f {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if hasLabels(m, labels) {
				found = append(found, m)
			}
		}
	}
	return found
}

// value returns the value of the only gauge or counter with the labels.
func (f families) value(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	found := f.series(name, labels...)
	if len(found) != 1 {
		t.Fatalf("%s%v: %d series, want 1", name, labels, len(found))
	}
	if c := found[0].GetCounter(); c != nil {
		return c.GetValue()
	}
	return found[0].GetGauge().GetValue()
}

// names returns the names of the families in f that have series.
func (f families) names() []string {
	var names []string
	for _, family := range f {
		names = append(names, family.GetName())
	}
	return names
}

func hasLabels(m *dto.Metric, labels []string) bool {
	for pair := range slices.Chunk(labels, 2) {
		if label(m, pair[0]) != pair[1] {
			return false
		}
	}
	return true
}

// label returns the value of a label, empty if the series has none of the name.
func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
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

// asText renders families in the text format.
func (f families) asText(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, family := range f {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatalf("render %s: %v", family.GetName(), err)
		}
	}
	return b.String()
}

// golden compares got with a file, or writes the file with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); review it and run with -update:\n%s", path, diff)
	}
}

// ordinary serves what [pages.Handler] serves, by promhttp alone.
func ordinary(o pages.Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(o.Recorder)
	return promhttp.HandlerFor(prometheus.Gatherers{o.Collector, registry}, promhttp.HandlerOpts{EnableOpenMetrics: true})
}
