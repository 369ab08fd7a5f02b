package volcengine_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/volcengine"
)

// The vectors were computed with the vendor's SDK v1.0.23 and, apart from it, with a
// signer in another language.
func TestSignVectors(t *testing.T) {
	t.Parallel()
	const (
		page     = `{"EndTime":1767311999,"PageNum":1,"PageSize":100,"StartTime":1767225600,"TaskType":"preload"}`
		signed   = "content-type;host;x-content-sha256;x-date"
		mainland = "https://cdn.volcengineapi.com/"
		query    = "?Action=DescribeContentTasks&Version=2021-03-01"
	)
	for _, tt := range []struct {
		name, url, body, token string
		scope                  volcengine.Scope
		signed, signature      string
	}{
		{
			"vc1", mainland + query, page, "", volcengine.Scope{Region: "cn-north-1", Service: "cdn"},
			signed, "c188bf96079fa1c5ac466e7b9bdeb5a5149b686e9a7b2383afebe70b1d359a0d",
		},
		{
			"vc2", mainland + query, page, "TOKEN", volcengine.Scope{Region: "cn-north-1", Service: "CDN"},
			signed + ";x-security-token", "0c2221106e72168d8e1f719bd99988e4c6638e53872668916abf327f87c924d4",
		},
		{
			"vc3", "https://cdn.byteplusapi.com/" + query, `{"TaskID":"prefetch_url_0123","TaskType":"preload"}`, "",
			volcengine.Scope{Region: "ap-singapore-1", Service: "CDN"},
			signed, "122eef747c917547f6172622c2e590f1e585d4ead6470e1250f360e6c1c45b47",
		},
		{
			"vc4", "http://127.0.0.1:8080/" + query + "&X-Expires=300&a=b%20c%2B%C3%A9", page, "",
			volcengine.Scope{Region: "cn-north-1", Service: "cdn"},
			signed, "ec42b111cc58e639936743930956913f40248b1104a3905f1969897fdef2da32",
		},
		{
			"the port of the scheme", "https://cdn.volcengineapi.com:443/" + query, page, "", volcengine.Scope{Region: "cn-north-1", Service: "cdn"},
			signed, "c188bf96079fa1c5ac466e7b9bdeb5a5149b686e9a7b2383afebe70b1d359a0d",
		},
		{
			"no path", "https://cdn.volcengineapi.com" + query, page, "", volcengine.Scope{Region: "cn-north-1", Service: "cdn"},
			signed, "c188bf96079fa1c5ac466e7b9bdeb5a5149b686e9a7b2383afebe70b1d359a0d",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tt.url, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json; charset=utf-8")
			req.Header.Set("User-Agent", "prefetch_exporter/test")
			at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.FixedZone("", 8*60*60))
			tt.scope.Sign(req, []byte(tt.body), vendorapi.Credentials{AccessKey: "AKEXAMPLE", SecretKey: "SKEXAMPLE", Token: tt.token}, at)
			want := "HMAC-SHA256 Credential=AKEXAMPLE/20260101/" + tt.scope.Region + "/" + tt.scope.Service + "/request, SignedHeaders=" +
				tt.signed + ", Signature=" + tt.signature
			if got := req.Header.Get("Authorization"); got != want {
				t.Errorf("Authorization:\n got %s\nwant %s", got, want)
			}
			if got := req.Header.Get("X-Date"); got != "20260101T000000Z" {
				t.Errorf("X-Date is %s", got)
			}
		})
	}
}
