package tencentcloud_test

import (
	"cmp"
	"net/http"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

const (
	zone   = "zone-2noz78a8ev6k"
	taskID = "1379afjk91u32h"
)

// now is the moment of the test vectors.
func now() time.Time { return time.Unix(1767225600, 0).UTC() }

// respond answers with a body, dated as the vendor's clock of now says. Headers are
// name and value in turn.
func respond(status int, body string, headers ...string) vendorapitest.RoundTripper {
	return vendorapitest.Says(status, body, append([]string{"Date", now().Format(http.TimeFormat)}, headers...)...)
}

// product makes the provider of one product.
type product func(tencentcloud.Options) (*tencentcloud.Provider, error)

// newProvider returns a provider with the vectors' keys, as o says otherwise.
func newProvider(t testing.TB, create product, rt http.RoundTripper, o tencentcloud.Options) *tencentcloud.Provider {
	t.Helper()
	o.Endpoint, o.ZoneID, o.Client = cmp.Or(o.Endpoint, "https://vendor.example"), cmp.Or(o.ZoneID, zone), vendorapitest.Client(t, rt)
	if o.SecretID == nil {
		o.SecretID, o.SecretKey = vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE")
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

func taskQuery() vendorapi.Query { return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID} }

// window is the day before now.
func window(kind vendorapi.QueryKind) vendorapi.Query {
	return vendorapi.Query{Kind: kind, From: now().Add(-24 * time.Hour), To: now()}
}
