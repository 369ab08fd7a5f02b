package baiducloud_test

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
)

// launch is an id as the vendor gives them, with characters that need escaping.
const launch = "eJwztjA3swQAAy4BEg=="

// noon is the clock here.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// roundTripper answers requests without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// says answers every request with a status and a body.
func says(status int, body string, headers ...string) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		header := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

func text(s string) func() string { return func() string { return s } }

// newProvider returns a provider with the vector's keys, as o says otherwise.
func newProvider(t testing.TB, rt http.RoundTripper, o baiducloud.Options) *baiducloud.Provider {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: rt, UserAgent: "prefetch_exporter/test"})
	if err != nil {
		t.Fatal(err)
	}
	o.Client = client
	o.Endpoint = cmp.Or(o.Endpoint, "https://cdn.baidubce.com")
	o.Edition = cmp.Or(o.Edition, baiducloud.China)
	if o.AccessKey == nil {
		o.AccessKey, o.SecretKey = text("AKEXAMPLE"), text("SKEXAMPLE")
	}
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	p, err := baiducloud.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// vendorError returns err as the error type that every failure must have.
func vendorError(t testing.TB, err error) *vendorapi.Error {
	t.Helper()
	var e *vendorapi.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T) is no *vendorapi.Error", err, err)
	}
	return e
}

func taskQuery() vendorapi.Query { return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: launch} }

func windowQuery() vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon.Add(-time.Hour), To: noon}
}
