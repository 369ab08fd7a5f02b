package vendorapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// headers is an authentication that sets them.
type headers map[string]string

func (h headers) Authorize(_ context.Context, req *http.Request, body []byte, now time.Time) error {
	if h["fails"] != "" {
		return errors.New(h["fails"])
	}
	for name, value := range h {
		req.Header.Set(name, value)
	}
	req.Header.Set("X-Signed", string(body)+now.Format(time.RFC3339))
	return nil
}

func (h headers) Secrets() []string { return []string{"the-secret-key"} }

// echoing is a call whose vendor answers with all headers of its request.
func echoing(t *testing.T, auth vendorapi.Auth) (c *vendorapi.Call, build vendorapi.Build, calls *int) {
	t.Helper()
	calls = new(int)
	client := newClient(t, vendorapi.ClientOptions{RoundTripper: roundTrip(func(r *http.Request) (*http.Response, error) {
		*calls++
		var b strings.Builder
		_ = r.Header.WriteSubset(&b, map[string]bool{"User-Agent": true})
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(b.String()))}, nil
	})})
	build = func() (*http.Request, []byte, error) {
		req := get(t, "https://vendor.example/")
		req.Header.Set("X-Project", "project")
		req.Header.Set("X-Both", "before")
		return req, []byte("body"), nil
	}
	return &vendorapi.Call{Client: client, Auth: auth, Now: now, Public: []string{"X-Signed"}, RequestID: "X-Id"}, build, calls
}

func words(_ *http.Request, resp *vendorapi.Response) (vendorapi.Answer, error) {
	return vendorapi.Answer{RequestID: vendorapi.Excerpt(resp.Body)}, nil
}

// Whatever an authentication puts on a request is secret, unless its vendor says
// otherwise; so are the keys that it makes that of. What was there before is not.
func TestCallHidesWhatAuthenticates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		auth headers
		want string
	}{
		{
			headers{"X-Unheard-Of": "TOKEN", "X-Echo": "the-secret-key", "X-Both": "after"},
			"X-Both: <secret> X-Echo: <secret> X-Project: project X-Signed: body2026-11-21T10:00:00Z X-Unheard-Of: <secret>",
		},
		{
			headers{"Authorization": "SDK-HMAC-SHA256 Access=AKLONG, SignedHeaders=x-project-id;x-sdk-date, Signature=0123abcd", "X-A": "AKLONG 0123abcd"},
			"Authorization: <secret> X-A: <secret> X-Both: before X-Project: project X-Signed: body2026-11-21T10:00:00Z",
		},
	} {
		call, build, _ := echoing(t, tt.auth)
		a, err := call.Do(t.Context(), build, words)
		if err != nil || a.RequestID != tt.want {
			t.Errorf("got  %s, %v\nwant %s", a.RequestID, err, tt.want)
		}
		_, err = call.Do(t.Context(), build, func(_ *http.Request, resp *vendorapi.Response) (vendorapi.Answer, error) {
			return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Message: vendorapi.Excerpt(resp.Body)}
		})
		if e := wantReason(t, err, prefetch.ReasonInvalid); e.Message != tt.want || e.Unsent {
			t.Errorf("got  %+v\nwant %s", e, tt.want)
		}
	}
}

// What cannot be asked, or not authorized, costs no call.
func TestCallThatIsNotMade(t *testing.T) {
	t.Parallel()
	call, build, calls := echoing(t, headers{"fails": "no token for the-secret-key"})
	_, err := call.Do(t.Context(), build, words)
	if e := wantReason(t, err, prefetch.ReasonUnavailable); !e.Unsent || e.Err.Error() != "no token for <secret>" {
		t.Errorf("got %+v: %v", e, e)
	}
	_, err = call.Do(t.Context(), func() (*http.Request, []byte, error) { return nil, nil, io.ErrNoProgress }, words)
	if e := wantReason(t, err, prefetch.ReasonInvalid); !e.Unsent || !errors.Is(e, io.ErrNoProgress) {
		t.Errorf("got %+v", e)
	}
	if *calls != 0 {
		t.Errorf("%d calls were made", *calls)
	}
}

// The vendor's id of a call is told even where its answer cannot be used.
func TestCallKeepsTheRequestID(t *testing.T) {
	t.Parallel()
	client := newClient(t, vendorapi.ClientOptions{RoundTripper: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"X-Id": {"4c3 TOKEN"}}, Body: http.NoBody}, nil
	})})
	call := vendorapi.Call{Client: client, Auth: headers{"X-Key": "TOKEN"}, RequestID: "X-Id"}
	_, err := call.Do(t.Context(), func() (*http.Request, []byte, error) { return get(t, "https://vendor.example/"), nil, nil }, words)
	if e := wantReason(t, err, prefetch.ReasonUnavailable); e.RequestID != "4c3 <secret>" {
		t.Errorf("got %v", e)
	}
}

func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"https://vod.example":           "https://vod.example",
		"https://vod.example/":          "https://vod.example",
		"http://127.0.0.1:8080":         "http://127.0.0.1:8080",
		"https://u:hunter22@[":          "endpoint is not a URL",
		"vod.example":                   "endpoint must begin with https:// or http:// and name a host",
		"ftp://vod.example":             "endpoint must begin with https:// or http:// and name a host",
		"https:///x":                    "endpoint must begin with https:// or http:// and name a host",
		"https://vod.example/v1":        "endpoint must be scheme and host only: https://vod.example",
		"https://vod.example?":          "endpoint must be scheme and host only: https://vod.example",
		"https://u:hunter2@vod.example": "endpoint must be scheme and host only: https://vod.example",
	} {
		u, err := vendorapi.ParseEndpoint(endpoint)
		got := fmt.Sprint(err)
		if err == nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", endpoint, got, want)
		}
	}
}
