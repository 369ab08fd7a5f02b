package cdnetworks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// TestVendorMessages classifies what comes as Code 0 under HTTP 200.
func TestVendorMessages(t *testing.T) {
	t.Parallel()
	alone := taskQuery()
	window := day(vendorapi.QueryWindow)
	both := day(vendorapi.QueryTask)
	both.TaskID = alone.TaskID
	filtered := alone
	filtered.Status = new(prefetch.Failed)

	for _, tc := range []struct {
		message string
		query   vendorapi.Query
		reason  prefetch.Reason
		refused vendorapi.Feature
	}{
		// The table of the vendor's page.
		{"parse json error", alone, prefetch.ReasonInvalid, ""},
		{"username is invalid", alone, prefetch.ReasonAuth, ""},
		{"startTime or endTime must not be empty", alone, prefetch.ReasonInvalid, vendorapi.FeatureTaskAlone},
		{"startTime or endTime must not be empty", both, prefetch.ReasonInvalid, ""},
		{"query create time should not before 3 days", window, prefetch.ReasonInvalid, vendorapi.FeatureLookBack},
		{"query create time should not before 7 days", both, prefetch.ReasonInvalid, vendorapi.FeatureLookBack},
		{"query create time should not before 3 days", alone, prefetch.ReasonInvalid, ""},
		{"query time error", window, prefetch.ReasonInvalid, ""},
		{"endTime should not before startTime", window, prefetch.ReasonInvalid, ""},
		{"page size error", alone, prefetch.ReasonInvalid, vendorapi.FeaturePageSize},
		{"page no error", alone, prefetch.ReasonInvalid, ""},
		{"task status error,eg: init wait run success failure", filtered, prefetch.ReasonInvalid, vendorapi.FeatureStatusFilter},
		{"task status error,eg: init wait run success failure", alone, prefetch.ReasonInvalid, ""},
		// The same in other clothes.
		{"ERROR:  Page\\tSize Error!", alone, prefetch.ReasonInvalid, vendorapi.FeaturePageSize},
		// Texts that no page tells.
		{"too many requests", alone, prefetch.ReasonThrottled, ""},
		{"API call frequency exceeds 1/5min", alone, prefetch.ReasonThrottled, ""},
		{"Rate limit reached", alone, prefetch.ReasonThrottled, ""},
		{"call rate of the user exceeded", alone, prefetch.ReasonThrottled, ""},
		{"Access denied: request was throttled", alone, prefetch.ReasonThrottled, ""},
		{"请求过于频繁", alone, prefetch.ReasonThrottled, ""},
		{"用户请求过多", alone, prefetch.ReasonThrottled, ""},
		{"Signature does not match", alone, prefetch.ReasonAuth, ""},
		{"Invalid AccessKey", alone, prefetch.ReasonAuth, ""},
		{"authentication failed", alone, prefetch.ReasonAuth, ""},
		{"user not found", alone, prefetch.ReasonAuth, ""},
		{"the Date header is expired", alone, prefetch.ReasonAuth, ""},
		{"no permission", alone, prefetch.ReasonAuth, ""},
		{"签名错误", alone, prefetch.ReasonAuth, ""},
		{"权限不足", alone, prefetch.ReasonAuth, ""},
		{"itemId does not exist", alone, prefetch.ReasonNotFound, ""},
		{"task not found", both, prefetch.ReasonNotFound, ""},
		{"任务不存在", alone, prefetch.ReasonNotFound, ""},
		{"3FF59D129A2C40A39B9BE8C9DE9975D6 not found", alone, prefetch.ReasonNotFound, ""},
		{"task not found", window, prefetch.ReasonUnavailable, ""},
		{"interface not found", alone, prefetch.ReasonUnavailable, ""},
		{"server busy, failed to generate the answer", alone, prefetch.ReasonUnavailable, ""},
		{"update failed", alone, prefetch.ReasonUnavailable, ""},
		{"", alone, prefetch.ReasonUnavailable, ""},
	} {
		t.Run(tc.message, func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"count":0,"Code":0,"message":"%s","resultDetail":null}`, tc.message)
			_, err := ask(t, reply{status: 200, body: body}, tc.query, beijing)
			e := vendorapitest.Error(t, err)
			if e.Reason != tc.reason || e.Refused != tc.refused {
				t.Errorf("%v, refused %q; want %q, refused %q", e, e.Refused, tc.reason, tc.refused)
			}
			if e.HTTPStatus != 200 || e.Code != "0" || e.Unsent {
				t.Errorf("error = %+v", e)
			}
		})
	}
}

// TestFailedAnswers classifies what is no answer in any other way.
func TestFailedAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 5000)
	html := "<html>\n<body>  access denied by rate limit " + long
	for name, tc := range map[string]struct {
		reply   reply
		reason  prefetch.Reason
		code    string
		message string
		retry   time.Duration
	}{
		"401":                   {reply{status: 401, body: `{"message":"no"}`}, prefetch.ReasonAuth, "", "no", 0},
		"403, HTML":             {reply{status: 403, body: html}, prefetch.ReasonAuth, "", "<html> <body> access denied by rate limit éé", 0},
		"403, but throttled":    {reply{status: 403, body: `{"code":"Flow","msg":"too many calls"}`}, prefetch.ReasonThrottled, "Flow", "too many calls", 0},
		"404":                   {reply{status: 404, body: `{"timestamp":"2026-11-21T00:00:00","status":404,"error":"Not Found","path":"/user"}`}, prefetch.ReasonUnavailable, "", "Not Found", 0},
		"408":                   {reply{status: 408}, prefetch.ReasonTimeout, "", "", 0},
		"413":                   {reply{status: 413, body: "rate"}, prefetch.ReasonUnavailable, "", "rate", 0},
		"429":                   {reply{status: 429, header: map[string]string{"Retry-After": "120"}, body: `{"message":"signature"}`}, prefetch.ReasonThrottled, "", "signature", 2 * time.Minute},
		"500, but the text":     {reply{status: 500, body: `{"Code":0,"message":"page no error"}`}, prefetch.ReasonInvalid, "0", "page no error", 0},
		"500, success":          {reply{status: 500, body: `{"Code":1,"message":"success","resultDetail":[]}`}, prefetch.ReasonUnavailable, "1", "success", 0},
		"502, empty":            {reply{status: 502}, prefetch.ReasonUnavailable, "", "", 0},
		"503":                   {reply{status: 503, header: map[string]string{"Retry-After": "7"}, body: html}, prefetch.ReasonUnavailable, "", "<html> <body> access", 7 * time.Second},
		"504":                   {reply{status: 504, body: html}, prefetch.ReasonTimeout, "", "<html>", 0},
		"200, HTML":             {reply{status: 200, body: html}, prefetch.ReasonDecode, "", "<html> <body> access", 0},
		"200, XML":              {reply{status: 200, body: `<?xml version="1.0"?><Code>1</Code>`}, prefetch.ReasonDecode, "", `<?xml version="1.0"?><Code>1</Code>`, 0},
		"200, empty":            {reply{status: 200}, prefetch.ReasonDecode, "", "", 0},
		"204":                   {reply{status: 204}, prefetch.ReasonDecode, "", "", 0},
		"200, null":             {reply{status: 200, body: `null`}, prefetch.ReasonDecode, "", "null", 0},
		"200, a list":           {reply{status: 200, body: `[{"Code":1}]`}, prefetch.ReasonDecode, "", `[{"Code":1}]`, 0},
		"200, cut off":          {reply{status: 200, body: `{"Code":1,"resultDetail":[{"url":"u"`}, prefetch.ReasonDecode, "", `{"Code":1`, 0},
		"200, no Code":          {reply{status: 200, body: `{"userName":"limit","data":null}`}, prefetch.ReasonDecode, "", `{"userName":"limit","data":null}`, 0},
		"200, only a text":      {reply{status: 200, body: `{"message":"invalid signature"}`}, prefetch.ReasonAuth, "", "invalid signature", 0},
		"200, another code":     {reply{status: 200, body: `{"Code":2,"message":{"a":1}}`}, prefetch.ReasonUnavailable, "2", `{"a":1}`, 0},
		"200, a code word":      {reply{status: 200, body: `{"Code":"ok","message":"hm"}`}, prefetch.ReasonUnavailable, "ok", "hm", 0},
		"200, rows no list":     {reply{status: 200, body: `{"Code":1,"message":"success","resultDetail":{"url":"u"}}`}, prefetch.ReasonDecode, "1", "success", 0},
		"200, nothing to learn": {reply{status: 200, body: `{"Code":1,"message":"page size error","resultDetail":7}`}, prefetch.ReasonDecode, "1", "page size error", 0},
		"200, long":             {reply{status: 200, body: `{"Code":0,"message":"` + long + `"}`}, prefetch.ReasonUnavailable, "0", "éé", 0},
		"200, not UTF-8":        {reply{status: 200, body: "{\"Code\":\"\xff\",\"message\":\"a\xffb\\u0000\\ud800\"}"}, prefetch.ReasonUnavailable, "\uFFFD", "a\uFFFDb", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tc.reply
			r.header = map[string]string{
				"x-cnc-request-id": "23f9abf8", "Date": "Sat, 21 Nov 2026 12:00:00 GMT", "Retry-After": r.header["Retry-After"],
			}
			answer, err := ask(t, r, taskQuery(), beijing)
			e := vendorapitest.Error(t, err)
			if e.Reason != tc.reason || e.Refused != "" || e.HTTPStatus != r.status || e.Code != tc.code || e.RetryAfter != tc.retry {
				t.Errorf("error = %+v", e)
			}
			if !strings.HasPrefix(e.Message, tc.message) || len(e.Message) > 400 || !utf8.ValidString(e.Error()) {
				t.Errorf("message = %q (%d bytes)", e.Message, len(e.Message))
			}
			if e.RequestID != "23f9abf8" || !e.Date.Equal(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)) {
				t.Errorf("request id %q, date %v", e.RequestID, e.Date)
			}
			if len(answer.URLs) != 0 || answer.Count != 0 {
				t.Errorf("an answer besides the error: %+v", answer)
			}
		})
	}
}

// A call that the network swallows keeps the transport's reason.
func TestTransportErrors(t *testing.T) {
	t.Parallel()
	p := newProvider(t, cdnetworks.Options{Client: vendorapitest.Client(t, vendorapitest.RoundTripper(func(req *http.Request) (*http.Response, error) {
		return nil, req.Context().Err()
	}))})
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, err := p.Query(ctx, taskQuery())
	if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonTimeout {
		t.Errorf("error = %v, want a timeout", e)
	}
}

// What the header says counts, although the answer cannot be used.
func TestHeaderOfAnUnusableAnswer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]prefetch.Reason{
		302: prefetch.ReasonUnavailable, 429: prefetch.ReasonThrottled, 503: prefetch.ReasonUnavailable,
	} {
		answer := reply{status: status, header: map[string]string{
			"Location": "https://example.com/", "x-cnc-request-id": "23f9\x01abf8", "Retry-After": "3600",
		}}.transport()
		p := newProvider(t, cdnetworks.Options{Client: vendorapitest.Client(t, vendorapitest.RoundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := answer.RoundTrip(r)
			resp.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
			return resp, err
		}))})
		_, err := p.Query(t.Context(), taskQuery())
		e := vendorapitest.Error(t, err)
		if e.Reason != want || e.HTTPStatus != status || e.RetryAfter != time.Hour || e.RequestID != "23f9abf8" {
			t.Errorf("HTTP %d: error = %+v", status, e)
		}
	}
}
