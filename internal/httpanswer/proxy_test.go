package httpanswer_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"prefetch_exporter/internal/httpanswer"
)

// serve starts a server that is quiet about connections that fail.
func serve(t *testing.T, overTLS bool, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if overTLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// through returns a transport that asks the proxy, whose certificate it trusts.
// httptest has one certificate for all servers, for example.com.
func through(t *testing.T, proxy *httptest.Server) http.RoundTripper {
	t.Helper()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("user", "hunter2")
	transport := &http.Transport{Proxy: http.ProxyURL(address)}
	if certificate := proxy.Certificate(); certificate != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		transport.TLSClientConfig.RootCAs.AddCert(certificate)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return httpanswer.NameProxy(transport, transport.Proxy)
}

// ask returns the status of the answer, or the error.
func ask(t *testing.T, rt http.RoundTripper, address string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// hangUp ends the connection after the answer, which may be none.
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

// tunnel connects to the server, whatever name was asked for, and hangs up when
// the server does.
func tunnel(t *testing.T, server *httptest.Server) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer far.Close()
		w.WriteHeader(http.StatusOK)
		near, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer near.Close()
		go func() { _, _ = io.Copy(far, buffered) }()
		_, _ = io.Copy(near, far)
	}
}

// TestProxyRefusesToConnect names the proxy, with the status that it gave.
func TestProxyRefusesToConnect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ answer, want string }{
		"forbidden":       {"HTTP/1.1 403 Forbidden\r\n\r\n", "refused to connect: 403 Forbidden"},
		"unauthenticated": {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refused to connect: 407 Proxy Authentication Required"},
		"bad gateway":     {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "refused to connect: 502 Bad Gateway"},
		"own words":       {"HTTP/1.1 403 Blocked by policy\r\n\r\n", "refused to connect: Blocked by policy"},
		"many words":      {"HTTP/1.1 403 " + strings.Repeat("No Never ", 3000) + "\r\n\r\n", "refused to connect: No Never No"},
		"no answer":       {"", "did not connect: unexpected EOF"},
		"no HTTP":         {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "refused to connect: malformed HTTP"},
	} {
		for _, overTLS := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %t", name, overTLS), func(t *testing.T) {
				t.Parallel()
				proxy := serve(t, overTLS, hangUp(t, c.answer))
				_, err := ask(t, through(t, proxy), "https://vod.example/v1")
				if err == nil {
					t.Fatal("got an answer")
				}
				got := err.Error()
				if want := "the proxy " + proxy.Listener.Addr().String() + " " + c.want; !strings.HasPrefix(got, want) || len(got) > 300 {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
	}
}

// TestServerBehindProxy passes on what the server said or did wrong, as it is.
func TestServerBehindProxy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server  http.HandlerFunc
		address string
		status  int
		want    string
	}{
		"refuses":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "https://example.com/v1", 403, ""},
		"closes":            {hangUp(t, ""), "https://example.com/v1", 0, "EOF"},
		"other certificate": {func(http.ResponseWriter, *http.Request) {}, "https://vod.example/v1", 0, "tls: failed to verify"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := through(t, serve(t, true, tunnel(t, serve(t, true, c.server))))
			status, err := ask(t, rt, c.address)
			if status != c.status || (err == nil) != (c.want == "") {
				t.Fatalf("got status %d and %v", status, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "the proxy")) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestProxyOutOfReach is told by net/http well enough.
func TestProxyOutOfReach(t *testing.T) {
	t.Parallel()
	proxy := serve(t, false, nil)
	rt := through(t, proxy)
	proxy.Close()
	if _, err := ask(t, rt, "https://vod.example/v1"); err == nil || !strings.HasPrefix(err.Error(), "proxyconnect tcp: dial tcp") {
		t.Errorf("got %v", err)
	}
}

// seen is a RoundTripper that keeps what it is asked, and can be told to close.
type seen struct {
	asked  *http.Request
	closed bool
}

func (s *seen) RoundTrip(req *http.Request) (*http.Response, error) {
	s.asked = req
	return nil, errNetwork
}

func (s *seen) CloseIdleConnections() { s.closed = true }

// TestNoConnectionThroughProxy leaves requests alone for which no proxy is asked
// to connect.
func TestNoConnectionThroughProxy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address, proxy string
		err            error
	}{
		"plain HTTP": {"http://vod.example/", "http://proxy.example", nil},
		"no proxy":   {"https://vod.example/", "", nil},
		"SOCKS":      {"https://vod.example/", "socks5://proxy.example", nil},
		"bad proxy":  {"https://vod.example/", "", errNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := &seen{}
			rt := httpanswer.NameProxy(next, func(*http.Request) (*url.URL, error) {
				if c.proxy == "" {
					return nil, c.err
				}
				return url.Parse(c.proxy)
			})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.address, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := rt.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			if !errors.Is(err, errNetwork) || strings.Contains(err.Error(), "the proxy") || next.asked != req {
				t.Errorf("got %v", err)
			}
		})
	}
	next := &seen{}
	if got := httpanswer.NameProxy(next, nil); got != http.RoundTripper(next) {
		t.Errorf("without a proxy got %T", got)
	}
}

// TestCloseIdleConnections reaches what is wrapped, if that has any.
func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	none := func(*http.Request) (*url.URL, error) { return nil, nil } //nolint:nilnil // as http.ProxyFromEnvironment does
	next := &seen{}
	(&http.Client{Transport: httpanswer.NameProxy(next, none)}).CloseIdleConnections()
	if !next.closed {
		t.Error("the connections stay open")
	}
	plain := struct{ http.RoundTripper }{next}
	(&http.Client{Transport: httpanswer.NameProxy(plain, none)}).CloseIdleConnections()
}
