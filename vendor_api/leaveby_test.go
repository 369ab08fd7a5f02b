package vendorapi_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

// gate is what a test tells of whether it is too late.
type gate struct {
	late  atomic.Bool
	asked atomic.Int64
}

func (g *gate) on(ctx context.Context) context.Context {
	return vendorapi.LeaveBy(ctx, func() bool {
		g.asked.Add(1)
		return !g.late.Load()
	})
}

// wire is a server that counts connections, what arrives on them below TLS, and
// requests.
type wire struct {
	*httptest.Server

	conns, bytes, requests atomic.Int64
}

type wireListener struct {
	net.Listener

	wire *wire
}

func (l wireListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.wire.conns.Add(1)
	return wireConn{conn, l.wire}, nil
}

type wireConn struct {
	net.Conn

	wire *wire
}

func (c wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.bytes.Add(int64(n))
	return n, err
}

// newWire begins a server, with TLS if greeted is set, which is called in each
// handshake.
func newWire(t *testing.T, greeted func()) *wire {
	t.Helper()
	w := &wire{}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.requests.Add(1) }))
	w.Listener = wireListener{w.Listener, w}
	w.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if greeted == nil {
		w.Start()
	} else {
		w.TLS = greeting(greeted)
		w.StartTLS()
	}
	t.Cleanup(w.Close)
	return w
}

// greeting calls a function in each handshake.
func greeting(greeted func()) *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		greeted()
		return nil, nil
	}}
}

// trusted are settings that trust a server with TLS.
func trusted(s *httptest.Server) promconfig.TLSConfig {
	return promconfig.TLSConfig{CA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))}
}

func wantTooLate(t *testing.T, err error) {
	t.Helper()
	if e := wantReason(t, err, prefetch.ReasonTimeout); !e.Unsent || !errors.Is(err, vendorapi.ErrTooLate) || e.HTTPStatus != 0 {
		t.Errorf("got %+v", e)
	}
}

// What is too late does not leave, whatever lies between, and what is in time
// leaves after one question.
func TestLeaveBy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		overTLS bool
		// proxy is the scheme of one in between; empty for none.
		proxy string
	}{
		"plain":                    {},
		"TLS":                      {overTLS: true},
		"plain, proxy":             {proxy: "http"},
		"plain, proxy with TLS":    {proxy: "https"},
		"TLS in a proxy":           {overTLS: true, proxy: "http"},
		"TLS in a proxy with TLS":  {overTLS: true, proxy: "https"},
		"TLS in a proxy for SOCKS": {overTLS: true, proxy: "socks5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var g gate
			// slow: the time passes while connections are made.
			var slow atomic.Bool
			passes := func() {
				if g.asked.Load() > 0 {
					t.Error("asked before the handshake")
				}
				g.late.Store(slow.Load())
			}
			var greeted func()
			if c.overTLS {
				greeted = passes
			}
			vendor := newWire(t, greeted)
			settings := promconfig.HTTPClientConfig{}
			if c.overTLS {
				settings.TLSConfig = trusted(vendor.Server)
			}
			if c.proxy != "" {
				settings.ProxyURL.URL = newTunnel(t, c.proxy, vendor, passes, &settings.TLSConfig)
			}
			client := newClient(t, vendorapi.ClientOptions{HTTP: settings})

			if _, err := client.Do(g.on(t.Context()), get(t, vendor.URL)); err != nil {
				t.Fatal(err)
			}
			if vendor.requests.Load() != 1 || g.asked.Load() != 1 {
				t.Fatalf("%d requests after %d questions", vendor.requests.Load(), g.asked.Load())
			}
			g.asked.Store(0)
			slow.Store(true)
			g.late.Store(!c.overTLS && c.proxy != "https") // there is nothing else to wait for
			_, err := client.Do(g.on(t.Context()), get(t, vendor.URL))
			wantTooLate(t, err)
			if vendor.requests.Load() != 1 || g.asked.Load() != 1 {
				t.Errorf("%d requests after %d questions", vendor.requests.Load(), g.asked.Load())
			}
		})
	}
}

// newTunnel begins a proxy before a vendor and returns its address. It calls
// asked in its own handshake and before it connects.
func newTunnel(t *testing.T, scheme string, vendor *wire, asked func(), trust *promconfig.TLSConfig) *url.URL {
	t.Helper()
	if scheme == "socks5" {
		return newSOCKS(t, vendor.Listener.Addr().String(), asked)
	}
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			vendor.requests.Add(1)
			return
		}
		asked()
		connect(t, w, r, vendor.Listener.Addr().String())
	}))
	proxy.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if scheme == "https" {
		proxy.TLS = greeting(asked)
		proxy.StartTLS()
		*trust = trusted(proxy)
	} else {
		proxy.Start()
	}
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// newSOCKS begins a proxy that speaks as much of SOCKS as it takes.
func newSOCKS(t *testing.T, target string, asked func()) *url.URL {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	serve := func(client net.Conn) {
		defer client.Close()
		greeting, request := make([]byte, 3), make([]byte, 10)
		_, _ = io.ReadFull(client, greeting)
		_, _ = client.Write([]byte{5, 0})
		_, _ = io.ReadFull(client, request)
		asked()
		server, err := (&net.Dialer{}).Dial("tcp", target)
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		_, _ = client.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		go func() {
			_, _ = io.Copy(server, client)
			server.Close()
		}()
		_, _ = io.Copy(client, server)
	}
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serve(client)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return &url.URL{Scheme: "socks5", Host: listener.Addr().String()}
}

