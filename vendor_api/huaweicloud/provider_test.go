package huaweicloud_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

const (
	project = "0123456789abcdef0123456789abcdef"
	taskID  = "8ff1d0f7b2b04bd8b4b6b9f2f2a4c4f1"
)

func now() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }

func taskQuery() vendorapi.Query {
	return vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: taskID}
}

// roundTrip is a vendor in memory.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// respond builds a response; headers are name and value in turn.
func respond(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Date": {now().Format(http.TimeFormat)}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func newClient(tb testing.TB, rt http.RoundTripper) *vendorapi.Client {
	tb.Helper()
	c, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: rt, UserAgent: "test/1", Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func newProvider(tb testing.TB, rt roundTrip, auth huaweicloud.Auth) *huaweicloud.Provider {
	tb.Helper()
	p, err := huaweicloud.New(huaweicloud.Options{
		Endpoint: "https://vod.example", ProjectID: project, Client: newClient(tb, rt), Auth: auth, Now: now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func text(s string) func() string { return func() string { return s } }

func token() huaweicloud.Auth { return huaweicloud.Token(text("gAAAATOKEN")) }

// ask puts the usual question to a vendor that answers with resp.
func ask(t *testing.T, resp *http.Response) (vendorapi.Answer, error) {
	t.Helper()
	p := newProvider(t, func(*http.Request) (*http.Response, error) { return resp, nil }, token())
	return p.Query(t.Context(), taskQuery())
}

func wantError(t *testing.T, err error) *vendorapi.Error {
	t.Helper()
	var e *vendorapi.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	return e
}

func TestNewNeedsAnEndpoint(t *testing.T) {
	t.Parallel()
	_, err := huaweicloud.New(huaweicloud.Options{Endpoint: "https://vod.example/v1.0", ProjectID: project, Auth: token()})
	if err == nil || !strings.Contains(err.Error(), "scheme and host only: https://vod.example") {
		t.Errorf("got %v", err)
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	got := newProvider(t, nil, token()).Capabilities()
	if diff := cmp.Diff(vendorapi.Capabilities{MaxInFlight: 4}, got); diff != "" {
		t.Error(diff)
	}
}

// The request as it is on the wire, for each way to authenticate.
func TestRequest(t *testing.T) {
	t.Parallel()
	const target = "/v1.0/" + project + "/asset/preheating?task_id=a%20b%2F%2B%C3%A9"
	for _, tt := range []struct {
		name  string
		auth  huaweicloud.Auth
		check func(*testing.T, http.Header)
	}{
		{"token", huaweicloud.Token(text("TOKEN")), func(t *testing.T, h http.Header) {
			t.Helper()
			if h.Get("X-Auth-Token") != "TOKEN" || h.Get("Authorization") != "" {
				t.Errorf("headers: %v", h)
			}
		}},
		{"AK/SK", huaweicloud.AKSK(text("AK"), text("SK"), nil), func(t *testing.T, h http.Header) {
			t.Helper()
			if h.Get("X-Sdk-Date") != "20261121T100000Z" || h.Get("X-Security-Token") != "" ||
				!strings.Contains(h.Get("Authorization"), "SignedHeaders=x-project-id;x-sdk-date,") {
				t.Errorf("headers: %v", h)
			}
		}},
		{"temporary key", huaweicloud.AKSK(text("AK"), text("SK"), text("ST")), func(t *testing.T, h http.Header) {
			t.Helper()
			if h.Get("X-Security-Token") != "ST" ||
				!strings.Contains(h.Get("Authorization"), "SignedHeaders=x-project-id;x-sdk-date;x-security-token,") {
				t.Errorf("headers: %v", h)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Pointer[http.Request]
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen.Store(r)
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, `{"preheating_results":[]}`)
			}))
			defer server.Close()
			client, err := vendorapi.NewClient(vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{}, UserAgent: "prefetch_exporter/1"})
			if err != nil {
				t.Fatal(err)
			}
			p, err := huaweicloud.New(huaweicloud.Options{
				Endpoint: server.URL, ProjectID: project, Client: client, Auth: tt.auth, Now: now,
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a b/+é", Page: 3}); err != nil {
				t.Fatal(err)
			}
			r := seen.Load()
			if r.Method != http.MethodGet || r.RequestURI != target {
				t.Errorf("%s %s, want GET %s", r.Method, r.RequestURI, target)
			}
			if r.Header.Get("X-Project-Id") != project || r.Header.Get("Content-Type") != "application/json" ||
				r.Header.Get("User-Agent") != "prefetch_exporter/1" {
				t.Errorf("headers: %v", r.Header)
			}
			tt.check(t, r.Header)
			if strings.HasPrefix(r.Header.Get("Authorization"), "SDK-") {
				if err := verify(r, nil, "AK", "SK"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestQuestionsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	failed := prefetch.Failed
	for name, q := range map[string]vendorapi.Query{
		"window":    {Kind: vendorapi.QueryWindow, From: now().Add(-time.Hour), To: now()},
		"count":     {Kind: vendorapi.QueryCount, TaskID: taskID},
		"nothing":   {},
		"no task":   {Kind: vendorapi.QueryTask},
		"by status": {Kind: vendorapi.QueryTask, TaskID: taskID, Status: &failed},
		"by time":   {Kind: vendorapi.QueryTask, TaskID: taskID, From: now()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, func(*http.Request) (*http.Response, error) {
				t.Error("a request was made")
				return nil, io.EOF
			}, token())
			_, err := p.Query(t.Context(), q)
			if e := wantError(t, err); e.Reason != prefetch.ReasonInvalid || !e.Unsent {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestCredentialsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]huaweicloud.Auth{
		"empty token":            huaweicloud.Token(text("")),
		"token of two lines":     huaweicloud.Token(text("first-half\nsecond-half")),
		"no access key":          huaweicloud.AKSK(text(""), text("SK"), nil),
		"no secret key":          huaweicloud.AKSK(text("AK"), text(""), nil),
		"security token, spaces": huaweicloud.AKSK(text("AK"), text("SK"), text("first-half second-half")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, func(*http.Request) (*http.Response, error) {
				t.Error("a request was made")
				return nil, io.EOF
			}, auth)
			_, err := p.Query(t.Context(), taskQuery())
			e := wantError(t, err)
			if e.Reason != prefetch.ReasonAuth || !e.Unsent || strings.Contains(e.Error(), "half") {
				t.Errorf("got %+v: %v", e, e)
			}
		})
	}
}

// An error of an Auth from elsewhere still is an *Error that cost no call.
func TestForeignAuth(t *testing.T) {
	t.Parallel()
	p := newProvider(t, nil, brokenAuth{})
	_, err := p.Query(t.Context(), taskQuery())
	if e := wantError(t, err); e.Reason != prefetch.ReasonUnavailable || !e.Unsent || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %+v", e)
	}
}

type brokenAuth struct{}

func (brokenAuth) Secrets() []string { return nil }

func (brokenAuth) Authorize(context.Context, *http.Request, []byte, time.Time) error {
	return io.ErrNoProgress
}
func (brokenAuth) Refused(*http.Request) {}

// Temporary keys are replaced between calls.
func TestKeysAreReadForEveryCall(t *testing.T) {
	t.Parallel()
	var call atomic.Int64
	nth := func(prefix string) func() string {
		return func() string { return prefix + string(rune('0'+call.Load())) }
	}
	p := newProvider(t, func(r *http.Request) (*http.Response, error) {
		n := string(rune('0' + call.Load()))
		if got := r.Header.Get("X-Security-Token"); got != "ST"+n {
			t.Errorf("call %s has %s", n, got)
		}
		if err := verify(r, nil, "AK"+n, "SK"+n); err != nil {
			t.Error(err)
		}
		return respond(http.StatusOK, `{}`), nil
	}, huaweicloud.AKSK(nth("AK"), nth("SK"), nth("ST")))
	for range 3 {
		call.Add(1)
		if _, err := p.Query(t.Context(), taskQuery()); err != nil {
			t.Fatal(err)
		}
	}
}
