package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOneClientLeavesRoomForScrapes has one client open many times the connections
// that are allowed, which do nothing in each of several ways, and scrapes from
// another address and from the same one.
func TestOneClientLeavesRoomForScrapes(t *testing.T) {
	t.Parallel()
	const most, opened = 20, 150
	request := func(method, headers string) string {
		return method + " HTTP/1.1\r\nHost: x\r\n" + headers
	}
	for name, says := range map[string]string{
		"nothing":                  "",
		"half a request":           request("GET /metrics", "X-Slow: "),
		"kept alive":               request("GET /-/healthy", "\r\n"),
		"a body that nobody wants": request("GET /metrics", "Content-Length: 100000\r\n\r\n"),
		"a body that is read":      request("PUT /api/v1/tasks/vod/slow", "Content-Length: 100000\r\n\r\n{"),
		"a page that is not read":  strings.Repeat(request("GET /metrics", "\r\n"), 200),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, config := huaweiVendor(t)
			p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(),
				"--web.enable-task-api", fmt.Sprintf("--web.max-connections=%d", most))
			held := crowd(t, p.url, says, opened)
			for _, from := range []string{"127.0.0.2", "127.0.0.1"} {
				for range 5 {
					if status, err := scrapeFrom(t, from, p.url); err != nil || status != http.StatusOK {
						t.Errorf("a scrape from %s: %d, %v", from, status, err)
					}
				}
			}
			open := func() int { return stillOpen(held) }
			p.eventually("the rest is closed", func() bool { return open() <= most })
			if n := strings.Count(p.stderr.String(), "too many connections are open"); n == 0 || n > 10 {
				t.Errorf("%d lines tell of it, want one to ten", n)
			}
		})
	}
}

// TestManyClientsShareTheConnections has as many clients as connections, each with
// one: whoever comes has room, and who has several gives way first.
func TestManyClientsShareTheConnections(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(), "--web.max-connections=10")
	quiet := make([]net.Conn, 0, 8)
	for i := range 8 {
		quiet = append(quiet, dialFrom(t, fmt.Sprintf("127.0.1.%d", i+1), p.url))
		converse(t, quiet[i])
	}
	crowd(t, p.url, "", 50)
	if status, err := scrapeFrom(t, "127.0.0.2", p.url); err != nil || status != http.StatusOK {
		t.Errorf("a scrape: %d, %v", status, err)
	}
	for _, conn := range quiet {
		converse(t, conn) // of those with one connection nobody lost it
	}
}

// TestConnectionsWithTLS is the same below TLS, with a shake of hands that does not
// come.
func TestConnectionsWithTLS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificate(t, folder)
	web := writeFile(t, filepath.Join(folder, "web.yml"), "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
	_, config := huaweiVendor(t)
	p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(),
		"--web.max-connections=10", "--web.config.file="+web)
	crowd(t, p.url, "\x16\x03\x01", 60)
	if status, err := scrapeFrom(t, "127.0.0.1", strings.Replace(p.url, "http:", "https:", 1)); err != nil || status != http.StatusOK {
		t.Errorf("a scrape: %d, %v", status, err)
	}
}

func dialFrom(t *testing.T, from, address string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// crowd opens so many connections, on each of which the client says the same.
func crowd(t *testing.T, address, says string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = dialFrom(t, "127.0.0.1", address)
		// What is not read is not taken for ever either.
		_ = conns[i].SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = io.WriteString(conns[i], says)
	}
	return conns
}

// converse asks and reads an answer on a connection that is kept.
func converse(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "HEAD /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatalf("from %v: %v", conn.LocalAddr(), err)
	}
	answer := make([]byte, 4096)
	if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200") {
		t.Fatalf("from %v: %q, %v", conn.LocalAddr(), answer[:n], err)
	}
}

// stillOpen counts the connections that the other side did not close.
func stillOpen(conns []net.Conn) (n int) {
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		var err error
		for err == nil {
			_, err = conn.Read(make([]byte, 64<<10))
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

// scrapeFrom scrapes on a connection of its own.
func scrapeFrom(t *testing.T, from, address string) (status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
