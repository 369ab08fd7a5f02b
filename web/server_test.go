package web_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/web"
)

// pipes is a listener whose connections are in memory, so that their deadlines
// are those of the bubble's clock.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (*pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.accept <- server
	return client
}

// TestSlowReadersAreLetGo has a client that asks for a large page and reads
// nothing of it, and one that reads two of them with more than a minute between.
func TestSlowReadersAreLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page := strings.Repeat("x", 1<<20)
		written := make(chan error, 1)
		server := web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, page)
			written <- err
		}), 0, slog.New(slog.DiscardHandler))
		listener := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		serving := make(chan error, 1)
		go func() { serving <- server.Serve(listener) }()

		slow := listener.dial()
		asked := time.Now()
		ask := func(c net.Conn) {
			t.Helper()
			if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		ask(slow)
		if err := <-written; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the page was written to who reads nothing: %v", err)
		}
		if held := time.Since(asked); held != time.Minute {
			t.Errorf("the slow reader was held for %v, want a minute", held)
		}
		if _, err := io.Copy(io.Discard, slow); err != nil {
			t.Errorf("its connection is not closed: %v", err)
		}

		patient := listener.dial()
		reader := bufio.NewReader(patient)
		for range 2 {
			ask(patient)
			resp, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err := errors.Join(err, resp.Body.Close(), <-written); err != nil || string(body) != page {
				t.Errorf("%d of %d bytes: %v", len(body), len(page), err)
			}
			time.Sleep(80 * time.Second)
		}
		if err := errors.Join(patient.Close(), slow.Close(), server.Close()); err != nil {
			t.Error(err)
		}
		if err := <-serving; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// TestIdleClientsAreLetGo has clients that say nothing, in each way, and wants
// their connections closed.
func TestIdleClientsAreLetGo(t *testing.T) {
	t.Parallel()
	const get = "GET / HTTP/1.1\r\nHost: x\r\n"
	for name, test := range map[string]struct {
		says string
		held time.Duration
	}{
		"nothing":               {"", 10 * time.Second},
		"half a request":        {get, 10 * time.Second},
		"a body that stays out": {get + "Content-Length: 100000\r\n\r\n", time.Minute},
		"half a body":           {get + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 1000), time.Minute},
		"chunks without end":    {get + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", time.Minute},
		"one request":           {get + "\r\n", 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := web.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 0, slog.New(slog.DiscardHandler))
				listener := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
				serving := make(chan error, 1)
				go func() { serving <- server.Serve(listener) }()
				client := listener.dial()
				began := time.Now()
				go func() { _, _ = io.WriteString(client, test.says) }()
				if _, err := io.Copy(io.Discard, client); err != nil {
					t.Error(err)
				}
				if held := time.Since(began); held > test.held+time.Second || held < test.held {
					t.Errorf("held for %v, want %v", held, test.held)
				}
				if err := errors.Join(client.Close(), server.Close()); err != nil {
					t.Error(err)
				}
				if err := <-serving; !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// TestTroubleWithClientsIsHeldBack: each of a thousand connections that are no HTTP
// could be a line of the log.
func TestTroubleWithClientsIsHeldBack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	server := web.NewServer(http.NotFoundHandler(), 0, slog.New(slog.NewTextHandler(&log, nil)))
	for i := range 1000 {
		server.ErrorLog.Printf("http: TLS handshake error %d: %s\n%s", i, strings.Repeat("x", 1000), strings.Repeat("y", 1000))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 10 || len(lines[0]) > 500 || strings.Contains(lines[0], `\n`) {
		t.Errorf("%d lines, the first is %s", len(lines), lines[0])
	}
}
