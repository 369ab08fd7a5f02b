package baiducloud_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// Each error means the same under the HTTP status that the pages give it and under 200.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code   string
		status int
		want   prefetch.Reason
	}{
		{"AccessDenied", 403, prefetch.ReasonAuth},
		{"InvalidAccessKeyId", 403, prefetch.ReasonAuth},
		{"OptInRequired", 403, prefetch.ReasonAuth},
		{"InvalidHTTPAuthHeader", 400, prefetch.ReasonAuth},
		{"RequestExpired", 400, prefetch.ReasonAuth},
		{"SignatureDoesNotMatch", 400, prefetch.ReasonAuth},
		{"SignatureDoesNotMatch", 403, prefetch.ReasonAuth},
		{"InappropriateJSON", 400, prefetch.ReasonInvalid},
		{"MalformedJSON", 400, prefetch.ReasonInvalid},
		{"InvalidHTTPRequest", 400, prefetch.ReasonInvalid},
		{"InvalidURI", 400, prefetch.ReasonInvalid},
		{"InvalidVersion", 404, prefetch.ReasonUnavailable},
		{"InternalError", 500, prefetch.ReasonUnavailable},
		{"RequestRateLimitExceeded", 400, prefetch.ReasonThrottled},
		{"Throttled", 403, prefetch.ReasonThrottled},
		{"TooManyRequests", 503, prefetch.ReasonThrottled},
	} {
		t.Run(fmt.Sprint(tt.code, tt.status), func(t *testing.T) {
			t.Parallel()
			for _, status := range []int{tt.status, http.StatusOK} {
				body := fmt.Sprintf(`{"code":%q,"message":"words","requestId":"4c3"}`, tt.code)
				p := newProvider(t, vendorapitest.Says(status, body, "Retry-After", "7"), baiducloud.Options{})
				_, err := p.Query(t.Context(), taskQuery())
				e := vendorapitest.Error(t, err)
				if e.Reason != tt.want || e.Code != tt.code || e.Message != "words" || e.RequestID != "4c3" || e.HTTPStatus != status || e.Unsent ||
					e.RetryAfter != 7*time.Second || e.Refused != "" {
					t.Errorf("HTTP %d: %+v", status, e)
				}
			}
		})
	}
}

// What is not documented is told apart by the HTTP status and the words.
func TestOtherErrors(t *testing.T) {
	t.Parallel()
	const odd = `{"code":"Odd","message":%q}`
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		id      string
		query   vendorapi.Query
		want    prefetch.Reason
		refused vendorapi.Feature
	}{
		{"an unknown id", 404, `{"code":"NoSuchTask","message":"none"}`, "", taskQuery(), prefetch.ReasonNotFound, ""},
		{"an unknown id, named", 400, fmt.Sprintf(odd, "no "+launch+" here"), "", taskQuery(), prefetch.ReasonNotFound, ""},
		{"an unknown id, called so", 400, `{"code":"InvalidHTTPRequest","message":"the id is invalid"}`, "", taskQuery(), prefetch.ReasonNotFound, ""},
		{"something else of a task", 400, fmt.Sprintf(odd, "invalid request"), "", taskQuery(), prefetch.ReasonInvalid, ""},
		{"a window of an id", 400, fmt.Sprintf(odd, "the id is invalid"), "", windowQuery(), prefetch.ReasonInvalid, ""},
		{"no such path", 404, `{"code":"Odd","message":"none"}`, "", windowQuery(), prefetch.ReasonUnavailable, ""},
		{"a page", 404, `<html>`, "", taskQuery(), prefetch.ReasonUnavailable, ""},
		{"a look-back", 400, fmt.Sprintf(odd, "startTime is too early"), "", windowQuery(), prefetch.ReasonInvalid, vendorapi.FeatureLookBack},
		{"a look-back of a task", 400, fmt.Sprintf(odd, "startTime is too early"), "", taskQuery(), prefetch.ReasonInvalid, ""},
		{"nothing, from the vendor", 403, "", "4c3", taskQuery(), prefetch.ReasonAuth, ""},
		{"nothing, from who knows", 403, "", "", taskQuery(), prefetch.ReasonUnavailable, ""},
		{"nothing", 412, "", "4c3", taskQuery(), prefetch.ReasonInvalid, ""},
		{"an unknown code under 200", 200, fmt.Sprintf(odd, "x"), "", taskQuery(), prefetch.ReasonUnavailable, ""},
		{"throttled", 429, "", "", taskQuery(), prefetch.ReasonThrottled, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, vendorapitest.Says(tt.status, tt.body, "X-Bce-Request-Id", tt.id), baiducloud.Options{})
			_, err := p.Query(t.Context(), tt.query)
			if e := vendorapitest.Error(t, err); e.Reason != tt.want || e.Refused != tt.refused || e.RequestID != tt.id {
				t.Errorf("%v, refused %q; want %s, refused %q", e, e.Refused, tt.want, tt.refused)
			}
		})
	}
}

// A refusal says so where the clock explains it.
func TestClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code  string
		ahead time.Duration
		want  string
	}{
		{"RequestExpired", -31 * time.Minute, "the clock here is 31m0s behind the vendor's, which allows 30m0s"},
		{"SignatureDoesNotMatch", 31 * time.Minute, "the clock here is 31m0s ahead of the vendor's, which allows 30m0s"},
		{"RequestExpired", 0, "the clock here and the vendor's differ"},
		{"SignatureDoesNotMatch", 29 * time.Minute, ""},
		{"InternalError", 31 * time.Minute, ""},
	} {
		p := newProvider(t, vendorapitest.Says(400, `{"code":"`+tt.code+`"}`, "Date", noon.Add(-tt.ahead).Format(http.TimeFormat)), baiducloud.Options{})
		_, err := p.Query(t.Context(), taskQuery())
		got := ""
		if e := vendorapitest.Error(t, err); e.Err != nil {
			got = e.Err.Error()
		}
		if got != tt.want {
			t.Errorf("%s, %v ahead: %q", tt.code, tt.ahead, got)
		}
	}
}
