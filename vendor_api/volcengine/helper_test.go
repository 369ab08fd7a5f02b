package volcengine_test

import (
	"cmp"
	"net/http"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/vendorapitest"
	"prefetch_exporter/vendor_api/volcengine"
)

const (
	launch = "prefetch_url_0123456789abcdef0123456789abcdef0123456789abcdef"
	meta   = `"ResponseMetadata":{"RequestId":"4c3","Action":"DescribeContentTasks"}`
)

// noon is the clock here.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// newProvider returns a provider with the vector's keys, as o says otherwise.
func newProvider(t testing.TB, rt http.RoundTripper, o volcengine.Options) *volcengine.Provider {
	t.Helper()
	o.Client = vendorapitest.Client(t, rt)
	o.Product = cmp.Or(o.Product, volcengine.Name)
	o.Endpoint = cmp.Or(o.Endpoint, "https://cdn.volcengineapi.com")
	o.Region = cmp.Or(o.Region, "cn-north-1")
	o.PageSize = cmp.Or(o.PageSize, 100)
	if o.AccessKey == nil {
		o.AccessKey, o.SecretKey = vendorapitest.Text("AKEXAMPLE"), vendorapitest.Text("SKEXAMPLE")
	}
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	p, err := volcengine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func taskQuery() vendorapi.Query { return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: launch} }

func windowQuery() vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryWindow, From: noon.Add(-time.Hour), To: noon}
}
