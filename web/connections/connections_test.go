package connections_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/internal/loglimit"
	"prefetch_exporter/web/connections"
)

// conn is a connection of a client, which is the first letter of its name.
type conn struct {
	net.Conn

	name   string
	closed *[]string
}

func (c *conn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, c.name[0]), Port: int(c.name[1])}
}

func (c *conn) Close() error {
	*c.closed = append(*c.closed, c.name)
	return nil
}

// clients does to a server what its clients cause.
type clients struct {
	server  *http.Server
	closed  []string
	conns   map[string]net.Conn
	ctx     map[string]context.Context
	entered chan struct{}
	leave   map[string]chan struct{}
	left    map[string]chan struct{}
}

func (c *clients) do(t *testing.T, what, name string) {
	t.Helper()
	switch what {
	case "opens", "opens-TLS":
		c.conns[name] = &conn{name: name, closed: &c.closed}
		if what == "opens-TLS" {
			c.conns[name] = tls.Server(c.conns[name], &tls.Config{MinVersion: tls.VersionTLS13})
		}
		c.ctx[name] = c.server.ConnContext(t.Context(), c.conns[name]) //nolint:fatcontext // each has its own
	case "asks":
		leave, left := make(chan struct{}), make(chan struct{})
		c.leave[name], c.left[name] = leave, left
		r := httptest.NewRequestWithContext(context.WithValue(c.ctx[name], leaveKey{}, leave), http.MethodGet, "/", http.NoBody)
		go func() {
			c.server.Handler.ServeHTTP(httptest.NewRecorder(), r)
			close(left)
		}()
		<-c.entered
	case "is-answered":
		close(c.leave[name])
		<-c.left[name]
	case "closes":
		c.server.ConnState(c.conns[name], http.StateClosed)
	case "hijacks":
		c.server.ConnState(c.conns[name], http.StateHijacked)
	case "idles":
		c.server.ConnState(c.conns[name], http.StateIdle)
	default:
		t.Fatalf("nobody %s", what)
	}
}

type leaveKey struct{}

// TestLimit has two connections at most, and tells which one goes.
func TestLimit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		happens string
		closed  []string
	}{
		"room for all":               {"a1 opens, b1 opens, a1 idles", nil},
		"the oldest":                 {"a1 opens, b1 opens, c1 opens", []string{"a1"}},
		"of who has most":            {"b1 opens, a1 opens, a2 opens", []string{"a1"}},
		"not the new one":            {"a1 opens, a1 asks, a2 opens, a2 asks, a3 opens", []string{"a1"}},
		"one that waits first":       {"a1 opens, a1 asks, a2 opens, b1 opens", []string{"a2"}},
		"who began to wait first":    {"a1 opens, a2 opens, a1 asks, a1 is-answered, b1 opens", []string{"a2"}},
		"who is served longest":      {"a1 opens, a2 opens, a2 asks, a1 asks, b1 opens", []string{"a2"}},
		"not what was closed":        {"a1 opens, a2 opens, a1 closes, b1 opens", nil},
		"not what is no more served": {"a1 opens, a2 opens, a1 hijacks, b1 opens", nil},
		"TLS without a good-bye":     {"a1 opens-TLS, a2 opens-TLS, b1 opens", []string{"a1"}},
		"one after the other":        {"a1 opens, a2 opens, b1 opens, b2 opens, c1 opens", []string{"a1", "b1", "a2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &clients{
				conns: map[string]net.Conn{}, ctx: map[string]context.Context{}, entered: make(chan struct{}),
				leave: map[string]chan struct{}{}, left: map[string]chan struct{}{},
			}
			c.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				c.entered <- struct{}{}
				if leave, ok := r.Context().Value(leaveKey{}).(chan struct{}); ok {
					<-leave
				}
			})}
			var log bytes.Buffer
			connections.Limit(c.server, 2, loglimit.New(slog.New(slog.NewTextHandler(&log, nil)), time.Now, 100))
			for step := range strings.SplitSeq(tt.happens, ", ") {
				who, what, _ := strings.Cut(step, " ")
				c.do(t, what, who)
			}
			if !slices.Equal(c.closed, tt.closed) {
				t.Errorf("closed %q, want %q", c.closed, tt.closed)
			}
			if n := strings.Count(log.String(), "limit=2 client=192.0.2."); n != len(tt.closed) {
				t.Errorf("%d lines are logged, want %d:\n%s", n, len(tt.closed), log.String())
			}
			for name, leave := range c.leave {
				select {
				case <-c.left[name]:
				default:
					close(leave)
					<-c.left[name]
				}
			}
		})
	}
}

// TestRequestsWithoutAConnection are served: a handler may be used without a server.
func TestRequestsWithoutAConnection(t *testing.T) {
	t.Parallel()
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	})}
	connections.Limit(server, 1, loglimit.New(slog.New(slog.DiscardHandler), time.Now, 1))
	w := httptest.NewRecorder()
	server.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusTeapot {
		t.Errorf("status %d", w.Code)
	}
}

func TestDefaultLimit(t *testing.T) {
	t.Parallel()
	if n := connections.DefaultLimit(); n < 1 || n > 512 {
		t.Errorf("%d connections", n)
	}
}
