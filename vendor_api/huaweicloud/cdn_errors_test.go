package huaweicloud_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

// The codes of the vendor's page come under 200 and under the status that fits, as
// {"error":{…}} and flat, from the service and from the gateway.
func TestCDNErrors(t *testing.T) {
	t.Parallel()
	nested := func(code string) string { return `{"error":{"error_code":"` + code + `","error_msg":"m"}}` }
	flat := func(code string) string {
		return `{"error_code":"` + code + `","error_msg":"m","request_id":"4c3"}`
	}
	const enterprise = "set enterprise_project_id"
	for _, tt := range []struct {
		name   string
		status int
		body   string
		// task and list are what it means as the answer to a question of each kind.
		task, list prefetch.Reason
		shown      string
	}{
		{"no such task", 200, nested("CDN.0108"), prefetch.ReasonNotFound, prefetch.ReasonInvalid, "CDN.0108: m"},
		{"no such object", 404, nested("CDN.0003"), prefetch.ReasonNotFound, prefetch.ReasonInvalid, "CDN.0003"},
		{"internal", 500, nested("CDN.0000"), prefetch.ReasonUnavailable, prefetch.ReasonUnavailable, "CDN.0000"},
		{"internal under 200", 200, nested("cdn.0000"), prefetch.ReasonUnavailable, prefetch.ReasonUnavailable, "cdn.0000"},
		{"parameter", 400, nested("CDN.0001"), prefetch.ReasonInvalid, prefetch.ReasonInvalid, "CDN.0001"},
		{"parameter under 200", 200, nested("CDN.0001"), prefetch.ReasonInvalid, prefetch.ReasonInvalid, "CDN.0001"},
		{"not authenticated", 401, nested("CDN.0002"), prefetch.ReasonAuth, prefetch.ReasonAuth, "CDN.0002"},
		{"no permission", 403, nested("CDN.0004"), prefetch.ReasonAuth, prefetch.ReasonAuth, "CDN.0004"},
		{"no grant", 403, nested("CDN.0020"), prefetch.ReasonAuth, prefetch.ReasonAuth, enterprise},
		{"fine-grained", 200, flat("CDN.0021"), prefetch.ReasonAuth, prefetch.ReasonAuth, enterprise},
		{"not opened", 200, nested("CDN.0114"), prefetch.ReasonAuth, prefetch.ReasonAuth, "CDN.0114"},
		{"upper limit", 200, nested("CDN.0005"), prefetch.ReasonInvalid, prefetch.ReasonInvalid, "CDN.0005"},
		{"a domain", 200, flat("CDN.0116"), prefetch.ReasonInvalid, prefetch.ReasonInvalid, "CDN.0116"},
		{"a domain under 400", 400, flat("CDN.0170"), prefetch.ReasonInvalid, prefetch.ReasonInvalid, "CDN.0170"},
		{"a code of another service", 200, flat("ECS.0001"), prefetch.ReasonUnavailable, prefetch.ReasonUnavailable, "ECS.0001"},
		{"an error beside rows", 200, `{"total":1,"urls":[],"tasks":[],"error":{"error_code":"CDN.0004"}}`, prefetch.ReasonAuth, prefetch.ReasonAuth, "CDN.0004"},
		{"an error without words", 200, `{"error":{}}`, prefetch.ReasonUnavailable, prefetch.ReasonUnavailable, `{"error":{}}`},
		{"an error of text", 200, `{"error":"busy"}`, prefetch.ReasonUnavailable, prefetch.ReasonUnavailable, "busy"},
		{"throttled", 429, flat("APIGW.0308"), prefetch.ReasonThrottled, prefetch.ReasonThrottled, "APIGW.0308: m (request id 4c3)"},
		{"throttled under 200", 200, nested("APIGW.0308"), prefetch.ReasonThrottled, prefetch.ReasonThrottled, "APIGW.0308"},
		{"signature", 401, flat("APIGW.0301"), prefetch.ReasonAuth, prefetch.ReasonAuth, "APIGW.0301"},
		{"wrong host", 404, flat("APIGW.0101"), prefetch.ReasonUnavailable, prefetch.ReasonUnavailable, "APIGW.0101"},
		{"a proxy", 502, "<html>", prefetch.ReasonUnavailable, prefetch.ReasonUnavailable, "<html>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, q := range []vendorapi.Query{taskQuery(), listQuery()} {
				want := tt.task
				if q.Kind == vendorapi.QueryList {
					want = tt.list
				}
				_, err := askCDN(t, q, respond(tt.status, tt.body, "Retry-After", "7"))
				e := wantError(t, err)
				if e.Reason != want || e.HTTPStatus != tt.status || e.Unsent || e.Refused != "" || e.RetryAfter != 7*time.Second ||
					!strings.Contains(e.Error(), tt.shown) {
					t.Errorf("%s: got %+v: %v", q.Kind, e, e)
				}
			}
		})
	}
}

// A page size that the vendor does not take is something learned.
func TestCDNPageSizeIsRefused(t *testing.T) {
	t.Parallel()
	_, err := askCDN(t, listQuery(), respond(http.StatusBadRequest, `{"error":{"error_code":"CDN.0001","error_msg":"Invalid parameter: page_size."}}`))
	if e := wantError(t, err); e.Reason != prefetch.ReasonInvalid || e.Refused != vendorapi.FeaturePageSize {
		t.Errorf("got %+v", e)
	}
}

// The code for a wrong date names the clock, if it was the clock that dated it.
func TestCDNClock(t *testing.T) {
	t.Parallel()
	const body = `{"error_code":"APIGW.0303","error_msg":"expired"}`
	for _, tt := range []struct {
		auth       huaweicloud.Auth
		date, want string
	}{
		{huaweicloud.AKSK(text("AK"), text("SK"), nil), now().Add(time.Hour).Format(http.TimeFormat), "the clock here is 1h0m0s behind the vendor's, which allows 15m0s"},
		{huaweicloud.AKSK(text("AK"), text("SK"), nil), "", "by the vendor's words its clock and the one here are more than 15m0s apart"},
		{token(), "", "expired"},
	} {
		p := newCDN(t, func(*http.Request) (*http.Response, error) {
			return respond(http.StatusUnauthorized, body, "Date", tt.date), nil
		}, huaweicloud.CDNOptions{Auth: tt.auth})
		_, err := p.Query(t.Context(), listQuery())
		if e := wantError(t, err); e.Reason != prefetch.ReasonAuth || !strings.HasSuffix(e.Error(), tt.want) {
			t.Errorf("got %v, want %s", e, tt.want)
		}
	}
}
