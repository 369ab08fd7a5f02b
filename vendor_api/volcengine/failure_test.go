package volcengine_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/vendorapitest"
	"prefetch_exporter/vendor_api/volcengine"
)

// Each error means the same under the HTTP status that the pages give it and under 200.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		number int
		code   string
		status int
		want   prefetch.Reason
	}{
		{100002, "MissingParameter", 400, prefetch.ReasonInvalid},
		{100004, "MissingRequestInfo", 400, prefetch.ReasonInvalid},
		{100003, "MissingAuthenticationToken", 401, prefetch.ReasonAuth},
		{100005, "MissingSignature", 401, prefetch.ReasonAuth},
		{100006, "InvalidTimestamp", 400, prefetch.ReasonAuth},
		{100007, "ServiceNotFound", 404, prefetch.ReasonUnavailable},
		{100008, "InvalidActionOrVersion", 404, prefetch.ReasonUnavailable},
		{100009, "InvalidAccessKey", 401, prefetch.ReasonAuth},
		{100010, "SignatureDoesNotMatch", 401, prefetch.ReasonAuth},
		{100012, "LackPolicy", 403, prefetch.ReasonAuth},
		{100013, "AccessDenied", 403, prefetch.ReasonAuth},
		{100014, "InternalError", 500, prefetch.ReasonUnavailable},
		{100016, "InternalServiceTimeout", 500, prefetch.ReasonTimeout},
		{100018, "FlowLimitExceeded", 429, prefetch.ReasonThrottled},
		{0, "InvalidParameter", 400, prefetch.ReasonInvalid},
		{0, "InvalidParameter.TaskID", 400, prefetch.ReasonInvalid},
		{0, "InvalidTaskType", 400, prefetch.ReasonInvalid},
		{0, "AccountFlowLimitExceeded", 400, prefetch.ReasonThrottled},
		{0, "Throttling", 400, prefetch.ReasonThrottled},
	} {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			bodies := []string{
				fmt.Sprintf(`{"ResponseMetadata":{"RequestId":"4c3","Error":{"CodeN":%d,"Code":%q,"Message":"words"}}}`, tt.number, tt.code),
				fmt.Sprintf(`{"HTTPCode":%d,"errorcode":%q,"message":"words"}`, tt.status, tt.code),
			}
			if tt.number != 0 {
				bodies = append(bodies, fmt.Sprintf(`{"ResponseMetadata":{"RequestId":"4c3","Error":{"CodeN":"%d","Message":"words"}},"Result":{"Data":[]}}`, tt.number))
			}
			for _, body := range bodies {
				for _, status := range []int{tt.status, http.StatusOK} {
					p := newProvider(t, vendorapitest.Says(status, body, "Retry-After", "7"), volcengine.Options{})
					_, err := p.Query(t.Context(), taskQuery())
					e := vendorapitest.Error(t, err)
					if e.Reason != tt.want || e.Message != "words" || e.Code == "" || e.HTTPStatus != status || e.Unsent || e.Refused != "" ||
						e.RetryAfter != 7*time.Second || strings.Contains(body, "4c3") != (e.RequestID == "4c3") {
						t.Errorf("HTTP %d, %s: %+v", status, body, e)
					}
				}
			}
		})
	}
}

// An error without a code that is known means what its HTTP status does, if the API
// itself sent it.
func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		want   prefetch.Reason
	}{
		{404, `{"ResponseMetadata":{"Error":{"Code":"TaskNotFound"}}}`, prefetch.ReasonNotFound},
		{404, `<html>`, prefetch.ReasonUnavailable},
		{403, `{"ResponseMetadata":{"Error":{"Code":"Odd"}}}`, prefetch.ReasonAuth},
		{403, `{"message":"blocked"}`, prefetch.ReasonUnavailable},
		{200, `{"ResponseMetadata":{"Error":{"Code":"Odd"}}}`, prefetch.ReasonUnavailable},
		{400, `{"ResponseMetadata":{"Error":{"Code":"Odd"}}}`, prefetch.ReasonInvalid},
		{500, ``, prefetch.ReasonUnavailable},
		{429, ``, prefetch.ReasonThrottled},
		{504, ``, prefetch.ReasonTimeout},
	} {
		p := newProvider(t, vendorapitest.Says(tt.status, tt.body), volcengine.Options{})
		_, err := p.Query(t.Context(), taskQuery())
		if e := vendorapitest.Error(t, err); e.Reason != tt.want {
			t.Errorf("HTTP %d, %s: %v", tt.status, tt.body, e)
		}
	}
}

