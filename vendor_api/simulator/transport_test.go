package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/vendor_api/simulator"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// What a handler sees and what a client gets are the same in process as over a
// real connection.
func TestTransportLikeTheWire(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusOK)                // too late
		w.Header().Set("X-Late", "as much as this") // too late
		r.Header.Del("Accept-Encoding")             // differs
		r.Header.Del("Content-Length")              // a real server moves it to ContentLength
		seen := fmt.Sprintf("%s %s %s %s %q %v %d", r.Method, r.Host, r.RequestURI, r.URL, body, err, r.ContentLength)
		if err := json.NewEncoder(w).Encode([]any{seen, r.Header, r.TLS}); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.Start()
	defer server.Close()
	for _, test := range []struct{ method, path, body, host, agent string }{
		{http.MethodGet, "", "", "", ""},
		{http.MethodGet, "/a%20b/c?x=%C3%A9&y", "", "", "agent"},
		{http.MethodPost, "/?", `{"a":1}`, "vendor.example", ""},
	} {
		request := func() *http.Request {
			req := simulatortest.NewRequest(t, test.method+" "+server.URL+test.path, test.body, map[string]string{"X-A": "b"})
			req.Host = test.host
			if test.agent != "" {
				req.Header.Set("User-Agent", test.agent)
			}
			return req
		}
		var got [2]simulatortest.Answer
		for i, rt := range []http.RoundTripper{server.Client().Transport, simulator.Transport(handler)} {
			resp, err := rt.RoundTrip(request())
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.Body.Close() != nil || resp.Request == nil || resp.ContentLength != int64(len(body)) {
				t.Errorf("response %+v: %v", resp, err)
			}
			got[i] = simulatortest.Answer{Status: resp.StatusCode, Header: resp.Header, Body: resp.Status + string(body)}
		}
		if diff := cmp.Diff(got[0], got[1], cmp.AllowUnexported(simulatortest.Answer{})); diff != "" {
			t.Errorf("%s (-wire +process):\n%s", test.path, diff)
		}
	}
}

// A silent handler has answered, too.
func TestTransportDefaults(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if got := simulatortest.Send(t, handler, &http.Request{URL: simulatortest.NewRequest(t, "GET http://a", "", nil).URL}); got.Status != http.StatusOK || got.Body != "" {
		t.Errorf("got %+v", got)
	}
}

func TestTransportRefusesRequests(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	broken := simulatortest.NewRequest(t, "POST http://a", "", nil)
	broken.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), failingReader{}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, req := range map[string]*http.Request{
		"no URL":        {},
		"no host":       simulatortest.NewRequest(t, "GET /path", "", nil),
		"body":          broken,
		"ended context": simulatortest.NewRequest(t, "GET http://a", "", nil).WithContext(ended),
	} {
		resp, err := simulator.Transport(handler).RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: no error", name)
		}
		if name == "body" && !errors.Is(err, errBroken) || name == "ended context" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errBroken = errors.New("broken")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBroken }

// A caller whose context ends is not kept by a handler that goes on, and the
// handler learns of it.
func TestTransportContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var handlerSaw error
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			handlerSaw = r.Context().Err()
			<-time.After(time.Hour)
		})
		start := time.Now()
		client := &http.Client{Transport: simulator.Transport(handler), Timeout: 30 * time.Second}
		resp, err := client.Do(simulatortest.NewRequest(t, "GET http://a", "", nil))
		if err == nil {
			_ = resp.Body.Close()
		}
		var timeout interface{ Timeout() bool }
		if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(start) != 30*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		synctest.Wait()
		if !errors.Is(handlerSaw, context.Canceled) {
			t.Errorf("handler saw %v", handlerSaw)
		}
		<-time.After(time.Hour) // a bubble must not end before its goroutines
	})
}
