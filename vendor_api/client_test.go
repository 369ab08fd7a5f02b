package vendorapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	promconfig "github.com/prometheus/common/config"
	"go.uber.org/goleak"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func now() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// body is a response body that counts what is done with it.
type body struct {
	io.Reader

	atEOF, closes atomic.Int64
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		b.atEOF.Add(1)
	}
	return n, err
}

func (b *body) Close() error {
	b.closes.Add(1)
	return nil
}

func newClient(t testing.TB, o vendorapi.ClientOptions) *vendorapi.Client {
	t.Helper()
	c, err := vendorapi.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, target string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func wantReason(t *testing.T, err error, reason prefetch.Reason) *vendorapi.Error {
	t.Helper()
	var e *vendorapi.Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Fatalf("got %v, want an *Error that is %s", err, reason)
	}
	return e
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 202, 299, 400, 403, 500, 503} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", now().Format(http.TimeFormat))
			w.Header().Set("X-Request-Id", "4c3")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, r.UserAgent())
		}))
		c := newClient(t, vendorapi.ClientOptions{UserAgent: "prefetch_exporter/1.2.3"})
		r, err := c.Do(t.Context(), get(t, server.URL))
		if err != nil {
			t.Fatalf("HTTP %d: %v", status, err)
		}
		if r.Status != status || string(r.Body) != "prefetch_exporter/1.2.3" || !r.Date.Equal(now()) ||
			r.Header.Get("X-Request-Id") != "4c3" {
			t.Errorf("got %+v", r)
		}
		server.Close()
	}
}

func TestRequestIsNotChanged(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	c := newClient(t, vendorapi.ClientOptions{UserAgent: "ours", RoundTripper: roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Date": {"once upon a time"}}, Body: http.NoBody}, nil
	})})
	req := get(t, "https://vod.example/")
	r, err := c.Do(t.Context(), req)
	if err != nil || sent.UserAgent() != "ours" || len(req.Header) != 0 || !r.Date.IsZero() {
		t.Errorf("%v: sent %v, header is now %v, answer %+v", err, sent.Header, req.Header, r)
	}
	req.Header.Set("User-Agent", "theirs")
	if _, err := c.Do(t.Context(), req); err != nil || sent.UserAgent() != "theirs" {
		t.Errorf("%v: a User-Agent of the request became %q", err, sent.UserAgent())
	}
	req.Header = nil
	if _, err := c.Do(t.Context(), req); err != nil || sent.UserAgent() != "ours" {
		t.Errorf("%v: without headers: %q", err, sent.UserAgent())
	}
}

// Only TLS and proxy settings are taken: anything else would be sent to the
// vendor beside its own authentication.
func TestOtherHTTPSettingsAreIgnored(t *testing.T) {
	t.Parallel()
	var header atomic.Pointer[http.Header]
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { header.Store(&r.Header) }))
	defer server.Close()
	c := newClient(t, vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{
		BasicAuth:       &promconfig.BasicAuth{Username: "u", Password: "p"},
		HTTPHeaders:     &promconfig.Headers{Headers: map[string]promconfig.Header{"X-Other": {Values: []string{"x"}}}},
		FollowRedirects: true,
		EnableHTTP2:     true,
	}})
	if _, err := c.Do(t.Context(), get(t, server.URL)); err != nil {
		t.Fatal(err)
	}
	if h := *header.Load(); h.Get("Authorization") != "" || h.Get("X-Other") != "" || h.Get("Accept-Encoding") != "" {
		t.Errorf("sent %v", h)
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	_, err := vendorapi.NewClient(vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{
		TLSConfig: promconfig.TLSConfig{CA: "not a certificate"},
	}})
	if err == nil || !strings.Contains(err.Error(), "HTTP client:") {
		t.Errorf("got %v", err)
	}
}

