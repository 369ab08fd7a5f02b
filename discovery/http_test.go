package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/discovery"
)

func TestHTTPSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, response(http.StatusOK, list("a/1")))
		if h, there := p.reports.source(tasksAs); !there || h.up || !h.success.IsZero() {
			t.Errorf("before the first answer: %+v, %v", h, there)
		}
		if p.Complete() || p.Known("http") || !p.Known("file") {
			t.Error("what is known before the first answer is wrong")
		}
		run(t, p.manager)
		synctest.Wait()
		wantIDs(t, p.manager, "a/1 http")
		if !p.Complete() || !p.Known("http") {
			t.Error("not known after the first answer")
		}
		if diff := cmp.Diff([]string{tasksAs}, p.reports.names()); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}
		if h, _ := p.reports.source(tasksAs); !h.up || !h.success.Equal(time.Now()) {
			t.Errorf("after the first answer: %+v", h)
		}
		req := p.server.last()
		got := map[string]string{"method": req.Method, "url": req.URL.String(), "agent": req.UserAgent(),
			"interval": req.Header.Get("X-Prometheus-Refresh-Interval-Seconds"), "match": req.Header.Get("If-None-Match")}
		want := map[string]string{"method": "GET", "url": tasksURL, "agent": "prefetch_exporter/test", "interval": "60", "match": ""}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}

		p.server.set(response(http.StatusOK, list("a/2")))
		pass(1)
		wantIDs(t, p.manager, "a/2 http")
		p.server.set(response(http.StatusOK, "[]"))
		pass(1)
		wantIDs(t, p.manager)
		if p.server.asked() != 3 || p.server.unclosed() != 0 {
			t.Errorf("%d requests, %d bodies open", p.server.asked(), p.server.unclosed())
		}
	})
}

func TestHTTPSourceFails(t *testing.T) {
	t.Parallel()
	tooLarge := func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(zeros{})}, nil
	}
	silent := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	port := 40000
	reset := func(*http.Request) (*http.Response, error) {
		port++
		return nil, &net.OpError{
			Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port},
			Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 443}, Err: errors.New("connection reset by peer"),
		}
	}
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		want   string
	}{
		"no connection":     {failure(errors.New("connection refused")), "connection refused"},
		"reset":             {reset, "read tcp 10.0.0.2:443: connection reset by peer"},
		"nested":            {failure(fmt.Errorf("token: %w", &url.Error{Op: "Post", URL: "https://idp/?secret", Err: errors.New("refused")})), "refused"},
		"no answer":         {silent, "context deadline exceeded"},
		"server error":      {response(http.StatusServiceUnavailable, "later"), "the server answered 503 Service Unavailable"},
		"redirect":          {response(http.StatusMultipleChoices, "[]"), "the server answered 300 Multiple Choices"},
		"nothing to modify": {response(http.StatusNotModified, ""), "the server answered 304 Not Modified"},
		"no content":        {response(http.StatusNoContent, ""), "is empty; an empty list is written []"},
		"login page":        {response(http.StatusOK, "<html>"), `line 1: a list of tasks or target groups is expected, found \"<html>\"`},
		"too large":         {tooLarge, "is larger than the limit of 33554432 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				// Failing from the start: asked, but not known.
				p := poll(t, c.answer)
				run(t, p.manager)
				pass(0)
				<-time.After(31 * time.Second)
				synctest.Wait()
				if h, _ := p.reports.source(tasksAs); h.up || !h.success.IsZero() || !p.Complete() || p.Known("http") {
					t.Errorf("reported %+v, complete %v, known %v", h, p.Complete(), p.Known("http"))
				}
				p.server.set(response(http.StatusOK, list("a/1")))
				pass(2)
				wantIDs(t, p.manager, "a/1 http")
				good, _ := p.reports.source(tasksAs)

				// Failing later: what was read stays, and its time.
				p.server.set(c.answer)
				pass(5)
				wantIDs(t, p.manager, "a/1 http")
				if h, _ := p.reports.source(tasksAs); h.up || h.success.Before(good.success) || time.Since(h.success) < 3*time.Minute {
					t.Errorf("reported %+v after %+v at %v", h, good, time.Now())
				}
				if !p.Known("http") {
					t.Error("what was read is not known any more")
				}
				p.server.set(response(http.StatusOK, list("a/1")))
				pass(2)
				if !p.reports.up(tasksAs) || p.server.unclosed() != 0 {
					t.Errorf("up is %v, %d bodies open", p.reports.up(tasksAs), p.server.unclosed())
				}
				if got := p.logs.count(tasksAs + ": " + c.want); got != 2 {
					t.Errorf("%d lines with %q:\n%s", got, c.want, p.logs)
				}
				if p.logs.count("level=WARN") != 2 || p.logs.count("can be read again") != 2 {
					t.Errorf("not one line for each change:\n%s", p.logs)
				}
				for _, hidden := range []string{"user", "pass", "hidden", "secret"} {
					if p.logs.count(hidden) > 0 {
						t.Errorf("%q is in the log:\n%s", hidden, p.logs)
					}
				}
			})
		})
	}
}

