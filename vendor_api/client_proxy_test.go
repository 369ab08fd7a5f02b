package vendorapi_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// through returns a client that asks a proxy, which is a handler.
func through(t *testing.T, overTLS bool, proxy http.HandlerFunc) (c *vendorapi.Client, address string) {
	t.Helper()
	server := httptest.NewUnstartedServer(proxy)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	var settings promconfig.TLSConfig
	if overTLS {
		server.StartTLS()
		settings.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("user", "hunter2")
	return newClient(t, vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{
		TLSConfig: settings, ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{URL: u}},
	}}), u.Host
}

// hang up ends the connection after the answer, which may be none.
func hangUp(t *testing.T, answer string) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, answer)
	}
}

// TestProxyRefuses has the proxy say no, which the vendor did not, whatever the
// status: not that it refused the credentials, nor that there were too many calls.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	status := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for name, tt := range map[string]struct {
		proxy http.HandlerFunc
		want  string
	}{
		"forbidden":       {status(403), "refused to connect: 403 Forbidden"},
		"unauthenticated": {status(407), "refused to connect: 407 Proxy Authentication Required"},
		"throttled":       {status(429), "refused to connect: 429 Too Many Requests"},
		"bad gateway":     {status(502), "refused to connect: 502 Bad Gateway"},
		"redirect":        {status(302), "refused to connect: 302 Found"},
		"own words":       {hangUp(t, "HTTP/1.1 403 Blocked by policy\r\n\r\n"), "refused to connect: Blocked by policy"},
		"many words":      {hangUp(t, "HTTP/1.1 403 "+strings.Repeat("No Never ", 3000)+"\r\n\r\n"), "refused to connect: No Never"},
		"no words":        {hangUp(t, "HTTP/1.1 403\r\n\r\n"), "refused to connect: unknown status code"},
		"no answer":       {hangUp(t, ""), "did not connect: unexpected EOF"},
		"no HTTP":         {hangUp(t, "SSH-2.0-OpenSSH_9.2\r\n\r\n"), "refused to connect: malformed HTTP"},
	} {
		for _, overTLS := range []bool{false, true} {
			scheme := map[bool]string{false: "http", true: "https"}[overTLS]
			t.Run(name+", "+scheme, func(t *testing.T) {
				t.Parallel()
				c, address := through(t, overTLS, tt.proxy)
				_, err := c.Do(t.Context(), get(t, "https://vod.example/v1"))
				e := wantReason(t, err, prefetch.ReasonUnavailable)
				if got, want := e.Error(), "vod.example: the proxy "+address+" "+tt.want; !strings.Contains(got, want) || len(got) > 300 {
					t.Errorf("got %s, want %s", got, want)
				}
				if e.HTTPStatus != 0 || strings.Contains(e.Error(), "hunter2") {
					t.Errorf("got %+v", e)
				}
			})
		}
	}
}

// connect answers CONNECT, as a proxy: what follows goes to and fro until either end
// closes.
func connect(t *testing.T, w http.ResponseWriter, r *http.Request, address string) {
	t.Helper()
	server, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer server.Close()
	w.WriteHeader(http.StatusOK)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	go func() {
		_, _ = io.Copy(server, buffered)
		server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// TestProxyConnects tells no other failure as the proxy's: neither one on the way
// to it nor one behind it.
func TestProxyConnects(t *testing.T) {
	t.Parallel()
	vendor := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	vendor.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	vendor.StartTLS()
	defer vendor.Close()
	tunnel := func(w http.ResponseWriter, r *http.Request) { connect(t, w, r, vendor.Listener.Addr().String()) }
	for _, overTLS := range []bool{false, true} {
		// The vendor's certificate is for another name.
		c, _ := through(t, overTLS, tunnel)
		_, err := c.Do(t.Context(), get(t, "https://vod.test/v1"))
		if e := wantReason(t, err, prefetch.ReasonUnavailable); !strings.Contains(e.Error(), "vod.test: tls: failed to verify certificate") {
			t.Errorf("got %v", e)
		}
	}
	// With the proxy's own certificate, which is the vendor's too.
	c, _ := through(t, true, tunnel)
	r, err := c.Do(t.Context(), get(t, "https://example.com/v1"))
	if err != nil || r.Status != http.StatusForbidden {
		t.Errorf("got %+v, %v", r, err)
	}
	// Nobody listens.
	closed := httptest.NewServer(nil)
	u, err := url.Parse(closed.URL)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	c = newClient(t, vendorapi.ClientOptions{HTTP: promconfig.HTTPClientConfig{
		ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{URL: u}},
	}})
	_, err = c.Do(t.Context(), get(t, "https://vod.example/v1"))
	if e := wantReason(t, err, prefetch.ReasonUnavailable); !strings.Contains(e.Error(), "vod.example: proxyconnect tcp: dial tcp") {
		t.Errorf("got %v", e)
	}
}

// TestProxyHangs gives a call up while the proxy is silent.
func TestProxyHangs(t *testing.T) {
	t.Parallel()
	ctx, giveUp := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	c, address := through(t, false, func(http.ResponseWriter, *http.Request) {
		giveUp()
		<-release
	})
	_, err := c.Do(ctx, get(t, "https://vod.example/v1"))
	e := wantReason(t, err, prefetch.ReasonUnavailable)
	if !strings.Contains(e.Error(), "the proxy "+address+" did not connect: context canceled") || !errors.Is(e, context.Canceled) {
		t.Errorf("got %v", e)
	}
}
