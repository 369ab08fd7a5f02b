package cdnetworks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// TestClockSkew has a clock explain why a user is unknown, and only that.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	const user, expired, unknown, often = `{"Code":0,"message":"username is invalid"}`, `{"Code":0,"message":"request expired"}`,
		`{"code":"RequestTimeTooSkewed"}`, `{"Code":0,"message":"too many requests"}`
	for name, tt := range map[string]struct {
		// off is our clock minus the vendor's, which tells its time unless silent.
		off    time.Duration
		silent bool
		status int
		body   string
		reason prefetch.Reason
		want   string
	}{
		"behind":                 {-20 * time.Minute, false, 200, user, prefetch.ReasonAuth, "username is invalid: the clock here is 20m0s behind the vendor's, which allows 5m0s"},
		"ahead":                  {20 * time.Minute, false, 200, user, prefetch.ReasonAuth, "the clock here is 20m0s ahead of the vendor's, which allows 5m0s"},
		"by a day":               {-24 * time.Hour, false, 401, "", prefetch.ReasonAuth, "the clock here is 24h0m0s behind the vendor's"},
		"near":                   {5 * time.Minute, false, 200, user, prefetch.ReasonAuth, ""},
		"nobody knows":           {20 * time.Minute, true, 200, user, prefetch.ReasonAuth, ""},
		"words that nobody told": {20 * time.Minute, false, 200, expired, prefetch.ReasonUnavailable, "request expired: the clock here is 20m0s ahead"},
		"a code":                 {20 * time.Minute, false, 200, unknown, prefetch.ReasonUnavailable, "the clock here is 20m0s ahead"},
		"another reason":         {20 * time.Minute, false, 200, often, prefetch.ReasonThrottled, ""},
		"a proxy's date":         {20 * time.Minute, false, 502, "", prefetch.ReasonUnavailable, ""},
	} {
		for way, auth := range map[string]vendorapi.Auth{
			"API key": cdnetworks.APIKey("ops", vendorapitest.Text("apiKey")), "AK/SK": cdnetworks.AKSK(vendorapitest.Text("AK"), vendorapitest.Text("SK")),
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				r := reply{status: tt.status, body: tt.body, header: map[string]string{"Date": vendorNow.Format(http.TimeFormat)}}
				if tt.silent {
					r.header = nil
				}
				p := newProvider(t, cdnetworks.Options{
					Client: vendorapitest.Client(t, r.transport()), Auth: auth, Now: func() time.Time { return vendorNow.Add(tt.off) },
				})
				_, err := p.Query(t.Context(), taskQuery())
				e := vendorapitest.Error(t, err)
				if e.Reason != tt.reason || !strings.Contains(e.Error(), tt.want) || (tt.want == "") != !strings.Contains(e.Error(), "clock") {
					t.Errorf("got %v, want %s", e, tt.want)
				}
			})
		}
	}
}

// TestWordsForCodes reads errors of Wangsu's gateway.
func TestWordsForCodes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]vendorapi.Error{
		`{"code":"AccessDenied","message":"m"}`:                      {Reason: prefetch.ReasonAuth, Code: "AccessDenied", Message: "m"},
		`{"code":"ACCESS_DENIED"}`:                                   {Reason: prefetch.ReasonAuth, Code: "ACCESS_DENIED", Message: `{"code":"ACCESS_DENIED"}`},
		`{"code":"SignatureDoesNotMatch","message":"m"}`:             {Reason: prefetch.ReasonAuth, Code: "SignatureDoesNotMatch", Message: "m"},
		`{"code":"InvalidAccessKey","errorMessages":["m"]}`:          {Reason: prefetch.ReasonAuth, Code: "InvalidAccessKey", Message: "m"},
		`{"code":"Throttling.User","message":"m"}`:                   {Reason: prefetch.ReasonThrottled, Code: "Throttling.User", Message: "m"},
		`{"code":"RequestLimitExceeded","message":"m"}`:              {Reason: prefetch.ReasonThrottled, Code: "RequestLimitExceeded", Message: "m"},
		`{"code":"AccessDenied","message":"too many requests"}`:      {Reason: prefetch.ReasonThrottled, Code: "AccessDenied", Message: "too many requests"},
		`{"code":"InvalidParameter","message":"m"}`:                  {Reason: prefetch.ReasonInvalid, Code: "InvalidParameter", Message: "m"},
		`{"code":"MissingParameter.itemId","message":"m"}`:           {Reason: prefetch.ReasonInvalid, Code: "MissingParameter.itemId", Message: "m"},
		`{"code":"ItemNotFound","message":"m"}`:                      {Reason: prefetch.ReasonNotFound, Code: "ItemNotFound", Message: "m"},
		`{"code":"InternalError","message":"an invalid day"}`:        {Reason: prefetch.ReasonUnavailable, Code: "InternalError", Message: "an invalid day"},
		`{"code":"Unheard","errorMessages":["a","b",null," c "]}`:    {Reason: prefetch.ReasonUnavailable, Code: "Unheard", Message: "a; b; c"},
		`{"code":0,"errorMessages":["username is invalid"]}`:         {Reason: prefetch.ReasonAuth, Code: "0", Message: "username is invalid"},
		`{"code":0,"errorMessages":"username is invalid"}`:           {Reason: prefetch.ReasonAuth, Code: "0", Message: "username is invalid"},
		`{"code":"E","errorMessages":[{"field":"a"},{"field":"b"}]}`: {Reason: prefetch.ReasonUnavailable, Code: "E", Message: `{"field":"a"}; {"field":"b"}`},
		`{"code":"E","errorMessages":{"a":1}}`:                       {Reason: prefetch.ReasonUnavailable, Code: "E", Message: `{"a":1}`},
		`{"code":"E","message":"","errorMessages":[]}`:               {Reason: prefetch.ReasonUnavailable, Code: "E", Message: `{"code":"E","message":"","errorMessages":[]}`},
		`{"code":"E","message":"m","errorMessages":["n"]}`:           {Reason: prefetch.ReasonUnavailable, Code: "E", Message: "m"},
	} {
		for _, status := range []int{200, 400, 500} {
			_, err := ask(t, reply{status: status, body: body}, taskQuery(), beijing)
			e := vendorapitest.Error(t, err)
			if e.Reason != want.Reason || e.Code != want.Code || e.Message != want.Message {
				t.Errorf("HTTP %d, %s: %v", status, body, e)
			}
		}
	}
}

// TestRequestIDInBody takes the body's id where the header has none.
func TestRequestIDInBody(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"Code":0,"message":"m","requestId":"in\u0001body"}`:             "inbody",
		`{"Code":0,"message":"m","x-cnc-request-id":"cnc","requestId":7}`: "cnc",
		`{"Code":1,"count":0,"requestId":"ok"}`:                           "ok",
		`{"Code":0,"message":"m"}`:                                        "",
	} {
		for _, header := range []string{"", "header"} {
			answer, err := ask(t, reply{status: 200, body: body, header: map[string]string{"X-Cnc-Request-Id": header}}, taskQuery(), beijing)
			got := answer.RequestID
			if err != nil {
				got = vendorapitest.Error(t, err).RequestID
			}
			if header != "" && got != header || header == "" && got != want {
				t.Errorf("%s with the header %q: request id %q", body, header, got)
			}
		}
	}
}