// zeros is a body without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestHTTPNotModified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const modified = "Sat, 21 Nov 2026 08:00:00 GMT"
		p := poll(t, response(http.StatusOK, list("a/1"), "ETag", `"v1"`, "Last-Modified", modified))
		run(t, p.manager)
		synctest.Wait()
		p.server.set(response(http.StatusNotModified, ""))
		pass(1)
		wantIDs(t, p.manager, "a/1 http")
		got := [2]string{p.server.last().Header.Get("If-None-Match"), p.server.last().Header.Get("If-Modified-Since")}
		if got != [2]string{`"v1"`, modified} {
			t.Errorf("asked with %q", got)
		}
		if h, _ := p.reports.source(tasksAs); !h.up || !h.success.Equal(time.Now()) {
			t.Errorf("not modified is no success: %+v at %v", h, time.Now())
		}
		drain(p.manager)

		// A failure between does not cost the content.
		p.server.set(response(http.StatusBadGateway, ""))
		pass(1)
		p.server.set(response(http.StatusNotModified, ""))
		pass(1)
		wantIDs(t, p.manager, "a/1 http")
		if !p.reports.up(tasksAs) {
			t.Error("down after an answer")
		}

		// A broken document is no version to compare with.
		p.server.set(response(http.StatusOK, "{", "ETag", `"v2"`))
		pass(1)
		p.server.set(response(http.StatusNotModified, ""))
		pass(1)
		if tag := p.server.last().Header.Get("If-None-Match"); tag != "" || p.reports.up(tasksAs) {
			t.Errorf("asked with %q after a broken document, up is %v", tag, p.reports.up(tasksAs))
		}
		wantIDs(t, p.manager, "a/1 http")
	})
}

func drain(m *manager) {
	select {
	case <-m.Changes():
	default:
	}
}

func TestHTTPSameContentIsNoChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, response(http.StatusOK, list("a/1")))
		run(t, p.manager)
		synctest.Wait()
		drain(p.manager)
		pass(3)
		select {
		case <-p.Changes():
			t.Error("the same content was called a change")
		default:
		}
		p.server.set(response(http.StatusOK, list("a/2")))
		pass(1)
		select {
		case <-p.Changes():
		default:
			t.Error("other content was not called a change")
		}
	})
}

func TestHTTPIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: response(http.StatusOK, "[]")}
		source := s.source(tasksURL)
		source.RefreshInterval = 10 * time.Second
		random := 0.0
		m := newManager(t, options{HTTP: []discovery.HTTPSource{source}, Random: func() float64 {
			random += 0.25
			return random
		}})
		m.Set(nil, nil)
		start := time.Now()
		stop := run(t, m)
		<-time.After(34 * time.Second)
		stop()
		var got []time.Duration
		for _, at := range s.times {
			got = append(got, at.Sub(start))
		}
		want := []time.Duration{0, 10250 * time.Millisecond, 20750 * time.Millisecond, 31500 * time.Millisecond}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("asked at (-want +got):\n%s", diff)
		}
		if got := s.last().Header.Get("X-Prometheus-Refresh-Interval-Seconds"); got != "10" {
			t.Errorf("the interval told is %q", got)
		}
	})
}

// The time to answer is the interval, but not longer than half a minute.
func TestHTTPTimeout(t *testing.T) {
	t.Parallel()
	for interval, want := range map[time.Duration]time.Duration{5 * time.Second: 5 * time.Second, time.Hour: 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var took time.Duration
			s := &server{answer: func(req *http.Request) (*http.Response, error) {
				began := time.Now()
				<-req.Context().Done()
				took = time.Since(began)
				return nil, context.Cause(req.Context())
			}}
			source := s.source(tasksURL)
			source.RefreshInterval = interval
			m := newManager(t, options{HTTP: []discovery.HTTPSource{source}})
			m.Set(nil, nil)
			run(t, m)
			<-time.After(want + time.Second)
			synctest.Wait()
			if took != want {
				t.Errorf("with an interval of %v the request ended after %v, want %v", interval, took, want)
			}
		})
	}
}

func TestHTTPSourceWithoutAClient(t *testing.T) {
	t.Parallel()
	bad := []discovery.HTTPSource{{URL: "https://h/tasks", ClientConfig: promconfig.HTTPClientConfig{
		TLSConfig: promconfig.TLSConfig{CAFile: "/does/not/exist"},
	}}}
	const want = "task discovery: HTTP source https://h/tasks: unable to read CA cert: " +
		"unable to read file /does/not/exist: open /does/not/exist: no such file or directory"
	if err := newManager(t, options{}).Reload(discovery.Update{HTTP: bad}); err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// The client that the configuration makes, over a real connection.
func TestHTTPClientConfig(t *testing.T) {
	t.Parallel()
	var authorization, agent string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		authorization, agent = req.Header.Get("Authorization"), req.UserAgent()
		if _, err := io.WriteString(w, list("a/1")); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	m := newManager(t, options{UserAgent: "test/1", HTTP: []discovery.HTTPSource{{
		URL:          s.URL,
		ClientConfig: promconfig.HTTPClientConfig{Authorization: &promconfig.Authorization{Type: "Bearer", Credentials: "token"}},
	}}})
	m.Set(nil, []string{"a"})
	stop := run(t, m)
	awaitIDs(t, m, "a/1 http")
	stop()
	if authorization != "Bearer token" || agent != "test/1" {
		t.Errorf("asked by %q with %q", agent, authorization)
	}
}