// A redirect is a second call, and would carry the credentials away.
func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	var thief atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { thief.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 304, 307, 308} {
		var calls atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.Header().Set("Location", other.URL+"/login")
			w.Header().Set("Date", now().Format(http.TimeFormat))
			w.WriteHeader(status)
		}))
		req := get(t, server.URL)
		req.Header.Set("X-Auth-Token", "secret")
		_, err := newClient(t, vendorapi.ClientOptions{}).Do(t.Context(), req)
		e := wantReason(t, err, prefetch.ReasonUnavailable)
		if e.HTTPStatus != status || !e.Date.Equal(now()) || !strings.Contains(e.Error(), "refused to follow a redirect to") {
			t.Errorf("HTTP %d: %v", status, e)
		}
		if calls.Load() != 1 || thief.Load() != 0 {
			t.Errorf("HTTP %d: %d calls, %d to elsewhere", status, calls.Load(), thief.Load())
		}
		server.Close()
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for size, fits := range map[int]bool{0: true, 99: true, 100: true, 101: false, 5000: false} {
		b := &body{Reader: strings.NewReader(strings.Repeat("x", size))}
		c := newClient(t, vendorapi.ClientOptions{MaxBody: 100, RoundTripper: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Date": {now().Format(http.TimeFormat)}}, Body: b}, nil
		})})
		r, err := c.Do(t.Context(), get(t, "https://vod.example/"))
		if b.closes.Load() != 1 {
			t.Errorf("%d bytes: closed %d times", size, b.closes.Load())
		}
		if fits {
			if err != nil || len(r.Body) != size || b.atEOF.Load() == 0 {
				t.Errorf("%d bytes: %v", size, err)
			}
			continue
		}
		e := wantReason(t, err, prefetch.ReasonDecode)
		if !strings.Contains(e.Error(), "limit of 100 bytes") || e.HTTPStatus != http.StatusOK || !e.Date.Equal(now()) {
			t.Errorf("%d bytes: %+v", size, e)
		}
	}
}

// The default limit, with a body that never ends.
func TestEndlessBody(t *testing.T) {
	t.Parallel()
	b := &body{Reader: endless{}}
	for _, limit := range []int64{0, -1} {
		c := newClient(t, vendorapi.ClientOptions{MaxBody: limit, RoundTripper: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: b}, nil
		})})
		_, err := c.Do(t.Context(), get(t, "https://vod.example/"))
		if e := wantReason(t, err, prefetch.ReasonDecode); !strings.Contains(e.Error(), "33554432 bytes") {
			t.Errorf("got %v", e)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Whatever comes back, its body is closed once, and read to its end unless it
// is over the limit.
func TestBodyIsAlwaysClosed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status  int
		content io.Reader
		drained bool
		want    prefetch.Reason
	}{
		"answer":   {200, strings.NewReader("x"), true, ""},
		"error":    {500, strings.NewReader("x"), true, ""},
		"redirect": {302, strings.NewReader("x"), true, prefetch.ReasonUnavailable},
		"too long": {200, bytes.NewReader(make([]byte, 2000)), false, prefetch.ReasonDecode},
		"broken":   {200, io.MultiReader(strings.NewReader("x"), failing{}), false, prefetch.ReasonUnavailable},
		"upgrade":  {101, endless{}, false, prefetch.ReasonUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &body{Reader: tt.content}
			c := newClient(t, vendorapi.ClientOptions{MaxBody: 1000, RoundTripper: roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: tt.status, Body: b}, nil
			})})
			r, err := c.Do(t.Context(), get(t, "https://vod.example/"))
			if tt.want != "" {
				if e := wantReason(t, err, tt.want); e.HTTPStatus != tt.status || r == nil || r.Status != tt.status || r.Body != nil {
					t.Errorf("got %+v and %+v", e, r)
				}
			} else if err != nil {
				t.Error(err)
			}
			if b.closes.Load() != 1 || tt.drained && b.atEOF.Load() == 0 {
				t.Errorf("closed %d times, end seen %d times", b.closes.Load(), b.atEOF.Load())
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The limit covers the whole call, from dialling to the last byte.
func TestTimeout(t *testing.T) {
	t.Parallel()
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	slowBody := func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(slow{r.Context()})}, nil
	}
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		// deadline is the caller's own; 0 is none.
		deadline time.Duration
		vendor   roundTrip
		took     time.Duration
		text     string
		status   int
	}{
		{"no answer", 0, 0, hang, 30 * time.Second, "vod.example: no whole answer within 30s: context deadline exceeded", 0},
		{"no answer, negative limit", -1, 0, hang, 30 * time.Second, "no whole answer within 30s", 0},
		{"shorter", 5 * time.Second, 0, hang, 5 * time.Second, "no whole answer within 5s", 0},
		{"a byte a second", 0, 0, slowBody, 30 * time.Second, "no whole answer within 30s: reading the answer:", 200},
		{"the caller's deadline", 0, 7 * time.Second, hang, 7 * time.Second, "vod.example: context deadline exceeded", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, vendorapi.ClientOptions{Timeout: tt.timeout, RoundTripper: tt.vendor})
				ctx := t.Context()
				if tt.deadline != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				start := time.Now()
				_, err := c.Do(ctx, get(t, "https://vod.example/"))
				e := wantReason(t, err, prefetch.ReasonTimeout)
				if !strings.Contains(e.Error(), tt.text) || e.HTTPStatus != tt.status || e.Unsent {
					t.Errorf("got %+v: %v", e, e)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// slow sends a byte a second for as long as the context lives.
type slow struct {
	ctx context.Context
}

func (s slow) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = 'x'
		return 1, nil
	case <-s.ctx.Done():
		return 0, context.Cause(s.ctx)
	}
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := newClient(t, vendorapi.ClientOptions{RoundTripper: roundTrip(func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		})})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := c.Do(ctx, get(t, "https://vod.example/"))
		if e := wantReason(t, err, prefetch.ReasonUnavailable); e.Unsent || !errors.Is(err, context.Canceled) {
			t.Errorf("got %+v", e)
		}
		// A call that was given up before it began costs nothing.
		_, err = c.Do(ctx, get(t, "https://vod.example/"))
		if e := wantReason(t, err, prefetch.ReasonUnavailable); !e.Unsent || !errors.Is(err, context.Canceled) {
			t.Errorf("got %+v", e)
		}
		if calls.Load() != 1 {
			t.Errorf("%d calls", calls.Load())
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := func(d time.Duration) string { return now().Add(d).Format(http.TimeFormat) }
	c := newClient(t, vendorapi.ClientOptions{Now: func() time.Time { return now().Add(-30 * time.Minute) }})
	for _, tt := range []struct {
		value string
		// vendor is the Date header; zero is none.
		vendor time.Time
		want   time.Duration
	}{
		{"", now(), 0},
		{"0", now(), 0},
		{"120", now(), 2 * time.Minute},
		{" 120 ", now(), 2 * time.Minute},
		{"-5", now(), 0},
		{"3599", now(), time.Hour - time.Second},
		{"3600", now(), time.Hour},
		{"3601", now(), time.Hour},
		{"86401", now(), time.Hour},
		{"9223372036854775807", now(), time.Hour},
		{"99999999999999999999999", now(), time.Hour},
		{"-99999999999999999999999", now(), 0},
		{"1.5", now(), 0},
		{"soon", now(), 0},
		{date(90 * time.Second), now(), 90 * time.Second},
		{date(-90 * time.Second), now(), 0},
		{date(240 * time.Hour), now(), time.Hour},
		{"Sun, 06 Nov 9999 08:49:37 GMT", now(), time.Hour},
		// Without the vendor's clock, ours: it is half an hour behind.
		{date(90 * time.Second), time.Time{}, 30*time.Minute + 90*time.Second},
		{date(45 * time.Minute), time.Time{}, time.Hour},
	} {
		r := &vendorapi.Response{Header: http.Header{"Retry-After": {tt.value}}, Date: tt.vendor}
		if got := c.RetryAfter(r); got != tt.want {
			t.Errorf("%q is %v, want %v", tt.value, got, tt.want)
		}
	}
}

