package web_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	const (
		all     = http.StatusOK
		notHere = http.StatusNotFound
		method  = http.StatusMethodNotAllowed
	)
	for _, test := range []struct {
		request string
		status  int
		want    string
		allow   string
	}{
		{"GET /", all, "prefetch_exporter", ""},
		{"POST /", method, "", "GET, HEAD"},
		{"GET /metrics", all, "prefetch_account_up 1", ""},
		{"GET /metrics?name[]=x", all, "prefetch_account_up 1", ""},
		{"POST /metrics", method, "", "GET, HEAD"},
		{"GET /metrics/", notHere, "", ""},
		{"GET /-/healthy", all, "Healthy\n", ""},
		{"DELETE /-/healthy", method, "", "GET, HEAD"},
		{"GET /-/ready", all, "Ready\n", ""},
		{"GET /config", all, "secret_key: <secret>\n", ""},
		{"PUT /config", method, "", "GET, HEAD"},
		{"POST /-/reload", all, "Reloaded\n", ""},
		{"PUT /-/reload", all, "Reloaded\n", ""},
		{"GET /-/reload", method, "", "POST, PUT"},
		{"POST /-/retry", all, "Asking again as soon as the quota allows\n", ""},
		{"PUT /-/retry?account=edge", all, "Asking again", ""},
		{"GET /-/retry", method, "", "POST, PUT"},
		{"GET /debug/pprof/", all, "goroutine?debug=1", ""},
		{"GET /debug/pprof/goroutine?debug=1", all, "goroutine profile", ""},
		{"GET /debug/pprof/cmdline", all, "web.test", ""},
		{"GET /debug/pprof/symbol?0", all, "num_symbols: 1", ""},
		{"POST /debug/pprof/symbol", all, "num_symbols: 1", ""},
		{"GET /debug/pprof/nothing", notHere, "", ""},
		{"GET /nothing", notHere, "", ""},
		{"GET /-/", notHere, "", ""},
		{"GET /favicon.ico", notHere, "", ""},
		{"GET //config", http.StatusTemporaryRedirect, "", ""},
		{"POST //-/reload", http.StatusBadRequest, "percent-encoded", ""},
		{"POST /-/x/../reload", http.StatusBadRequest, "percent-encoded", ""},
	} {
		for _, prefix := range []string{"", "/", "prefetch", "/prefetch/", "/a/b.c~d"} {
			t.Run(test.request+" below "+prefix, func(t *testing.T) {
				t.Parallel()
				o := newExporter().options()
				o.RoutePrefix = prefix
				m, target, _ := strings.Cut(test.request, " ")
				base := ""
				if p := strings.Trim(prefix, "/"); p != "" {
					base = "/" + p
				}
				w := ask(t, handler(t, o), m+" "+base+target, "0")
				if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
					t.Errorf("%d, want %d and %q in:\n%s", w.Code, test.status, test.want, w.Body)
				}
				if got := w.Header().Get("Allow"); got != test.allow {
					t.Errorf("Allow is %q, want %q", got, test.allow)
				}
				if location := w.Header().Get("Location"); location != "" && location != base+"/config" {
					t.Errorf("led to %s, which is not below %q", location, base)
				}
				for name, want := range map[string]string{
					"X-Content-Type-Options": "nosniff",
					"X-Frame-Options":        "DENY",
					"Referrer-Policy":        "no-referrer",
					"Cache-Control":          "no-store",
				} {
					if got := w.Header().Get(name); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
				if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") {
					t.Errorf("Content-Security-Policy is %q", policy)
				}
			})
		}
	}
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	o := newExporter().options()
	o.RoutePrefix = "/prefetch"
	h := handler(t, o)
	for request, want := range map[string]struct {
		status   int
		location string
	}{
		"GET /":                            {http.StatusFound, "/prefetch/"},
		"HEAD /":                           {http.StatusFound, "/prefetch/"},
		"GET /prefetch":                    {http.StatusTemporaryRedirect, "/prefetch/"},
		"GET /prefetch/":                   {http.StatusOK, ""},
		"GET /metrics":                     {http.StatusNotFound, ""},
		"GET /-/healthy":                   {http.StatusNotFound, ""},
		"GET /prefetchmetrics":             {http.StatusNotFound, ""},
		"GET /prefetch/prefetch/metrics":   {http.StatusNotFound, ""},
		"GET /api/v1/tasks":                {http.StatusNotFound, ""},
		"PUT /api/v1/tasks/edge/x":         {http.StatusNotFound, ""},
		"PUT /prefetch/api/v1/tasks/vod/x": {http.StatusCreated, ""},
	} {
		w := ask(t, h, request, "")
		if got := w.Header().Get("Location"); w.Code != want.status || got != want.location {
			t.Errorf("%s: %d to %q, want %d to %q", request, w.Code, got, want.status, want.location)
		}
	}
}

