package pages_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"prefetch_exporter/collector"
)

// request is one way to ask for a page.
type request struct {
	accept, encoding string
	// names are the families to ask for; nil means those of stateMetrics.
	names []string
}

// acceptOfPrometheus is what Prometheus 3 sends.
const acceptOfPrometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5," +
	"application/openmetrics-text;version=0.0.1;q=0.4," +
	"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"

// requests are all formats that can be negotiated, with every escaping scheme,
// raw and compressed, and some wishes that are harder to understand.
func requests() []request {
	all := []request{
		{encoding: "zstd, gzip;q=0.5"},
		{encoding: "identity;q=0"},
		{encoding: "identity;q=0, *;q=0"},
		{encoding: "br;q=1.0, *;q=0.1"},
		{accept: "text/html", encoding: "GZIP"},
	}
	formats := []string{
		"", "text/plain", "application/openmetrics-text", acceptOfPrometheus, acceptProtobuf,
		strings.Replace(acceptProtobuf, "delimited", "text", 1),
		strings.Replace(acceptProtobuf, "delimited", "compact-text", 1),
	}
	for _, format := range []string{
		"text/plain;version=0.0.4", "text/plain;version=1.0.0",
		"application/openmetrics-text;version=0.0.1", "application/openmetrics-text;version=1.0.0", acceptProtobuf,
	} {
		for _, scheme := range []string{model.AllowUTF8, model.EscapeUnderscores, model.EscapeDots, model.EscapeValues, "unknown"} {
			formats = append(formats, format+";escaping="+scheme)
		}
	}
	for _, accept := range formats {
		all = append(all, request{accept: accept}, request{accept: accept, encoding: "gzip"})
	}
	return all
}

// kinds are requests for all kinds of pages that are kept.
func kinds() []request {
	var all []request
	for _, accept := range []string{acceptText, acceptOpenMetrics, acceptProtobuf} {
		all = append(all, request{accept: accept}, request{accept: accept, encoding: "gzip"})
	}
	return all
}

// to returns the request as a server gets it.
func (r request) to() *http.Request {
	names := r.names
	if names == nil {
		names = stateMetrics()
	}
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet,
		"/metrics?"+url.Values{"name[]": names}.Encode(), http.NoBody)
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if r.encoding != "" {
		req.Header.Set("Accept-Encoding", r.encoding)
	}
	return req
}

// do sends the request to a handler.
func (r request) do(h http.Handler) *http.Response {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r.to())
	return rec.Result()
}

// unfiltered asks without a filter.
var unfiltered = request{names: []string{}}

// stateMetrics are the families that come from a snapshot, and some that do
// not and stand between them.
func stateMetrics() []string {
	var names []string
	for _, m := range collector.Metrics() {
		if m.Name != "prefetch_exporter_build_info" {
			names = append(names, m.Name)
		}
	}
	return names
}

// body reads a response whole, and decompresses it.
func body(t failer, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	var r io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if r, err = gzip.NewReader(resp.Body); err != nil {
			t.Fatalf("read the answer: %v", err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return text
}

// lines returns a page as the lines of the text format, so that pages in any
// format can be compared. Those of one family are sorted: readers do not care.
func lines(t failer, contentType expfmt.Format, page []byte) []string {
	t.Helper()
	switch contentType.FormatType() {
	case expfmt.TypeProtoText, expfmt.TypeProtoCompact:
		return []string{string(page)} // never put together from pieces
	case expfmt.TypeProtoDelim:
		var text bytes.Buffer
		for _, family := range decodeText(t, contentType, page) {
			if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
				t.Fatalf("render %s: %v", family.GetName(), err)
			}
		}
		page = text.Bytes()
	default:
	}
	all := slices.Collect(strings.Lines(string(page)))
	family := 0
	for i, line := range all {
		if strings.HasPrefix(line, "# HELP ") {
			slices.Sort(all[family:i])
			family = i
		}
	}
	slices.Sort(all[family:])
	return all
}

// sameLines fails at the first line that is another one. Pages are too long for
// a diff.
func sameLines(t failer, r request, want, got []string) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		a, b := "nothing", "nothing"
		if i < len(want) {
			a = want[i]
		}
		if i < len(got) {
			b = got[i]
		}
		if a != b {
			t.Fatalf("%+v: line %d of %d is\n%s\nand of promhttp's %d\n%s", r, i, len(got), b, len(want), a)
		}
	}
}

// samePage fails if two handlers do not answer a request alike.
func samePage(t failer, r request, want, got http.Handler) {
	t.Helper()
	wanted, gotten := r.do(want), r.do(got)
	if wanted.StatusCode != gotten.StatusCode {
		t.Fatalf("%+v: status %d, want %d", r, gotten.StatusCode, wanted.StatusCode)
	}
	gotten.Header.Del("Content-Length") // promhttp does not know it
	if diff := cmp.Diff(wanted.Header, gotten.Header); diff != "" {
		t.Fatalf("%+v: headers (-promhttp +handler):\n%s", r, diff)
	}
	contentType := expfmt.Format(wanted.Header.Get("Content-Type"))
	sameLines(t, r, lines(t, contentType, body(t, wanted)), lines(t, contentType, body(t, gotten)))
}
