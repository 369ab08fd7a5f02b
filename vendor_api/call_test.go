package vendorapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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

func vendor() *url.URL { return &url.URL{Scheme: "https", Host: "vendor.example", Path: "/"} }

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
	build = func(ctx context.Context, _ *vendorapi.Query) (*http.Request, []byte, error) {
		req, _, err := vendorapi.NewRequest(ctx, http.MethodGet, vendor(), nil)
		if err == nil {
			req.Header.Set("X-Project", "project")
			req.Header.Set("X-Both", "before")
		}
		return req, []byte("body"), err
	}
	return &vendorapi.Call{Client: client, Auth: auth, Now: now, Public: []string{"X-Signed"}, RequestID: "X-Id"}, build, calls
}

func words(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	x.RequestID = string(x.Response.Body)
	return vendorapi.Answer{}, nil
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
		a, err := call.Do(t.Context(), vendorapi.Query{}, build, words)
		if err != nil || a.RequestID != tt.want {
			t.Errorf("got  %s, %v\nwant %s", a.RequestID, err, tt.want)
		}
		_, err = call.Do(t.Context(), vendorapi.Query{}, build, func(x *vendorapi.Exchange) (vendorapi.Answer, error) {
			return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Message: vendorapi.Excerpt(x.Response.Body)}
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
	_, err := call.Do(t.Context(), vendorapi.Query{}, build, words)
	if e := wantReason(t, err, prefetch.ReasonUnavailable); !e.Unsent || e.Err.Error() != "no token for <secret>" {
		t.Errorf("got %+v: %v", e, e)
	}
	build = func(context.Context, *vendorapi.Query) (*http.Request, []byte, error) {
		return nil, nil, io.ErrNoProgress
	}
	_, err = call.Do(t.Context(), vendorapi.Query{}, build, words)
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
	_, err := call.Do(t.Context(), vendorapi.Query{}, func(ctx context.Context, _ *vendorapi.Query) (*http.Request, []byte, error) {
		return vendorapi.NewRequest(ctx, http.MethodGet, vendor(), nil)
	}, words)
	if e := wantReason(t, err, prefetch.ReasonUnavailable); e.RequestID != "4c3 <secret>" {
		t.Errorf("got %v", e)
	}
}

// A body that cannot be read is told as such, with its beginning; what was odd about an
// answer, and the id that its body has, become parts of it.
func TestCallReads(t *testing.T) {
	t.Parallel()
	call, build, _ := echoing(t, headers{"X-Key": "TOKEN"})
	var seen vendorapi.Exchange
	a, err := call.Do(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a"}, build, func(x *vendorapi.Exchange) (vendorapi.Answer, error) {
		x.Oddf("kind", "odd: TOKEN")
		x.UnknownWords, x.RequestID, seen = []string{"word"}, "4c3", *x
		return vendorapi.Answer{Count: 7}, nil
	})
	if err != nil || fmt.Sprintf("%d %v %v %s", a.Count, a.Oddities, a.UnknownWords, a.RequestID) != "7 [odd: <secret>] [word] 4c3" {
		t.Errorf("got %+v, %v", a, err)
	}
	if seen.Query.TaskID != "a" || !seen.Dated.Equal(now()) || seen.Request.URL.Host != "vendor.example" {
		t.Errorf("the exchange: %+v", seen)
	}
	_, err = call.Do(t.Context(), vendorapi.Query{}, build, func(x *vendorapi.Exchange) (vendorapi.Answer, error) {
		x.RequestID = "4c3"
		return vendorapi.Answer{}, errors.New("no rows")
	})
	if e := wantReason(t, err, prefetch.ReasonDecode); e.RequestID != "4c3" || e.HTTPStatus != http.StatusOK || !strings.HasPrefix(e.Message, "X-Both: before") ||
		e.Err.Error() != "no rows" || e.Unsent {
		t.Errorf("got %+v", e)
	}
}

// What a request is made of; what is no JSON is refused.
func TestNewRequest(t *testing.T) {
	t.Parallel()
	req, body, err := vendorapi.NewRequest(t.Context(), http.MethodPost, vendor(), map[string]int{"a": 1})
	if err != nil || string(body) != `{"a":1}` || req.ContentLength != 7 || req.URL.String() != "https://vendor.example/" {
		t.Errorf("%+v, %s, %v", req, body, err)
	}
	if req, body, err = vendorapi.NewRequest(t.Context(), http.MethodGet, vendor(), nil); err != nil || body != nil || req.Body != http.NoBody {
		t.Errorf("%+v, %s, %v", req, body, err)
	}
	if _, _, err := vendorapi.NewRequest(t.Context(), http.MethodPost, vendor(), func() {}); err == nil {
		t.Error("a function is sent")
	}
	if _, _, err := vendorapi.NewRequest(t.Context(), "no method", vendor(), nil); err == nil {
		t.Error("there is such a method")
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