// The pages for people are where people's links lead, with or without a slash.
// A redirect is relative, so that it holds behind a proxy that cuts a prefix off.
func TestStatusPages(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/prefetch"} {
		e := newExporter()
		e.configure()
		const odd = "%2F..%2F a?b#c\u202e"
		if _, err := e.Put(prefetch.Task{Account: "edge", ID: "/" + odd}); err != nil {
			t.Fatal(err)
		}
		o := e.options()
		o.RoutePrefix, o.Runbooks = prefix, "## PrefetchFailedURLs"
		h := handler(t, o)
		for request, want := range map[string]struct {
			status int
			text   string // of the page, or the redirect's location
		}{
			"GET /tasks":         {http.StatusOK, "tasks/edge/x"},
			"GET /tasks/":        {http.StatusFound, "../tasks"},
			"GET /tasks/?text=a": {http.StatusFound, "../tasks?text=a"},
			"GET /tasks/edge/x":  {http.StatusOK, "<h1><bdi>x</bdi></h1>"},
			"GET /tasks/edge/" + url.PathEscape("/"+odd): {http.StatusOK, "/%2F..%2F a?b#c\\u202e"},
			"GET /tasks/edge/y":                          {http.StatusNotFound, "is not watched"},
			"GET /tasks/edge/x/y":                        {http.StatusNotFound, "x/y"},
			"GET /tasks/edge":                            {http.StatusNotFound, "percent-encoded"},
			"GET /runbooks":                              {http.StatusFound, "runbooks/"},
			"GET /runbooks/":                             {http.StatusOK, `id="prefetchfailedurls"`},
			"GET /runbooks/x":                            {http.StatusNotFound, ""},
			"POST /tasks":                                {http.StatusMethodNotAllowed, ""},
			"DELETE /tasks/edge/x":                       {http.StatusMethodNotAllowed, ""},
		} {
			method, target, _ := strings.Cut(request, " ")
			w := ask(t, h, method+" "+prefix+target, "")
			if got := w.Body.String() + w.Header().Get("Location"); w.Code != want.status || !strings.Contains(got, want.text) {
				t.Errorf("%s below %q: %d, want %d and %q in\n%s", request, prefix, w.Code, want.status, want.text, got)
			}
			if location := w.Header().Get("Location"); location != "" && location != want.text {
				t.Errorf("%s leads to %s, want %s", request, location, want.text)
			}
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.configure()
	server := httptest.NewServer(handler(t, e.options()))
	t.Cleanup(server.Close)
	for _, path := range []string{"/", "/metrics", "/config", "/-/healthy", "/-/ready", "/tasks", "/tasks/edge/x", "/runbooks/", "/api/v1/accounts", "/api/v1/tasks", "/api/v1/tasks/edge/x"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK || len(body) != 0 || err != nil {
			t.Errorf("HEAD %s: %d, %q, %v", path, answer.StatusCode, body, err)
		}
		_ = answer.Body.Close()
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.ready = false
	if w := ask(t, handler(t, e.options()), "GET /-/ready", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d before it is ready", w.Code)
	}
}

// Browsers get the configuration as a page, programs as the text that it is.
func TestConfig(t *testing.T) {
	t.Parallel()
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	for _, prefix := range []string{"", "/prefetch"} {
		o := newExporter().options()
		o.RoutePrefix = prefix
		o.Config = func() []byte { return []byte("secret_key: <secret>\nname: </code><b>\n") }
		h := handler(t, o)
		for accept, want := range map[string]struct{ kind, text string }{
			"":           {"text/plain; charset=utf-8", "secret_key: <secret>\nname: </code><b>\n"},
			"*/*":        {"text/plain; charset=utf-8", "secret_key: <secret>\nname: </code><b>\n"},
			"text/plain": {"text/plain; charset=utf-8", "secret_key: <secret>\nname: </code><b>\n"},
			browser:      {"text/html; charset=utf-8", "<code><span>secret_key: &lt;secret&gt;\n</span><span>name: &lt;/code&gt;&lt;b&gt;\n</span></code>"},
		} {
			w := ask(t, h, "GET "+prefix+"/config", "", "Accept", accept)
			if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != want.kind || !strings.Contains(w.Body.String(), want.text) {
				t.Errorf("%q: %d, %s, want %s and %q in\n%s", accept, w.Code, got, want.kind, want.text, w.Body)
			}
			if w.Header().Get("Vary") != "Accept" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%q: Vary is %q", accept, w.Header().Get("Vary"))
			}
		}
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.reloadErr = errors.New("config.yml:4: accounts: is missing")
	w := ask(t, handler(t, e.options()), "POST /-/reload", "")
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), e.reloadErr.Error()) {
		t.Errorf("a broken reload: %d %s", w.Code, w.Body)
	}
	o := e.options()
	o.Reload = nil
	w = ask(t, handler(t, o), "POST /-/reload", "")
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "--web.enable-lifecycle") {
		t.Errorf("a reload that is not allowed: %d %s", w.Code, w.Body)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request string
		headers []string
		status  int
		want    string // of the body, or where a browser is led
		retried []string
	}{
		"one account":                 {"POST /-/retry?account=edge", nil, http.StatusOK, "Asking again", []string{"edge"}},
		"all":                         {"POST /-/retry", nil, http.StatusOK, "Asking again", []string{""}},
		"a browser":                   {"POST /-/retry?account=edge", []string{"Accept", "text/html,*/*;q=0.8", "Sec-Fetch-Site", "same-origin"}, http.StatusSeeOther, "../tasks#accounts", []string{"edge"}},
		"no such account":             {"POST /-/retry?account=nobody", nil, http.StatusNotFound, "there is no account of this name", []string{"nobody"}},
		"a name that is empty":        {"POST /-/retry?account=", nil, http.StatusBadRequest, "the only parameter is account", nil},
		"two accounts":                {"POST /-/retry?account=edge&account=vod", nil, http.StatusBadRequest, "the only parameter is account", nil},
		"a mistake":                   {"POST /-/retry?acount=edge", nil, http.StatusBadRequest, "the only parameter is account", nil},
		"another site":                {"POST /-/retry?account=edge", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden, "another site", nil},
		"an old browser's other site": {"POST /-/retry?account=edge", []string{"Origin", "https://evil.example"}, http.StatusForbidden, "another site", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var retried []string
			o := newExporter().options()
			o.Retry = func(account string) bool {
				retried = append(retried, account)
				return account != "nobody"
			}
			w := ask(t, handler(t, o), c.request, "", c.headers...)
			if text := w.Body.String() + w.Header().Get("Location"); w.Code != c.status || !strings.Contains(text, c.want) {
				t.Errorf("%d %s, want %d %s", w.Code, text, c.status, c.want)
			}
			if !slices.Equal(retried, c.retried) {
				t.Errorf("asked again: %q, want %q", retried, c.retried)
			}
		})
	}
	o := newExporter().options()
	o.Retry = nil
	if w := ask(t, handler(t, o), "POST /-/retry", ""); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "--web.enable-lifecycle") {
		t.Errorf("what is not allowed: %d %s", w.Code, w.Body)
	}
}