// Any Retry-After is a wait between none and an hour.
func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"", "7", "-7", "1e9", now().Format(http.TimeFormat), strconv.Itoa(1 << 62)} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c := newClient(t, vendorapi.ClientOptions{Now: now})
		for _, date := range []time.Time{{}, now()} {
			d := c.RetryAfter(&vendorapi.Response{Header: http.Header{"Retry-After": {value}}, Date: date})
			if d < 0 || d > time.Hour {
				t.Fatalf("%q is %v", value, d)
			}
			if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16); err == nil && d != time.Duration(min(n, 3600))*time.Second {
				t.Fatalf("%q is %v", value, d)
			}
		}
	})
}

// Many calls at once share nothing that a race could break.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	defer server.Close()
	c := newClient(t, vendorapi.ClientOptions{UserAgent: "x"})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			path := fmt.Sprintf("/%d", i)
			r, err := c.Do(t.Context(), get(t, server.URL+path))
			if err != nil || string(r.Body) != path {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
	wg.Wait()
}

// TestThrough: what looks at requests sees each once, as it is sent.
func TestThrough(t *testing.T) {
	t.Parallel()
	calls, seen := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer server.Close()
	c := newClient(t, vendorapi.ClientOptions{UserAgent: "seen", Through: func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Header.Get("User-Agent") == "seen" {
				seen++
			}
			return next.RoundTrip(req)
		})
	}})
	if _, err := c.Do(t.Context(), get(t, server.URL)); err != nil || calls != 1 || seen != 1 {
		t.Errorf("%v: %d calls, %d seen", err, calls, seen)
	}
}
