package cdnetworks_test

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
)

// beijing is the vendor's own time zone.
var beijing = time.FixedZone("GMT+08:00", 8*60*60)

// roundTripper answers requests without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// reply is one canned response.
type reply struct {
	status int
	header map[string]string
	body   string
}

// transport answers every request with r.
func (r reply) transport() http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		header := http.Header{}
		for k, v := range r.header {
			header.Set(k, v)
		}
		return &http.Response{
			StatusCode: r.status,
			Header:     header,
			Body:       io.NopCloser(strings.NewReader(r.body)),
			Request:    req,
		}, nil
	})
}

func secret(s string) func() string { return func() string { return s } }

// newClient returns a client over rt; nil is the real network.
func newClient(t testing.TB, rt http.RoundTripper) *vendorapi.Client {
	t.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: rt, UserAgent: "prefetch_exporter/test"})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// newProvider returns a provider with an API key and what the configuration has
// for defaults, as o says otherwise.
func newProvider(t testing.TB, o cdnetworks.Options) *cdnetworks.Provider {
	t.Helper()
	if o.Auth == nil {
		o.Auth = cdnetworks.APIKey("username", secret("apiKey"))
	}
	o.Endpoint = cmp.Or(o.Endpoint, "https://api.cdnetworks.com")
	o.PageSize = cmp.Or(o.PageSize, 100)
	o.LookBack = cmp.Or(o.LookBack, 72*time.Hour)
	p, err := cdnetworks.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask gives the query q the answer r in the time zone loc.
func ask(t testing.TB, r reply, q vendorapi.Query, loc *time.Location) (vendorapi.Answer, error) {
	t.Helper()
	p := newProvider(t, cdnetworks.Options{Client: newClient(t, r.transport()), Location: loc})
	return p.Query(t.Context(), q)
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

// day is a window of the whole of 2026-11-21 in the vendor's time zone.
func day(kind vendorapi.QueryKind) vendorapi.Query {
	from := time.Date(2026, 11, 21, 0, 0, 0, 0, beijing)
	return vendorapi.Query{Kind: kind, From: from, To: from.Add(24*time.Hour - time.Second)}
}

func taskQuery() vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "3ff59d129a2c40a39b9be8c9de9975d6"}
}
