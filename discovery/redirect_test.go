package discovery_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/discovery"
)

// site is a server of a test that remembers what it was asked.
type site struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*http.Request
}

func newSite(t *testing.T, answer http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(r.Context()))
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) asked() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// credentials are all the ways in which a source can be sent some; its URL has more.
func credentials(t *testing.T) map[string]promconfig.HTTPClientConfig {
	t.Helper()
	header := promconfig.Header{Secrets: []promconfig.Secret{"hunter2"}}
	ways := map[string]promconfig.HTTPClientConfig{
		"in the URL":    {},
		"basic auth":    {BasicAuth: &promconfig.BasicAuth{Username: "user", Password: "hunter2"}},
		"authorization": {Authorization: &promconfig.Authorization{Type: "Bearer", Credentials: "hunter2"}},
		"headers":       {HTTPHeaders: &promconfig.Headers{Headers: map[string]promconfig.Header{"X-Token": header}}},
	}
	for name, c := range ways {
		c.FollowRedirects = true
		ways[name] = c
	}
	return ways
}

// readOnce asks a source once and returns the manager and what it logged.
func readOnce(t *testing.T, address string, c promconfig.HTTPClientConfig) (m *manager, r *reports, log string) {
	t.Helper()
	var l logs
	r = newReports()
	m = newManager(t, options{
		HTTP: []discovery.HTTPSource{{URL: address, ClientConfig: c}}, Reporter: r, Logger: l.logger(),
	})
	m.Set(nil, []string{"a"})
	stop := run(t, m)
	await(t, m, "the source was asked", m.Complete)
	stop()
	return m, r, l.String()
}

// with puts a user and a query with a token into the address of a source.
func with(t *testing.T, address, path string) string {
	t.Helper()
	u, err := url.Parse(address + path + "?token=hunter2")
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("user", "hunter2")
	return u.String()
}

// A redirect within the address of the source is followed with its credentials, and
// tells nobody the query.
func TestRedirectsWithin(t *testing.T) {
	t.Parallel()
	for way, c := range credentials(t) {
		for _, absolute := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, absolute: %t", way, absolute), func(t *testing.T) {
				t.Parallel()
				var home *site
				home = newSite(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/tasks" {
						location := "/moved"
						if absolute {
							location = strings.Replace(home.URL, "http://", "HTTP://", 1) + location
						}
						w.Header().Set("Location", location)
						w.WriteHeader(http.StatusTemporaryRedirect)
						return
					}
					_, _ = io.WriteString(w, list("a/1"))
				})
				m, _, log := readOnce(t, with(t, home.URL, "/tasks"), c)
				wantIDs(t, m, "a/1 http")
				asked := home.asked()
				if len(asked) != 2 {
					t.Fatalf("%d requests, logged:\n%s", len(asked), log)
				}
				sent := func(r *http.Request) map[string]string {
					return map[string]string{
						"authorization": r.Header.Get("Authorization"), "header": r.Header.Get("X-Token"), "agent": r.UserAgent(),
					}
				}
				if diff := cmp.Diff(sent(asked[0]), sent(asked[1])); diff != "" {
					t.Errorf("the second request has other credentials (-first +second):\n%s", diff)
				}
				if referer, there := asked[1].Header["Referer"]; there {
					t.Errorf("Referer %q", referer)
				}
			})
		}
	}
}

// A redirect to anywhere else is not followed: nothing is sent there, and nothing is
// read from there.
func TestRedirectsElsewhere(t *testing.T) {
	t.Parallel()
	for way, c := range credentials(t) {
		for name, location := range map[string]func(home, other *url.URL) string{
			"another port":   func(_, other *url.URL) string { return "http://" + other.Host + "/tasks" },
			"another host":   func(_, other *url.URL) string { return "http://localhost:" + other.Port() + "/tasks" },
			"no scheme":      func(_, other *url.URL) string { return "//" + other.Host + "/tasks" },
			"another scheme": func(home, _ *url.URL) string { return "https://" + home.Host + "/tasks" },
			"a user":         func(home, other *url.URL) string { return "http://" + home.Hostname() + "@" + other.Host + "/tasks" },
			"later":          func(*url.URL, *url.URL) string { return "/step" },
		} {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				other := newSite(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, list("a/evil")) })
				otherURL, err := url.Parse(other.URL)
				if err != nil {
					t.Fatal(err)
				}
				var homeURL *url.URL
				home := newSite(t, func(w http.ResponseWriter, r *http.Request) {
					target := location(homeURL, otherURL)
					if r.URL.Path == "/step" {
						target = "http://" + otherURL.Host
					}
					w.Header().Set("Location", target)
					w.WriteHeader(http.StatusFound)
				})
				if homeURL, err = url.Parse(home.URL); err != nil {
					t.Fatal(err)
				}
				m, r, log := readOnce(t, with(t, home.URL, "/tasks"), c)
				wantIDs(t, m)
				if r.up(home.URL+"/tasks") || len(other.asked()) > 0 {
					t.Errorf("up is %v, the other was asked %d times", r.up(home.URL+"/tasks"), len(other.asked()))
				}
				host := otherURL.Port()
				if name == "another scheme" {
					host = "https://" + homeURL.Host
				}
				if !strings.Contains(log, "a redirect to ") || !strings.Contains(log, host) || strings.Contains(log, "hunter2") {
					t.Errorf("logged:\n%s", log)
				}
			})
		}
	}
}

func TestRedirectsWithoutEnd(t *testing.T) {
	t.Parallel()
	home := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/again")
		w.WriteHeader(http.StatusFound)
	})
	for follow, want := range map[bool]string{true: "stopped after 10 redirects", false: "the server answered 302 Found"} {
		_, _, log := readOnce(t, home.URL+"/tasks", promconfig.HTTPClientConfig{FollowRedirects: follow})
		if !strings.Contains(log, want) {
			t.Errorf("%t: logged %s", follow, log)
		}
	}
	if got := len(home.asked()); got != 11 {
		t.Errorf("%d requests, want 10 of the one that follows and 1 of the other", got)
	}
}

// A long address that a server sends is not the log's.
func TestRedirectToALongHost(t *testing.T) {
	t.Parallel()
	home := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://"+strings.Repeat("x", 100_000)+"/")
		w.WriteHeader(http.StatusFound)
	})
	_, _, log := readOnce(t, home.URL, promconfig.HTTPClientConfig{FollowRedirects: true})
	if !strings.Contains(log, "a redirect to ") || len(log) > 1000 {
		t.Errorf("logged %d bytes: %.1000s", len(log), log)
	}
}

// The proxy of a source is named where it refuses to connect.
func TestProxyOfASourceRefuses(t *testing.T) {
	t.Parallel()
	proxy := newSite(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, _, log := readOnce(t, "https://pipeline.example/tasks", promconfig.HTTPClientConfig{
		ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{URL: u}},
	})
	if want := "https://pipeline.example/tasks: the proxy " + u.Host + " refused to connect: 403 Forbidden"; !strings.Contains(log, want) {
		t.Errorf("logged %s, want %s", log, want)
	}
}