// A connection that is used again is stopped like a new one, and only for the
// request that is too late.
func TestLeaveByOfKeptConnections(t *testing.T) {
	t.Parallel()
	vendor := newWire(t, nil)
	client := newClient(t, vendorapi.ClientOptions{})
	vendorapi.KeepConnections(t, client)
	var g gate
	for i, late := range []bool{false, false, true, false, false} {
		g.late.Store(late)
		_, err := client.Do(g.on(t.Context()), get(t, vendor.URL))
		if late {
			wantTooLate(t, err)
		} else if err != nil {
			t.Error(err)
		}
		if int(g.asked.Load()) != i+1 {
			t.Errorf("call %d: asked %d times", i, g.asked.Load())
		}
	}
	// net/http tries what was stopped on a new connection, in vain.
	if vendor.requests.Load() != 4 || vendor.conns.Load() != 3 {
		t.Errorf("%d requests on %d connections, want 4 on 3", vendor.requests.Load(), vendor.conns.Load())
	}
	if _, err := client.Do(t.Context(), get(t, vendor.URL)); err != nil || vendor.conns.Load() != 3 {
		t.Errorf("without a time: %v, %d connections", err, vendor.conns.Load())
	}
}

// Nothing that left once is sent again, as net/http does of itself where a kept
// connection turns out to be broken.
func TestLeaveByOnce(t *testing.T) {
	t.Parallel()
	target, requests := rawServer(t, func(n int64) string {
		if n%2 == 0 {
			return ""
		}
		return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
	})
	client := newClient(t, vendorapi.ClientOptions{})
	vendorapi.KeepConnections(t, client)
	var g gate
	for n := int64(1); n <= 6; n++ {
		_, err := client.Do(g.on(t.Context()), get(t, target))
		if n%2 == 1 {
			if err != nil {
				t.Error(err)
			}
		} else if e := wantReason(t, err, prefetch.ReasonUnavailable); e.Unsent || errors.Is(e, vendorapi.ErrTooLate) {
			t.Errorf("got %+v", e)
		}
		if requests.Load() != n || g.asked.Load() != n {
			t.Fatalf("%d calls: %d requests after %d questions", n, requests.Load(), g.asked.Load())
		}
	}
}

// A request that began to leave is not cut short.
func TestLeaveByWhole(t *testing.T) {
	t.Parallel()
	vendor := newWire(t, func() {})
	client := newClient(t, vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{TLSConfig: trusted(vendor.Server)}})
	first := true
	ctx := vendorapi.LeaveBy(t.Context(), func() bool {
		was := first
		first = false
		return was
	})
	req := get(t, vendor.URL)
	req.Header.Set("X-Auth-Token", strings.Repeat("t", 100_000))
	if r, err := client.Do(ctx, req); err != nil || r.Status != http.StatusOK || vendor.requests.Load() != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// A call that fails before it could leave is not called late.
func TestLeaveByOfOtherFailures(t *testing.T) {
	t.Parallel()
	var g gate
	closed := httptest.NewServer(nil)
	closed.Close()
	_, err := newClient(t, vendorapi.ClientOptions{}).Do(g.on(t.Context()), get(t, closed.URL))
	if e := wantReason(t, err, prefetch.ReasonUnavailable); errors.Is(e, vendorapi.ErrTooLate) || g.asked.Load() != 0 {
		t.Errorf("got %v after %d questions", err, g.asked.Load())
	}
}

// Every vendor's client hands the context on as it is: not a byte of a call that is
// too late arrives.
func TestNoVendorIsAskedTooLate(t *testing.T) {
	t.Parallel()
	vendors := hostileVendors()
	for _, global := range []bool{false, true} {
		vendors = append(vendors, &hostileVendor{
			name: map[bool]string{false: "IAM", true: "IAM, CDN"}[global],
			provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
				auth := huaweicloud.IAM(huaweicloud.IAMOptions{
					Endpoint: endpoint, Domain: "d", Username: "u", Password: func() string { return hostileSecret }, Client: c,
				})
				if global {
					return huaweicloud.NewCDN(huaweicloud.CDNOptions{Endpoint: endpoint, Client: c, Auth: auth})
				}
				return huaweicloud.New(huaweicloud.Options{Endpoint: endpoint, ProjectID: "p", Client: c, Auth: auth})
			},
		})
	}
	for _, v := range vendors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			server := newWire(t, nil)
			p, err := v.provider(server.URL, newClient(t, vendorapi.ClientOptions{}))
			if err != nil {
				t.Fatal(err)
			}
			query := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: hostileTask}
			if _, err := p.Query(vendorapi.LeaveBy(t.Context(), func() bool { return true }), query); vendorapi.AsError(err) == nil {
				t.Error("an empty answer was taken for one")
			}
			if server.requests.Load() != 1 {
				t.Fatalf("%d requests arrived", server.requests.Load())
			}
			before := server.bytes.Load()
			var g gate
			g.late.Store(true)
			_, err = p.Query(g.on(t.Context()), query)
			wantTooLate(t, err)
			if arrived := server.bytes.Load() - before; arrived != 0 || g.asked.Load() != 1 {
				t.Errorf("%d bytes arrived after %d questions", arrived, g.asked.Load())
			}
		})
	}
}

// A network that is replaced for a test is before no call that is too late.
func TestLeaveByWithoutNetwork(t *testing.T) {
	t.Parallel()
	sent := 0
	client := newClient(t, vendorapi.ClientOptions{RoundTripper: roundTrip(func(*http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})})
	var g gate
	if _, err := client.Do(g.on(t.Context()), get(t, "http://vod.example/")); err != nil {
		t.Error(err)
	}
	g.late.Store(true)
	_, err := client.Do(g.on(t.Context()), get(t, "http://vod.example/"))
	wantTooLate(t, err)
	if sent != 1 || g.asked.Load() != 2 {
		t.Errorf("%d requests after %d questions", sent, g.asked.Load())
	}
}
