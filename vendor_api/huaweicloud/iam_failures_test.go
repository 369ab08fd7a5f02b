package huaweicloud_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

// Without a token no call is made, and whatever the cause, it concerns the
// account and not the task that was asked for.
func TestIAMFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		resp *http.Response
		err  error
		want prefetch.Reason
		text string
	}{
		{"wrong password", respond(401, `{"error":{"code":401,"message":"The username or password is wrong.","title":"Unauthorized"}}`), nil,
			prefetch.ReasonAuth, "auth: HTTP 401: 401: The username or password is wrong.: no token from IAM (request id 4c3)"},
		{"locked", respond(403, `{"error_msg":"locked","error_code":"IAM.0011"}`), nil,
			prefetch.ReasonAuth, "auth: HTTP 403: IAM.0011: locked: no token from IAM (request id 4c3)"},
		{"bad names", respond(400, `{"error_msg":"Request parameter name is invalid.","error_code":"IAM.0007"}`), nil,
			prefetch.ReasonAuth, "auth: HTTP 400: IAM.0007: Request parameter name is invalid.: no token from IAM (request id 4c3)"},
		{"not found", respond(404, `{"error_msg":"none","error_code":"IAM.0004"}`), nil,
			prefetch.ReasonUnavailable, "unavailable: HTTP 404: IAM.0004: none: no token from IAM (request id 4c3)"},
		{"throttled", respond(429, `{"error_msg":"m","error_code":"APIGW.0308"}`), nil,
			prefetch.ReasonThrottled, "throttled: HTTP 429: APIGW.0308: m: no token from IAM (request id 4c3)"},
		{"down", respond(503, "<html>"), nil, prefetch.ReasonUnavailable, "unavailable: HTTP 503: <html>: no token from IAM (request id 4c3)"},
		{"no token", respond(201, `{"token":{"user":{"name":"ops"}}}`), nil,
			prefetch.ReasonUnavailable, "unavailable: HTTP 201: no token from IAM (request id 4c3)"},
		{"token of two words", respond(201, `{}`, "X-Subject-Token", "a b"), nil, prefetch.ReasonAuth, "the token from IAM holds a space"},
		{"redirect", respond(302, "", "Location", "https://login.example/"), nil,
			prefetch.ReasonUnavailable, `no token from IAM: iam.example: refused to follow a redirect to "https://login.example/"`},
		{"network", nil, io.ErrUnexpectedEOF, prefetch.ReasonUnavailable, "no token from IAM: iam.example: unexpected EOF"},
		{"timeout", nil, context.DeadlineExceeded, prefetch.ReasonTimeout, "no token from IAM: iam.example: context deadline exceeded"},
		{"too large", respond(201, strings.Repeat(" ", vendorapi.DefaultMaxBody+1), "X-Subject-Token", "T"), nil,
			prefetch.ReasonUnavailable, "the answer's body is larger than the limit of 33554432 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.resp != nil {
				tt.resp.Header.Set("X-Request-Id", "4c3")
				tt.resp.Header.Set("Retry-After", "9")
			}
			c := &cloud{issue: func(int, *http.Request) (*http.Response, error) { return tt.resp, tt.err }}
			_, err := c.provider(t).Query(t.Context(), taskQuery())
			e := wantError(t, err)
			if e.Reason != tt.want || !e.Unsent || e.Reason.ConcernsTask() || c.queries.Load() != 0 {
				t.Errorf("got %+v after %d queries", e, c.queries.Load())
			}
			if !strings.Contains(e.Error(), tt.text) {
				t.Errorf("got  %v\nwant %v", e, tt.text)
			}
			if tt.want == prefetch.ReasonThrottled && e.RetryAfter != 9*time.Second {
				t.Errorf("Retry-After is %v", e.RetryAfter)
			}
		})
	}
}

func TestIAMEmptyPassword(t *testing.T) {
	t.Parallel()
	auth := huaweicloud.IAM(huaweicloud.IAMOptions{
		Endpoint: "https://iam.example", Domain: "d", Username: "u", Password: text(""), ProjectID: project,
		Client: newClient(t, &cloud{issue: func(int, *http.Request) (*http.Response, error) {
			t.Error("a request was made")
			return nil, io.EOF
		}}),
	})
	err := auth.Authorize(t.Context(), newRequest(t, "https://vod.example"), nil, now())
	if e := wantError(t, err); e.Reason != prefetch.ReasonAuth || !e.Unsent {
		t.Errorf("got %+v", e)
	}
}

// An address that is none is the account's fault.
func TestIAMNeedsAnEndpoint(t *testing.T) {
	t.Parallel()
	err := huaweicloud.IAM(huaweicloud.IAMOptions{Endpoint: "https://iam.example/v3", Password: text("p")}).
		Authorize(t.Context(), newRequest(t, "https://vod.example"), nil, now())
	if e := wantError(t, err); e.Reason != prefetch.ReasonAuth || !e.Unsent || !strings.Contains(e.Error(), "scheme and host only") {
		t.Errorf("got %+v", e)
	}
}

// An IAM that sends the request back does not put the password into the error.
func TestIAMEchoedPassword(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]func(sent string) string{
		"as sent":              func(sent string) string { return sent },
		"as others write JSON": func(string) string { return `{"password":"correct\"horse<battery>staple"}` },
		"in words":             func(string) string { return "wrong password " + password },
		"in JSON": func(string) string {
			return `{"error_code":"IAM.1","error_msg":"wrong password \u0063orrect\"horse<battery>staple"}`
		},
		"at the cut": func(string) string { return strings.Repeat("x", 280) + password },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cloud{issue: func(_ int, r *http.Request) (*http.Response, error) {
				sent, err := io.ReadAll(r.Body)
				return respond(http.StatusBadRequest, format(string(sent))), err
			}}
			_, err := c.provider(t).Query(t.Context(), taskQuery())
			e := wantError(t, err)
			for _, part := range []string{"correct", "horse", "battery", "staple"} {
				if strings.Contains(e.Error(), part) {
					t.Fatalf("the error shows the password: %v", e)
				}
			}
		})
	}
}

// The password is hidden in every error of IAM, not only in its refusals.
func TestIAMPasswordIsHiddenEverywhere(t *testing.T) {
	t.Parallel()
	for name, issue := range map[string]func() (*http.Response, error){
		"code": func() (*http.Response, error) {
			return respond(http.StatusBadRequest, `{"error_code":`+strconv.Quote(password)+`}`), nil
		},
		"redirect": func() (*http.Response, error) {
			return respond(http.StatusFound, "", "Location", "https://login.example/?password="+url.QueryEscape(password)), nil
		},
		"request id": func() (*http.Response, error) {
			return respond(http.StatusServiceUnavailable, "", "X-Request-Id", password), nil
		},
		"network": func() (*http.Response, error) { return nil, fmt.Errorf("after %s: %w", password, io.ErrUnexpectedEOF) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cloud{issue: func(int, *http.Request) (*http.Response, error) { return issue() }}
			_, err := c.provider(t).Query(t.Context(), taskQuery())
			e := wantError(t, err)
			if s := e.Error(); strings.Contains(s, "staple") || !strings.Contains(s, "<secret>") || !e.Unsent {
				t.Errorf("got %s", s)
			}
		})
	}
}
