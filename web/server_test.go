package web_test

import (
	"bufio"
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
// nothing of it, and one that reads two of them minutes apart.
func TestSlowReadersAreLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page := strings.Repeat("x", 1<<20)
		written := make(chan error, 1)
		server := web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, page)
			written <- err
		}), slog.New(slog.DiscardHandler))
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
			time.Sleep(5 * time.Minute)
		}
		if err := errors.Join(patient.Close(), slow.Close(), server.Close()); err != nil {
			t.Error(err)
		}
		if err := <-serving; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}
