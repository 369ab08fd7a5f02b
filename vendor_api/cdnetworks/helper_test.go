package cdnetworks_test

import (
	"cmp"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// beijing is the vendor's own time zone.
var beijing = time.FixedZone("GMT+08:00", 8*60*60)

// reply is one canned response.
type reply struct {
	status int
	header map[string]string
	body   string
}

// transport answers every request with r.
func (r reply) transport() http.RoundTripper {
	return vendorapitest.RoundTripper(func(req *http.Request) (*http.Response, error) {
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

// newProvider returns a provider with an API key and what the configuration has
// for defaults, as o says otherwise.
func newProvider(t testing.TB, o cdnetworks.Options) *cdnetworks.Provider {
	t.Helper()
	if o.Auth == nil {
		o.Auth = cdnetworks.APIKey("username", vendorapitest.Text("apiKey"))
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
	p := newProvider(t, cdnetworks.Options{Client: vendorapitest.Client(t, r.transport()), Location: loc})
	return p.Query(t.Context(), q)
}

// day is a window of the whole of 2026-11-21 in the vendor's time zone.
func day(kind vendorapi.QueryKind) vendorapi.Query {
	from := time.Date(2026, 11, 21, 0, 0, 0, 0, beijing)
	return vendorapi.Query{Kind: kind, From: from, To: from.Add(24*time.Hour - time.Second)}
}

func taskQuery() vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "3ff59d129a2c40a39b9be8c9de9975d6"}
}
