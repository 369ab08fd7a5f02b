package tencentcloud_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// Errors come under HTTP 200, and are told by their code.
func TestCodes(t *testing.T) {
	t.Parallel()
	for reason, codes := range map[prefetch.Reason]string{
		prefetch.ReasonAuth: "AuthFailure AuthFailure.InvalidAuthorization AuthFailure.InvalidSecretId AuthFailure.SecretIdNotFound " +
			"AuthFailure.SignatureFailure AuthFailure.SignatureExpire AuthFailure.TokenFailure AuthFailure.MFAFailure AuthFailure.UnauthorizedOperation " +
			"UnauthorizedOperation UnauthorizedOperation.CdnCamUnauthorized UnauthorizedOperation.CdnUserIsSuspended UnauthorizedOperation.CdnUserNoWhitelist " +
			"UnauthorizedOperation.OpNoAuth UnauthorizedOperation.DomainEmpty UnauthorizedOperation.NoPermission UnauthorizedOperation.CamUnauthorized",
		prefetch.ReasonThrottled: "RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded " +
			"RequestLimitExceeded.IPLimitExceeded LimitExceeded.RateLimitExceeded UnauthorizedOperation.OperationTooOften LimitExceeded.CdnHostOpTooOften",
		prefetch.ReasonUnavailable: "InternalError InternalError.CdnDbError ServiceUnavailable FailedOperation FailedOperation.CdnConfigError OperationDenied " +
			"OperationDenied.ProductUpgraded OperationDenied.ProductUpdating OperationDenied.UserMigrating Unheard.Of",
		prefetch.ReasonInvalid: "InvalidParameter InvalidParameter.CdnStatInvalidDate InvalidParameter.CdnParamError InvalidParameter.ParameterError " +
			"InvalidParameter.TooManyFilterValues InvalidParameter.ZoneNotFound InvalidParameterValue InvalidParameterValue.Limit MissingParameter " +
			"UnknownParameter InvalidAction NoSuchVersion LimitExceeded.QueryTimeLimitExceeded ResourceNotFound ResourceNotFound.CdnHostNotExists " +
			"ResourceUnavailable.ZoneNotFound",
	} {
		for code := range strings.FieldsSeq(codes) {
			for _, status := range []int{200, 400, 503} {
				body := `{"Response":{"Error":{"Code":"` + code + `","Message":"why"},"RequestId":"r1"}}`
				_, err := ask(t, tencentcloud.NewEdgeOne, respond(status, body), taskQuery())
				e := vendorapitest.Error(t, err)
				if e.Reason != reason || e.Code != code || e.Message != "why" || e.RequestID != "r1" || e.HTTPStatus != status || e.Refused != "" || e.Unsent {
					t.Errorf("HTTP %d, %s: got %+v", status, code, e)
				}
			}
		}
	}
}