// What the vendor turns out not to take is told as such, if the question had it.
func TestRefusedFeatures(t *testing.T) {
	t.Parallel()
	filtered := windowQuery()
	filtered.Status = new(prefetch.Running)
	for _, tt := range []struct {
		code, message string
		query         vendorapi.Query
		want          vendorapi.Feature
	}{
		{"InvalidParameter.PageSize", "", taskQuery(), vendorapi.FeaturePageSize},
		{"InvalidParameter", "page size must be at most 50", windowQuery(), vendorapi.FeaturePageSize},
		{"InvalidParameter.Status", "", filtered, vendorapi.FeatureStatusFilter},
		{"InvalidParameter.Status", "", windowQuery(), ""},
		{"InvalidParameter", "StartTime is too long ago", windowQuery(), vendorapi.FeatureLookBack},
		{"InvalidParameter", "StartTime is too long ago", taskQuery(), ""},
		{"InvalidParameter.TaskID", "", taskQuery(), ""},
		{"FlowLimitExceeded", "page size", taskQuery(), ""},
	} {
		body := fmt.Sprintf(`{"ResponseMetadata":{"Error":{"Code":%q,"Message":%q}}}`, tt.code, tt.message)
		p := newProvider(t, vendorapitest.Says(400, body), volcengine.Options{})
		_, err := p.Query(t.Context(), tt.query)
		if e := vendorapitest.Error(t, err); e.Refused != tt.want {
			t.Errorf("%s: %v, refused %q, want %q", body, e, e.Refused, tt.want)
		}
	}
}

// A task that turns out to be a refresh is the fault of who named it.
func TestRefreshByID(t *testing.T) {
	t.Parallel()
	body := "{" + meta + `,"Result":{"Total":1,"Data":[{"Url":"u","Status":"complete","TaskType":"refresh_file","TaskID":"x"}]}}`
	p := newProvider(t, vendorapitest.Says(200, body), volcengine.Options{})
	_, err := p.Query(t.Context(), taskQuery())
	e := vendorapitest.Error(t, err)
	if e.Reason != prefetch.ReasonInvalid || e.Unsent || e.Error() != "invalid: HTTP 200: the task is a refresh and no prefetch (request id 4c3)" {
		t.Errorf("got %v", e)
	}
}

// A refusal says so where the clock explains it.
func TestClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		product, code string
		ahead         time.Duration
		want          string
	}{
		{volcengine.Name, "InvalidTimestamp", -16 * time.Minute, "the clock here is 16m0s behind the vendor's, which allows 15m0s"},
		{volcengine.Name, "SignatureDoesNotMatch", 16 * time.Minute, "the clock here is 16m0s ahead of the vendor's, which allows 15m0s"},
		{volcengine.NameBytePlus, "InvalidTimestamp", 6 * time.Minute, "the clock here is 6m0s ahead of the vendor's, which allows 5m0s"},
		{volcengine.Name, "InvalidTimestamp", 0, "the clock here and the vendor's differ"},
		{volcengine.Name, "SignatureDoesNotMatch", 14 * time.Minute, ""},
		{volcengine.Name, "InternalError", 16 * time.Minute, ""},
	} {
		body := fmt.Sprintf(`{"ResponseMetadata":{"Error":{"Code":%q}}}`, tt.code)
		p := newProvider(t, vendorapitest.Says(401, body, "Date", noon.Add(-tt.ahead).Format(http.TimeFormat)), volcengine.Options{Product: tt.product})
		_, err := p.Query(t.Context(), taskQuery())
		got := ""
		if e := vendorapitest.Error(t, err); e.Err != nil {
			got = e.Err.Error()
		}
		if got != tt.want {
			t.Errorf("%s, %s, %v ahead: %q", tt.product, tt.code, tt.ahead, got)
		}
	}
}
