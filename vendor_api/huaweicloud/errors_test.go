package huaweicloud_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	vod := func(code, msg string) string { return `{"error_code":"` + code + `","error_msg":"` + msg + `"}` }
	const html = "<html>\n<head><title>Bad</title></head>\n</html>"
	for _, tt := range []struct {
		name          string
		status        int
		body          string
		want          prefetch.Reason
		code, message string
	}{
		// VOD's page "Error Codes".
		{"illegal parameter", 400, vod("VOD.10053", "The request parameter is illegal, illegal field: {xx}."), prefetch.ReasonInvalid,
			"VOD.10053", "The request parameter is illegal, illegal field: {xx}."},
		{"illegal parameter, VST", 400, vod("VST.10001", "m"), prefetch.ReasonInvalid, "VST.10001", "m"},
		{"internal, VST", 400, vod("VST.10002", "m"), prefetch.ReasonUnavailable, "VST.10002", "m"},
		{"authentication, VST", 400, vod("VST.10004", "m"), prefetch.ReasonAuth, "VST.10004", "m"},
		{"internal", 403, vod("VOD.10051", "m"), prefetch.ReasonUnavailable, "VOD.10051", "m"},
		{"internal communication", 403, vod("vod.10052", "m"), prefetch.ReasonUnavailable, "vod.10052", "m"},
		{"token", 403, vod("VOD.10054", "m"), prefetch.ReasonAuth, "VOD.10054", "m"},
		{"not verified", 403, vod("VOD.10055", "m"), prefetch.ReasonAuth, "VOD.10055", "m"},
		{"abnormal user", 403, vod("VOD.10056", "m"), prefetch.ReasonAuth, "VOD.10056", "m"},
		{"project", 403, vod("VOD.10057", "m"), prefetch.ReasonAuth, "VOD.10057", "m"},
		{"method", 403, vod("VOD.10058", "m"), prefetch.ReasonInvalid, "VOD.10058", "m"},
		{"content type", 403, vod("VOD.10059", "m"), prefetch.ReasonInvalid, "VOD.10059", "m"},
		{"no such resource", 400, vod("VOD.10062", "m"), prefetch.ReasonNotFound, "VOD.10062", "m"},
		{"no such resource, padded", 404, vod(" VOD.10062 ", "m"), prefetch.ReasonNotFound, "VOD.10062", "m"},
		// The gateway.
		{"throttled", 429, vod("APIGW.0308", "The throttling threshold has been reached: policy user over ratelimit,limit:100,time:1 minute"),
			prefetch.ReasonThrottled, "APIGW.0308", "The throttling threshold has been reached: policy user over ratelimit,limit:100,time:1 minute"},
		{"throttled, whatever the status", 403, vod("apig.0308", "m"), prefetch.ReasonThrottled, "apig.0308", "m"},
		{"signature", 401, vod("APIG.0301", "verify aksk signature fail"), prefetch.ReasonAuth, "APIG.0301", "verify aksk signature fail"},
		{"signature expired", 403, vod("APIGW.0303", "m"), prefetch.ReasonAuth, "APIGW.0303", "m"},
		{"another service's number", 400, vod("ECS.0308", "m"), prefetch.ReasonInvalid, "ECS.0308", "m"},
		{"no such API", 404, vod("APIG.0101", "m"), prefetch.ReasonUnavailable, "APIG.0101", "m"},
		{"gateway, internal", 500, vod("APIG.0601", "m"), prefetch.ReasonUnavailable, "APIG.0601", "m"},
		// By HTTP status.
		{"401", 401, "", prefetch.ReasonAuth, "", ""},
		{"403, policy", 403, vod("PAP.0011", "Policy doesn't allow vod:asset:getPreheatTask"), prefetch.ReasonAuth,
			"PAP.0011", "Policy doesn't allow vod:asset:getPreheatTask"},
		{"403, words without a code", 403, `{"message":"Forbidden"}`, prefetch.ReasonAuth, "", "Forbidden"},
		{"403 of a proxy", 403, html, prefetch.ReasonUnavailable, "", "<html> <head><title>Bad</title></head> </html>"},
		{"404 of the API", 404, vod("VOD.404", "gone"), prefetch.ReasonNotFound, "VOD.404", "gone"},
		{"404 of a web server", 404, html, prefetch.ReasonUnavailable, "", "<html> <head><title>Bad</title></head> </html>"},
		{"404 of another API", 404, `{"status":404}`, prefetch.ReasonUnavailable, "", `{"status":404}`},
		{"400 of a proxy", 400, html, prefetch.ReasonUnavailable, "", "<html> <head><title>Bad</title></head> </html>"},
		{"400 of the API", 400, vod("VOD.99999", "new"), prefetch.ReasonInvalid, "VOD.99999", "new"},
		{"407", 407, "", prefetch.ReasonUnavailable, "", ""},
		{"408", 408, "", prefetch.ReasonTimeout, "", ""},
		{"414", 414, html, prefetch.ReasonInvalid, "", "<html> <head><title>Bad</title></head> </html>"},
		{"429", 429, "", prefetch.ReasonThrottled, "", ""},
		{"500", 500, vod("VOD.99999", "m"), prefetch.ReasonUnavailable, "VOD.99999", "m"},
		{"502", 502, html, prefetch.ReasonUnavailable, "", "<html> <head><title>Bad</title></head> </html>"},
		{"503", 503, "", prefetch.ReasonUnavailable, "", ""},
		{"504", 504, "", prefetch.ReasonTimeout, "", ""},
		// Other forms of the body.
		{"code and message", 401, `{"code":"APIG.0301","message":"m"}`, prefetch.ReasonAuth, "APIG.0301", "m"},
		{"both forms", 400, `{"code":"c","message":"d","error_code":"VOD.10062","error_msg":"m"}`, prefetch.ReasonNotFound, "VOD.10062", "m"},
		{"nested", 403, `{"error":{"code":"VOD.10051","message":"m"}}`, prefetch.ReasonUnavailable, "VOD.10051", "m"},
		{"nested, number", 403, `{"error":{"code":403,"message":"m","title":"Forbidden"}}`, prefetch.ReasonAuth, "403", "m"},
		{"nested and outside", 400, `{"error_msg":"m","error":{"error_code":"VOD.10062","error_msg":"n"}}`, prefetch.ReasonNotFound, "VOD.10062", "m"},
		{"odd types", 400, `{"error_code":["VOD.10062"],"error_msg":{"a":1},"code":true,"message":null}`, prefetch.ReasonUnavailable,
			"", `{"error_code":["VOD.10062"],"error_msg":{"a":1},"code":true,"message":null}`},
		{"code only", 400, `{"error_code":"VOD.10062"}`, prefetch.ReasonNotFound, "VOD.10062", `{"error_code":"VOD.10062"}`},
		// An error under a success.
		{"error in a 200", 200, vod("VOD.10062", "m"), prefetch.ReasonNotFound, "VOD.10062", "m"},
		{"unknown error in a 200", 200, vod("VOD.99999", "m"), prefetch.ReasonUnavailable, "VOD.99999", "m"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ask(t, respond(tt.status, tt.body, "X-Request-Id", "4c3\x01"))
			want := &vendorapi.Error{
				Reason: tt.want, HTTPStatus: tt.status, Code: tt.code, Message: tt.message,
				RequestID: "4c3", Date: now(),
			}
			if diff := cmp.Diff(want, wantError(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The gateway tells the id of a call in the body, the service in the header.
func TestRequestIDInBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status             int
		body, header, want string
	}{
		{429, `{"error_code":"APIG.0308","error_msg":"m","request_id":"4c3\u0001"}`, "", "4c3"},
		{429, `{"error_code":"APIG.0308","error_msg":"m","request_id":"4c3"}`, "b7", "b7"},
		{403, `{"error":{"code":403,"message":"m","request_id":"4c3"}}`, "", "4c3"},
		{200, `{"error_code":"VOD.10062","error_msg":"m","request_id":"4c3"}`, "", "4c3"},
		{200, `{"request_id":"4c3","preheating_results":[]}`, "", "4c3"},
		{200, `{"request_id":"4c3","preheating_results":[]}`, "b7", "b7"},
		{200, `{"request_id":"4c3"}`, "", "4c3"},
		{502, "<html>", "", ""},
	} {
		answer, err := ask(t, respond(tt.status, tt.body, "X-Request-Id", tt.header))
		got := answer.RequestID
		if err != nil {
			got = wantError(t, err).RequestID
		}
		if got != tt.want {
			t.Errorf("HTTP %d, %s with the header %q: request id %q", tt.status, tt.body, tt.header, got)
		}
	}
}

// A mark before the JSON, as some gateways write it, is no part of it.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	answer, err := ask(t, respond(http.StatusOK, "\uFEFF"+`{"preheating_results":[{"url":"u","status":"succeed"}]}`))
	if err != nil || answer.Count != 1 {
		t.Errorf("got %+v, %v", answer, err)
	}
	_, err = ask(t, respond(http.StatusBadRequest, "\uFEFF"+`{"error_code":"VOD.10062","error_msg":"m"}`))
	if e := wantError(t, err); e.Reason != prefetch.ReasonNotFound || e.Message != "m" {
		t.Errorf("got %v", e)
	}
}

func TestLongErrorsAreCut(t *testing.T) {
	t.Parallel()
	_, err := ask(t, respond(http.StatusBadGateway, strings.Repeat("<p>é ", 1<<20)))
	e := wantError(t, err)
	if len(e.Message) > 300 || !strings.HasPrefix(e.Message, "<p>é <p>é") || !utf8.ValidString(e.Message) {
		t.Errorf("message of %d bytes: %q", len(e.Message), e.Message)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second,
		now().Add(time.Minute).Format(http.TimeFormat): time.Minute,
		"soon": 0,
	} {
		_, err := ask(t, respond(http.StatusTooManyRequests, "", "Retry-After", value))
		if e := wantError(t, err); e.RetryAfter != want {
			t.Errorf("Retry-After %q is %v, want %v", value, e.RetryAfter, want)
		}
	}
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	p := newProvider(t, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, token())
	_, err := p.Query(t.Context(), taskQuery())
	if e := wantError(t, err); e.Reason != prefetch.ReasonUnavailable || e.Unsent {
		t.Errorf("got %+v", e)
	}
	_, err = ask(t, respond(http.StatusFound, "", "Location", "https://login.example/", "X-Request-Id", "4c3", "Retry-After", "9"))
	e := wantError(t, err)
	if e.Reason != prefetch.ReasonUnavailable || e.RequestID != "4c3" || e.RetryAfter != 9*time.Second || !e.Date.Equal(now()) {
		t.Errorf("got %+v", e)
	}
}

// What the header says counts, although the body cannot be read.
func TestUnreadableBody(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]prefetch.Reason{429: prefetch.ReasonThrottled, 503: prefetch.ReasonUnavailable} {
		resp := respond(status, "", "Retry-After", "3600", "X-Request-Id", "4c3")
		resp.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := ask(t, resp)
		e := wantError(t, err)
		if e.Reason != want || e.HTTPStatus != status || e.RetryAfter != time.Hour || e.RequestID != "4c3" || !e.Date.Equal(now()) {
			t.Errorf("HTTP %d: got %+v", status, e)
		}
	}
}