func TestNoProfilesUnlessAsked(t *testing.T) {
	t.Parallel()
	o := newExporter().options()
	o.Profiles = false
	h := handler(t, o)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/heap"} {
		if w := ask(t, h, "GET "+path, ""); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, w.Code)
		}
	}
	if w := ask(t, h, "GET /", ""); strings.Contains(w.Body.String(), "debug/pprof") {
		t.Error("the landing page links to profiles that are not there")
	}
}

// Every link of the landing page leads somewhere, whether the exporter has a
// prefix or a proxy cuts one off, and its style is the one that may be applied.
func TestLandingPage(t *testing.T) {
	t.Parallel()
	hrefs, style := regexp.MustCompile(`href="([^"]*)"`), regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	for _, prefix := range []string{"", "/prefetch", "/a/b"} {
		o := newExporter().options()
		o.RoutePrefix, o.TelemetryPath = prefix, "/of/a&b/metrics"
		h := handler(t, o)
		w := ask(t, h, "GET "+prefix+"/", "")

		sum := sha256.Sum256([]byte(style.FindStringSubmatch(w.Body.String())[1]))
		hash := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, hash) {
			t.Errorf("Content-Security-Policy is %q, want %q in it", policy, hash)
		}

		if strings.Contains(w.Body.String(), "a&b") {
			t.Error("the page shows a path as it is")
		}
		base, err := url.Parse("http://localhost" + prefix + "/")
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, match := range hrefs.FindAllStringSubmatch(w.Body.String(), -1) {
			link, err := base.Parse(html.UnescapeString(match[1]))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(link.RawQuery, "seconds=") || link.Host != base.Host {
				continue
			}
			if strings.HasPrefix(match[1], "/") {
				t.Errorf("the link %s is absolute", match[1])
			}
			seen = append(seen, link.Path)
			if w := ask(t, h, "GET "+link.RequestURI(), ""); w.Code != http.StatusOK {
				t.Errorf("the link %s leads to %s: %d", match[1], link, w.Code)
			}
		}
		for _, want := range []string{o.TelemetryPath, "/config", "/tasks", "/runbooks/", "/api/v1/tasks", "/api/v1/accounts", "/-/ready", "/debug/pprof/heap"} {
			if !strings.Contains(strings.Join(seen, " ")+" ", prefix+want+" ") {
				t.Errorf("below %q no link to %s in %q", prefix, want, seen)
			}
		}
	}
}

