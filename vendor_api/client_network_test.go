package vendorapi_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		// settings for a server whose certificate, for example.com and
		// 127.0.0.1, is ca or in caFile.
		settings func(ca, caFile string) promconfig.TLSConfig
		want     string
	}{
		{
			"unknown authority", func(string, string) promconfig.TLSConfig { return promconfig.TLSConfig{} },
			"certificate signed by unknown authority",
		},
		{"custom authority", func(ca, _ string) promconfig.TLSConfig { return promconfig.TLSConfig{CA: ca} }, ""},
		{"custom authority in a file", func(_, file string) promconfig.TLSConfig { return promconfig.TLSConfig{CAFile: file} }, ""},
		{"other name", func(ca, _ string) promconfig.TLSConfig {
			return promconfig.TLSConfig{CA: ca, ServerName: "example.com"}
		}, ""},
		{"wrong name", func(ca, _ string) promconfig.TLSConfig {
			return promconfig.TLSConfig{CA: ca, ServerName: "other.test"}
		}, "not other.test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if r.ProtoMajor != 1 {
					t.Errorf("spoke %s", r.Proto)
				}
			}))
			server.EnableHTTP2 = true
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.StartTLS()
			defer server.Close()
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
			caFile := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(caFile, ca, 0o600); err != nil {
				t.Fatal(err)
			}
			c := newClient(t, vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{
				TLSConfig: tt.settings(string(ca), caFile), EnableHTTP2: true,
			}})
			_, err := c.Do(t.Context(), get(t, server.URL))
			if tt.want == "" {
				if err != nil || calls.Load() != 1 {
					t.Errorf("%v, %d calls", err, calls.Load())
				}
				return
			}
			e := wantReason(t, err, prefetch.ReasonUnavailable)
			if !strings.Contains(e.Error(), tt.want) || calls.Load() != 0 {
				t.Errorf("got %v after %d calls", e, calls.Load())
			}
		})
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen.Store(r.RequestURI) }))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{
		ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{URL: u}},
	}})
	if _, err := c.Do(t.Context(), get(t, "http://vod.example/x")); err != nil || seen.Load() != "http://vod.example/x" {
		t.Errorf("%v: the proxy saw %v", err, seen.Load())
	}
}

// rawServer answers every request with the bytes that answer returns, without
// any knowledge of HTTP beyond where a request ends, and counts requests. It
// closes the connection without an answer where there are no bytes.
func rawServer(t *testing.T, answer func(n int64) string) (target string, requests *atomic.Int64) {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int64)
	var wg sync.WaitGroup
	ended := t.Context()
	serve := func(conn net.Conn) {
		// A client that keeps its connection must not keep the test.
		stop := context.AfterFunc(ended, func() { conn.Close() })
		defer stop()
		defer conn.Close()
		r := bufio.NewReader(conn)
		for {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			reply := answer(requests.Add(1))
			if reply == "" {
				return
			}
			if _, err := io.WriteString(conn, reply); err != nil || strings.Contains(reply, "Connection: close") {
				return
			}
		}
	}
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return "http://" + listener.Addr().String(), requests
}

// Each Do is one request on the wire, even where net/http would repeat it by
// itself: a server that keeps connections and breaks every second one.
func TestExactlyOneRequest(t *testing.T) {
	t.Parallel()
	target, requests := rawServer(t, func(n int64) string {
		if n%2 == 0 {
			return "" // closed without an answer
		}
		return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
	})
	c := newClient(t, vendorapi.ClientOptions{})
	for n := int64(1); n <= 10; n++ {
		_, err := c.Do(t.Context(), get(t, target))
		if n%2 == 0 {
			_ = wantReason(t, err, prefetch.ReasonUnavailable)
		} else if err != nil {
			t.Error(err)
		}
		if got := requests.Load(); got != n {
			t.Fatalf("%d requests on the wire after %d calls", got, n)
		}
	}
}

// The proof above proves something: the same server does see a repeated request
// from a client that keeps connections.
func TestKeptConnectionsRepeat(t *testing.T) {
	t.Parallel()
	target, requests := rawServer(t, func(n int64) string {
		if n%2 == 0 {
			return ""
		}
		return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
	})
	rt, err := promconfig.NewRoundTripperFromConfig(promconfig.HTTPClientConfig{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	plain := &http.Client{Transport: rt}
	defer plain.CloseIdleConnections()
	c := newClient(t, vendorapi.ClientOptions{RoundTripper: rt})
	for range 4 {
		if _, err := c.Do(t.Context(), get(t, target)); err != nil {
			t.Fatal(err)
		}
	}
	if got := requests.Load(); got <= 4 {
		t.Errorf("%d requests for 4 calls: the server does not provoke a repetition", got)
	}
}

// What is no HTTP, or HTTP of a kind that nobody asked for, ends the call at
// once and in few words.
func TestBrokenServers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, answer := range map[string]string{
		"silence":         "",
		"no HTTP":         "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"long status":     "HTTP/1.1 " + strings.Repeat("2", 100_000) + "\r\n\r\n",
		"cut short":       ok + "Content-Length: 100\r\nConnection: close\r\n\r\nabc",
		"bad chunks":      ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"bad header":      ok + "\x00: x\r\n\r\n",
		"other protocol":  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"101, no upgrade": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, requests := rawServer(t, func(int64) string { return answer })
			_, err := newClient(t, vendorapi.ClientOptions{}).Do(t.Context(), get(t, target))
			e := wantReason(t, err, prefetch.ReasonUnavailable)
			if len(e.Error()) > 500 || requests.Load() != 1 {
				t.Errorf("%d requests, error of %d bytes: %.500v", requests.Load(), len(e.Error()), e)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	target := server.URL
	server.Close()
	_, err := newClient(t, vendorapi.ClientOptions{}).Do(t.Context(), get(t, target+"/v1.0/project?task_id=x"))
	e := wantReason(t, err, prefetch.ReasonUnavailable)
	host := strings.TrimPrefix(target, "http://")
	if !strings.Contains(e.Error(), host+": dial tcp") || strings.Contains(e.Error(), "task_id") {
		t.Errorf("got %v", e)
	}
}