// A clock that is off explains why signatures are refused, and only that.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	const body = `{"error_code":"APIGW.0303","error_msg":"signature expired"}`
	for _, tt := range []struct {
		name string
		date string
		auth huaweicloud.Auth
		want string
	}{
		{"behind", now().Add(20 * time.Minute).Format(http.TimeFormat), huaweicloud.AKSK(text("AK"), text("SK"), nil), "the clock here is 20m0s behind"},
		{"ahead", now().Add(-20 * time.Minute).Format(http.TimeFormat), huaweicloud.AKSK(text("AK"), text("SK"), nil), "the clock here is 20m0s ahead of"},
		{
			"near", now().Add(10 * time.Minute).Format(http.TimeFormat), huaweicloud.AKSK(text("AK"), text("SK"), nil),
			"by the vendor's words its clock and the one here are more than 15m0s apart",
		},
		{"no date", "", huaweicloud.AKSK(text("AK"), text("SK"), nil), "its clock and the one here are more than 15m0s apart"},
		{"not signed", now().Add(20 * time.Minute).Format(http.TimeFormat), token(), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, func(*http.Request) (*http.Response, error) {
				return respond(http.StatusUnauthorized, body, "Date", tt.date), nil
			}, tt.auth)
			_, err := p.Query(t.Context(), taskQuery())
			e := wantError(t, err)
			if e.Reason != prefetch.ReasonAuth || (tt.want == "") != (e.Err == nil) || !strings.Contains(e.Error(), tt.want) {
				t.Errorf("got %v", e)
			}
		})
	}
}