func TestMetricsAtTheRoot(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/prefetch"} {
		o := newExporter().options()
		o.TelemetryPath, o.RoutePrefix = "/", prefix
		h := handler(t, o)
		if w := ask(t, h, "GET "+prefix+"/", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "prefetch_account_up") {
			t.Errorf("below %q: %d %s", prefix, w.Code, w.Body)
		}
		if w := ask(t, h, "GET "+prefix+"/-/healthy", ""); w.Code != http.StatusOK {
			t.Errorf("health below %q: %d", prefix, w.Code)
		}
	}
}

func TestUnusablePaths(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		telemetry, prefix, want string
	}{
		"no slash":              {"metrics", "", `telemetry path "metrics": must begin with a slash`},
		"empty":                 {"", "", `telemetry path "": must begin with a slash`},
		"ends with a slash":     {"/metrics/", "", "must not end with a slash"},
		"two slashes":           {"//metrics", "", `must have no empty, "." or ".." part`},
		"parent":                {"/a/../metrics", "", `must have no empty, "." or ".." part`},
		"wildcard":              {"/{x}", "", "need no escaping"},
		"space":                 {"/my metrics", "", "need no escaping"},
		"query":                 {"/metrics?x", "", "need no escaping"},
		"of the API":            {"/api/v1/tasks", "", "/api is the exporter's own"},
		"configuration":         {"/config", "", "/config is the exporter's own"},
		"health":                {"/-/healthy", "", "/- is the exporter's own"},
		"a later page":          {"/tasks", "", "/tasks is the exporter's own"},
		"prefix with space":     {"/metrics", "/a b", `route prefix "/a b": must consist of characters`},
		"prefix with wildcard":  {"/metrics", "/{a...}", "need no escaping"},
		"prefix not of ASCII":   {"/metrics", "/预热", "need no escaping"},
		"prefix with a quote":   {"/metrics", `/"><script>`, "need no escaping"},
		"prefix with dots":      {"/metrics", "/a/../b", `must have no empty, "." or ".." part`},
		"prefix with two lines": {"/metrics", "/a\nb", "need no escaping"},
	} {
		o := newExporter().options()
		o.TelemetryPath, o.RoutePrefix = test.telemetry, test.prefix
		if _, err := web.New(o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, test.want)
		}
	}
	for _, telemetry := range []string{"/metrics", "/configuration", "/tasks-metrics", "/a/b/c", "/prefetch"} {
		o := newExporter().options()
		o.TelemetryPath, o.RoutePrefix = telemetry, "/prefetch"
		if w := ask(t, handler(t, o), "GET /prefetch"+telemetry, ""); w.Code != http.StatusOK {
			t.Errorf("GET /prefetch%s: %d", telemetry, w.Code)
		}
	}
}

