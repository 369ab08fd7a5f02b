package alibabacloud_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	const (
		auth, throttled, invalid = prefetch.ReasonAuth, prefetch.ReasonThrottled, prefetch.ReasonInvalid
		unavailable, notFound    = prefetch.ReasonUnavailable, prefetch.ReasonNotFound
	)
	task, many, windowed := taskQuery(), taskQuery("2"), window(vendorapi.QueryWindow)
	odd := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "launch"}
	byStatus := window(vendorapi.QueryCount)
	byStatus.Status = new(prefetch.Running)
	for _, tt := range []struct {
		status  int
		code    string
		query   vendorapi.Query
		reason  prefetch.Reason
		refused vendorapi.Feature
	}{
		{503, "Throttling", task, throttled, ""},
		{400, "Throttling.User", task, throttled, ""},
		{400, "throttling.api", task, throttled, ""},
		{429, "Odd", task, throttled, ""},
		{200, "Throttling.User", task, throttled, ""},
		{503, "ServiceUnavailable", task, unavailable, ""},
		{503, "ServiceUnavailableTemporary", task, unavailable, ""},
		{400, "ServiceUnavailable(Temporary)", task, unavailable, ""},
		{403, "InternalError", task, unavailable, ""},
		{404, "InvalidAction.NotFound", task, unavailable, ""},
		{404, "InvalidVersion", task, unavailable, ""},
		{404, "NoSuchThing", task, unavailable, ""},
		{400, "InvalidTimeStamp.Expired", task, auth, ""},
		{400, "SignatureNonceUsed", task, auth, ""},
		{403, "SignatureDoesNotMatch", task, auth, ""},
		{400, "IncompleteSignature", task, auth, ""},
		{404, "InvalidAccessKeyId.NotFound", task, auth, ""},
		{400, "InvalidAccessKeyId.Inactive", task, auth, ""},
		{400, "InvalidSecurityToken.Expired", task, auth, ""},
		{403, "Forbidden.RAM", task, auth, ""},
		{403, "NoPermission", task, auth, ""},
		{403, "OperationDenied", task, auth, ""},
		{403, "SomethingElse", task, auth, ""},
		{401, "", task, auth, ""},
		{400, "InvalidTaskId.Malformed", task, notFound, ""},
		{400, "InvalidTaskId.Malformed", odd, invalid, ""},
		{400, "InvalidTaskId.Malformed", many, invalid, ""},
		{400, "InvalidTaskIdentity", task, invalid, ""},
		{400, "MissingTimeParameter", windowed, invalid, ""},
		{400, "InvalidStartTime.Malformed", windowed, invalid, ""},
		{400, "InvalidStartTime.ValueNotSupported", windowed, invalid, vendorapi.FeatureLookBack},
		{400, "InvalidStartTime.ValueNotSupported", task, invalid, ""},
		{400, "InvalidStatus.ValueNotSupported", byStatus, invalid, vendorapi.FeatureStatusFilter},
		{400, "InvalidStatus.ValueNotSupported", windowed, invalid, ""},
		{400, "InvalidPageSize.ValueNotSupported", windowed, invalid, vendorapi.FeaturePageSize},
		{400, "InvalidPageSize.ValueNotSupported", task, invalid, ""},
		{400, "", task, unavailable, ""},
		{403, "", task, unavailable, ""},
		{500, "Odd", task, unavailable, ""},
		{200, "Odd", task, unavailable, ""},
		{504, "", task, prefetch.ReasonTimeout, ""},
		{414, "", many, invalid, ""},
	} {
		t.Run(fmt.Sprintf("%d %s %s", tt.status, tt.code, tt.query.Tasks()), func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"RequestId":"4c3","HostId":"cdn.aliyuncs.com","Code":%q,"Message":"in words"}`, tt.code)
			_, err := ask(t, tt.query, respond(tt.status, body))
			e := wantError(t, err)
			if e.Reason != tt.reason || e.Refused != tt.refused || e.Code != tt.code || e.Message != "in words" || e.RequestID != "4c3" ||
				e.HTTPStatus != tt.status || e.Unsent {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// Of two limits the longer wait counts, in milliseconds, and for an hour at most.
func TestThrottledHint(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"":                                  0,
		"x-ratelimit-user=Limit:1,Remain:0": 0,
		"x-ratelimit-user=TimeLeft:soon":    0,
		"x-ratelimit-user=Limit:1,Remain:0,TimeLeft:2000,Reset:1234":                         2 * time.Second,
		"x-ratelimit-user-api=Limit:1, Remain:0, TimeLeft: 1500":                             1500 * time.Millisecond,
		"x-ratelimit-user=Limit:1,Remain:0,TimeLeft:2000;x-ratelimit-user-api=TimeLeft:9000": 9 * time.Second,
		"x-ratelimit-user=TimeLeft:9000;x-ratelimit-user-api=TimeLeft:2000":                  9 * time.Second,
		"x-ratelimit-user=TimeLeft:2000;Retry-After=5":                                       5 * time.Second,
		"x-ratelimit-user=TimeLeft:999999999999":                                             time.Hour,
		"x-ratelimit-user=TimeLeft:9999999999999999999999":                                   0,
	} {
		var headers []string
		for pair := range strings.SplitSeq(header, ";") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				headers = append(headers, name, value)
			}
		}
		_, err := ask(t, taskQuery(), respond(http.StatusServiceUnavailable, `{"Code":"Throttling"}`, headers...))
		if e := wantError(t, err); e.RetryAfter != want {
			t.Errorf("%q: %v, want %v", header, e.RetryAfter, want)
		}
	}
}

// The clock is named where it is the cause.
func TestSkew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ code, date, want string }{
		{"InvalidTimeStamp.Expired", now().Add(time.Hour).Format(http.TimeFormat), "the clock here is 1h0m0s behind the vendor's, which allows 15m0s"},
		{"SignatureDoesNotMatch", now().Add(-time.Hour).Format(http.TimeFormat), "the clock here is 1h0m0s ahead of the vendor's, which allows 15m0s"},
		{"InvalidTimeStamp.Expired", "", "look at the clock here: the vendor allows 15 minutes"},
		{"SignatureDoesNotMatch", "", ""},
	} {
		p := newProvider(t, alibabacloud.DCDN, roundTrip(func(*http.Request) (*http.Response, error) {
			return respond(http.StatusBadRequest, `{"Code":"`+tt.code+`","Message":"m"}`, "Date", tt.date), nil
		}), nil)
		_, err := p.Query(t.Context(), taskQuery())
		e := wantError(t, err)
		if e.Reason != prefetch.ReasonAuth || tt.want == "" != (e.Err == nil) || !strings.HasSuffix(e.Error(), tt.want) {
			t.Errorf("%s, %s: %v", tt.code, tt.date, e)
		}
	}
}