// A proxy's error page may show the request it got, credentials included.
func TestEchoedCredentials(t *testing.T) {
	t.Parallel()
	echo := func(status int, format func(string) string) roundTrip {
		return func(r *http.Request) (*http.Response, error) {
			var b strings.Builder
			for _, name := range []string{"X-Auth-Token", "X-Security-Token", "Authorization"} {
				b.WriteString(name + ": " + r.Header.Get(name) + "\n")
			}
			return respond(status, format(b.String())), nil
		}
	}
	page := func(s string) string { return "<pre>" + s + "</pre>" }
	quoted := func(s string) string {
		b, err := json.Marshal(map[string]string{"error_code": "X", "error_msg": s})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, auth := range []huaweicloud.Auth{
		huaweicloud.Token(text(`MIIC"<&\>TOKEN`)),
		huaweicloud.AKSK(text("AK"), text("SK"), text(`MIIC"<&\>TOKEN`)),
	} {
		for _, rt := range []roundTrip{echo(502, page), echo(200, page), echo(403, quoted)} {
			_, err := newProvider(t, rt, auth).Query(t.Context(), taskQuery())
			e := wantError(t, err)
			if s := e.Error(); strings.Contains(s, "MIIC") || strings.Contains(s, "Signature=") || !strings.Contains(s, "<secret>") {
				t.Errorf("the error shows credentials: %s", s)
			}
		}
	}
}

// Whatever an error looks like, it has one of the reasons and bounded clean
// text.
func FuzzErrorBody(f *testing.F) {
	f.Add(400, `{"error_code":"VOD.10053","error_msg":"m"}`, "3")
	f.Add(403, `{"code":"APIG.0308","message":"m"}`, "")
	f.Add(401, `{"error":{"code":401,"message":"m"}}`, now().Format(http.TimeFormat))
	f.Add(502, "<html>\xff\x00", "-1")
	f.Add(404, `{"error_code":"`+strings.Repeat("é", 500)+`"}`, "99999999999999999999")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		if status < 400 || status > 599 {
			return
		}
		_, err := ask(t, respond(status, body, "Retry-After", retryAfter))
		e := wantError(t, err)
		reasons := prefetch.Reasons()
		if !slices.Contains(reasons[:], e.Reason) || e.Reason == prefetch.ReasonDecode {
			t.Fatalf("reason %q", e.Reason)
		}
		if e.HTTPStatus != status || e.Unsent || e.RetryAfter < 0 || e.RetryAfter > 24*time.Hour {
			t.Fatalf("%+v", e)
		}
		for _, s := range []string{e.Code, e.Message, e.Error()} {
			if !utf8.ValidString(s) || len(s) > 1000 || strings.ContainsAny(s, "\n\r\x00\x1b") {
				t.Fatalf("text %q", s)
			}
		}
	})
}

// What the vendor says of code and message is kept, whatever it is.
func TestWordsAreKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.StringOf(rapid.RuneFrom(nil, unicode.L, unicode.N, unicode.P, unicode.Zs))
		code, message := word.Draw(rt, "code"), word.Draw(rt, "message")
		body, err := json.Marshal(map[string]string{"error_code": code, "error_msg": message})
		if err != nil {
			rt.Fatal(err)
		}
		_, err = ask(t, respond(http.StatusBadRequest, string(body)))
		e := wantError(t, err)
		if want := vendorapi.Excerpt([]byte(code)); e.Code != want {
			rt.Errorf("code %q, want %q", e.Code, want)
		}
		if want := vendorapi.Excerpt([]byte(message)); e.Message != want && want != "" {
			rt.Errorf("message %q, want %q", e.Message, want)
		}
	})
}
