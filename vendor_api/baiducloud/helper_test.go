package baiducloud_test

import (
	"cmp"
	"net/http"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// launch is an id as the vendor gives them, with characters that need escaping.
const launch = "eJwztjA3swQAAy4BEg=="

// noon is the clock here.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// newProvider returns a provider with the vector's keys, as o says otherwise.
func newProvider(t testing.TB, rt http.RoundTripper, o baiducloud.Options) *baiducloud.Provider {
	t.Helper()
	o.Client = vendorapitest.Client(t, rt)
	o.Endpoint = cmp.Or(o.Endpoint, "https://cdn.baidubce.com")
	o.Edition = cmp.Or(o.Edition, baiducloud.China)
	if o.AccessKey == nil {
		o.AccessKey, o.SecretKey = vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE")
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

func taskQuery() vendorapi.Query { return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: launch} }

func windowQuery() vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon.Add(-time.Hour), To: noon}
}
