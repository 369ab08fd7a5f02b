package alibabacloud_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
)

const taskID = "12719676361"

func now() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }

// roundTrip is a vendor in memory.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond builds a response; headers are name and value in turn.
func respond(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Date": {now().Format(http.TimeFormat)}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func text(s string) func() string { return func() string { return s } }

func newProvider(tb testing.TB, product alibabacloud.Product, rt http.RoundTripper, auth vendorapi.Auth) *alibabacloud.Provider {
	tb.Helper()
	c, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: rt, UserAgent: "test/1", Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	if auth == nil {
		auth = alibabacloud.Keys(text("AKEXAMPLE"), text("SKEXAMPLE"), nil)
	}
	p, err := alibabacloud.New(alibabacloud.Options{Product: product, Endpoint: "https://cdn.example", Client: c, Auth: auth, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// ask puts a question to a vendor that answers with resp.
func ask(tb testing.TB, q vendorapi.Query, resp *http.Response) (vendorapi.Answer, error) {
	tb.Helper()
	p := newProvider(tb, alibabacloud.CDN, roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil }), nil)
	return p.Query(tb.Context(), q)
}

func taskQuery(others ...string) vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID, Others: others}
}

func window(kind vendorapi.QueryKind) vendorapi.Query {
	return vendorapi.Query{Kind: kind, From: now().Add(-time.Hour), To: now()}
}

func wantError(tb testing.TB, err error) *vendorapi.Error {
	tb.Helper()
	var e *vendorapi.Error
	if !errors.As(err, &e) {
		tb.Fatalf("got %v, want an *Error", err)
	}
	return e
}

// rowOf is a row in JSON, with members that replace or complete the usual ones.
func rowOf(url, status string, members ...string) string {
	row := `{"TaskId":"` + taskID + `","ObjectPath":"` + url + `","ObjectType":"preload","CreationTime":"2026-11-21T08:00:00Z","Status":"` + status + `"`
	for _, m := range members {
		row += "," + m
	}
	return row + "}"
}

// urlOf is what rowOf says.
func urlOf(url string, status prefetch.Status) prefetch.URL {
	return prefetch.URL{URL: url, Status: status, Created: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
}
