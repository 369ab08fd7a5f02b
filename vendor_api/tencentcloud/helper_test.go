package tencentcloud_test

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/tencentcloud"
)

const (
	zone   = "zone-2noz78a8ev6k"
	taskID = "1379afjk91u32h"
)

// now is the moment of the test vectors.
func now() time.Time { return time.Unix(1767225600, 0).UTC() }

// roundTripper answers requests without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond answers with a body, dated as the vendor's clock of now says. Headers are
// name and value in turn.
func respond(status int, body string, headers ...string) roundTripper {
	header := http.Header{"Date": {now().Format(http.TimeFormat)}}
	for i := 0; i+1 < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

func text(s string) func() string { return func() string { return s } }

// product makes the provider of one product.
type product func(tencentcloud.Options) (*tencentcloud.Provider, error)

// newProvider returns a provider with the vectors' keys, as o says otherwise.
func newProvider(t testing.TB, create product, rt http.RoundTripper, o tencentcloud.Options) *tencentcloud.Provider {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: rt, UserAgent: "prefetch_exporter/test"})
	if err != nil {
		t.Fatal(err)
	}
	o.Endpoint, o.ZoneID, o.Client = cmp.Or(o.Endpoint, "https://vendor.example"), cmp.Or(o.ZoneID, zone), client
	if o.SecretID == nil {
		o.SecretID, o.SecretKey = text("AKEXAMPLE"), text("SKEXAMPLE")
	}
	if o.Now == nil {
		o.Now = now
	}
	p, err := create(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask puts a question to a vendor that answers so.
func ask(t testing.TB, create product, rt http.RoundTripper, q vendorapi.Query) (vendorapi.Answer, error) {
	t.Helper()
	return newProvider(t, create, rt, tencentcloud.Options{}).Query(t.Context(), q)
}

// wantError returns err as the error type that every failure must have.
func wantError(t testing.TB, err error) *vendorapi.Error {
	t.Helper()
	var e *vendorapi.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T) is no *vendorapi.Error", err, err)
	}
	return e
}

func taskQuery() vendorapi.Query { return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID} }

// window is the day before now.
func window(kind vendorapi.QueryKind) vendorapi.Query {
	return vendorapi.Query{Kind: kind, From: now().Add(-24 * time.Hour), To: now()}
}