// Refusals in other forms, and what only the HTTP status tells.
func TestOtherRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		want   string
	}{
		{200, `{"Response":{"Error":{},"RequestId":7}}`, `unavailable: HTTP 200: {"Response":{"Error":{},"RequestId":7}} (request id 7)`},
		{200, `{"Response":{"Error":"broken"}}`, "unavailable: HTTP 200: broken"},
		{200, `{"Response":{"Error":["broken"]}}`, `unavailable: HTTP 200: ["broken"]`},
		{200, `{"Response":{"Error":{"Code":17,"Message":null}}}`, `unavailable: HTTP 200: 17: {"Response":{"Error":{"Code":17,"Message":null}}}`},
		{200, `{"Response":{"error":{"code":"authfailure","message":"m"},"Tasks":[{}]}}`, "auth: HTTP 200: authfailure: m"},
		{200, `{"Response":[]}`, "decode: HTTP 200: {\"Response\":[]}: the answer is not a JSON object"},
		{200, `{"Tasks":[]}`, `decode: HTTP 200: {"Tasks":[]}: the answer has no Response`},
		{200, ``, `decode: HTTP 200: the answer is empty`},
		{200, `{"Response":{"Tasks":{}}}`, `decode: HTTP 200: {"Response":{"Tasks":{}}}: the list of tasks is not a list: {}`},
		{200, `{"Response":{"Tasks":"none","RequestId":"r1"}}`, `is not a list: "none" (request id r1)`},
		{429, `{"Response":{"Error":{"Code":"AuthFailure","Message":"m"}}}`, "throttled: HTTP 429: AuthFailure: m"},
		{429, ``, "throttled: HTTP 429"},
		{401, `{"Response":{"TotalCount":0}}`, "auth: HTTP 401"},
		{403, `<html>`, "unavailable: HTTP 403: <html>"},
		{408, ``, "timeout: HTTP 408"},
		{504, `{"Response":{"Error":{"Message":"slow"}}}`, "timeout: HTTP 504: slow"},
	} {
		_, err := ask(t, tencentcloud.NewCDN, respond(tt.status, tt.body), taskQuery())
		if got := vendorapitest.Error(t, err).Error(); !strings.Contains(got, tt.want) {
			t.Errorf("%s\ngot  %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

// What a vendor's text says of a feature that the question used is learned, and
// nothing of one that it did not use.
func TestRefusedFeatures(t *testing.T) {
	t.Parallel()
	filtered := with(window(vendorapi.QueryCount), 1, 1, prefetch.Running)
	const span = "The time span between StartTime and EndTime cannot exceed 7 days."
	for _, tt := range []struct {
		query         vendorapi.Query
		code, message string
		want          vendorapi.Feature
	}{
		{window(vendorapi.QueryWindow), "InvalidParameter.CdnStatInvalidDate", "", vendorapi.FeatureLookBack},
		{window(vendorapi.QueryWindow), "LimitExceeded.QueryTimeLimitExceeded", "", vendorapi.FeatureLookBack},
		{window(vendorapi.QueryWindow), "InvalidParameter.ParameterError", span, vendorapi.FeatureLookBack},
		{taskQuery(), "InvalidParameter.CdnStatInvalidDate", "", ""},
		{taskQuery(), "InvalidParameter.ParameterError", span, ""},
		{window(vendorapi.QueryWindow), "InvalidParameter.ParameterError", "Limit must be at most 50", vendorapi.FeaturePageSize},
		{taskQuery(), "InvalidParameterValue", "the parameter `limit` is too large", vendorapi.FeaturePageSize},
		{taskQuery(), "InvalidParameterValue", "unlimited", ""},
		{filtered, "InvalidParameter.TooManyFilterValues", "", vendorapi.FeatureStatusFilter},
		{filtered, "InvalidParameter.CdnParamError", "Status is invalid", vendorapi.FeatureStatusFilter},
		{window(vendorapi.QueryWindow), "InvalidParameter.CdnParamError", "Status is invalid", ""},
		{window(vendorapi.QueryWindow), "InternalError", span, ""},
	} {
		body := fmt.Sprintf(`{"Response":{"Error":{"Code":%q,"Message":%q}}}`, tt.code, tt.message)
		_, err := ask(t, tencentcloud.NewCDN, respond(200, body), tt.query)
		if e := vendorapitest.Error(t, err); e.Refused != tt.want {
			t.Errorf("%s %q: refused %q, want %q", tt.code, tt.message, e.Refused, tt.want)
		}
	}
}

// A clock that is off explains why a signature is refused, and nothing else.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	refusal := func(code string) string { return `{"Response":{"Error":{"Code":"` + code + `","Message":"m"}}}` }
	expired := refusal("AuthFailure.SignatureExpire")
	for name, tt := range map[string]struct {
		off  time.Duration
		body string
		date string
		want string
	}{
		"behind":           {-20 * time.Minute, expired, now().Format(http.TimeFormat), "m: the clock here is 20m0s behind the vendor's, which allows 5m0s"},
		"ahead":            {6 * time.Minute, refusal("AuthFailure.SignatureFailure"), now().Format(http.TimeFormat), "m: the clock here is 6m0s ahead of the vendor's"},
		"by its code":      {0, expired, "never", "m: the clock here is off the vendor's, which allows 5m0s"},
		"near":             {5 * time.Minute, refusal("AuthFailure.SignatureFailure"), now().Format(http.TimeFormat), ""},
		"another reason":   {20 * time.Minute, refusal("RequestLimitExceeded"), now().Format(http.TimeFormat), ""},
		"nobody knows why": {20 * time.Minute, refusal("AuthFailure.SignatureFailure"), "never", ""},
	} {
		p := newProvider(t, tencentcloud.NewEdgeOne, respond(200, tt.body, "Date", tt.date), tencentcloud.Options{
			Now: func() time.Time { return now().Add(tt.off) },
		})
		_, err := p.Query(t.Context(), taskQuery())
		got := vendorapitest.Error(t, err).Error()
		if !strings.Contains(got, tt.want) || (tt.want == "") != !strings.Contains(got, "clock") {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