// What a page of another site makes a browser do is refused before anything
// happens, in the form that the path has.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.configure()
	o := e.options()
	o.RoutePrefix = "/prefetch"
	h := handler(t, o)
	for _, request := range []string{
		"POST /prefetch/-/reload", "PUT /prefetch/api/v1/tasks/edge/y", "DELETE /prefetch/api/v1/tasks/edge/x", "POST /prefetch/metrics",
	} {
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://elsewhere.example"},
			{"Origin", "null"},
		} {
			w := ask(t, h, request, "", headers...)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "another site") {
				t.Errorf("%s with %q: %d %s", request, headers, w.Code, w.Body)
			}
			if strings.Contains(request, "/api/") {
				if got := open(t, w).ErrorType; got != "forbidden" {
					t.Errorf("%s: errorType %q", request, got)
				}
			} else if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
				t.Errorf("%s: Content-Type %q", request, got)
			}
		}
	}
	if e.reloads != 0 || len(e.registered) != 0 {
		t.Errorf("%d reloads, %d tasks were put", e.reloads, len(e.registered))
	}
	for _, headers := range [][]string{
		nil, // no browser
		{"Sec-Fetch-Site", "same-origin"},
		{"Sec-Fetch-Site", "none"},
		{"Origin", "http://example.com"}, // httptest's host
	} {
		if w := ask(t, h, "POST /prefetch/-/reload", "", headers...); w.Code != http.StatusOK {
			t.Errorf("reload with %q: %d %s", headers, w.Code, w.Body)
		}
	}
	if w := ask(t, h, "GET /prefetch/metrics", "", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusOK {
		t.Errorf("reading from another site: %d", w.Code)
	}
}

// A request line that no client library would send.
func TestOddRequestLines(t *testing.T) {
	t.Parallel()
	h := handler(t, newExporter().options())
	for line, want := range map[string]int{
		"CONNECT example.com:443 HTTP/1.1":    http.StatusBadRequest,
		"GET http://example.com/ HTTP/1.1":    http.StatusOK,
		"GET /%2e%2e/config HTTP/1.1":         http.StatusNotFound,
		"GET /-%2Fhealthy HTTP/1.1":           http.StatusNotFound,
		"PUT /api/v1/tasks/edge/%FF HTTP/1.1": http.StatusBadRequest,
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + "\r\nHost: example.com\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(t.Context()))
		if w.Code != want {
			t.Errorf("%s: %d, want %d: %s", line, w.Code, want, w.Body)
		}
	}
}
