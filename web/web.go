package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"prefetch_exporter/prefetch"
)

// Options are what the pages need. Metrics, TelemetryPath, Ready, Config and
// Snapshot must be set.
type Options struct {
	// Metrics serves TelemetryPath, which begins with a slash. At "/" it takes
	// the place of the landing page.
	Metrics       http.Handler
	TelemetryPath string
	// RoutePrefix is put before every route; "/" or empty for none.
	RoutePrefix string
	// Ready reports whether state is restored and every loop runs.
	Ready func() bool
	// Unwell says of each part that has hung for too long what is wrong with it; nil
	// where nobody can tell.
	Unwell func() []string
	// Config returns the configuration in force, its secrets masked.
	Config func() []byte
	// Snapshot returns what is known now; every configured account is in it.
	Snapshot func() prefetch.Snapshot
	// Reload loads the configuration anew; nil where that is not allowed.
	Reload func(ctx context.Context) error
	// Group tells of the replicas that share a store; nil where it is not shared.
	Group func() prefetch.Group
	// Retry ends the pause of an account after failures, of every account if the
	// name is empty, and reports whether there is such an account; nil where that
	// is not allowed.
	Retry func(account string) (found bool)
	// Registry keeps the tasks that are put; nil where that is not allowed.
	Registry Registry
	// Sources returns the sources that list a task, one of the Source constants
	// of [prefetch] for each. It must be set where Registry is.
	Sources func(account, id string) []string
	// Runbooks is the text of the alerts' runbooks, in Markdown.
	Runbooks string
	// Profiles serves the runtime's profiles under /debug/pprof/.
	Profiles bool
	// Logger is told of tasks that were put and deleted; nil logs nothing.
	Logger *slog.Logger
}

// Registry keeps tasks that are put through the API.
type Registry interface {
	// Put adds or replaces a task and reports whether it is new. It is durable,
	// and in the next snapshot, when Put returned without an error.
	Put(task prefetch.Task) (created bool, err error)
	// Delete forgets a task durably and reports whether it was there.
	Delete(account, id string) (existed bool, err error)
	// Get returns a task, and whether it is there.
	Get(account, id string) (prefetch.Task, bool)
}

// New returns the handler of all routes. An error says what of the paths cannot
// be used.
func New(o Options) (http.Handler, error) {
	prefix := cleanPrefix(o.RoutePrefix)
	if err := checkPath(prefix); err != nil {
		return nil, fmt.Errorf("route prefix %q: %w", o.RoutePrefix, err)
	}
	if err := checkTelemetryPath(o.TelemetryPath); err != nil {
		return nil, fmt.Errorf("telemetry path %q: %w", o.TelemetryPath, err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := routes{mux: http.NewServeMux(), prefix: prefix}
	if prefix != "" {
		// Whoever forgets the prefix is led to the landing page.
		r.mux.Handle("GET /{$}", http.RedirectHandler(prefix+"/", http.StatusFound))
	}
	if err := o.addPages(r); err != nil {
		return nil, err
	}
	if err := o.addStatus(r); err != nil {
		return nil, err
	}
	if o.Profiles {
		addProfiles(r)
	}
	(&api{o, newChanges()}).addTo(r)
	return secure(r.sameSite(r.clean(r.mux))), nil
}

// routes are those of one mux, all below a prefix that needs no escaping.
type routes struct {
	mux    *http.ServeMux
	prefix string
}

// handle serves a path with one method; an empty one stands for all.
func (r routes) handle(method, route string, h http.Handler) {
	pattern := r.prefix + route
	if method != "" {
		pattern = method + " " + pattern
	}
	r.mux.Handle(pattern, h)
}

// isAPI reports whether who asks for the path expects JSON.
func (r routes) isAPI(escapedPath string) bool {
	return strings.HasPrefix(escapedPath, r.prefix+apiRoot)
}

// refuse tells why a request goes no further, in the words of its path.
func (r routes) refuse(w http.ResponseWriter, escapedPath string, problem apiError) {
	if r.isAPI(escapedPath) {
		fail(w, problem)
		return
	}
	plain(w, problem.status, problem.message)
}

// sameSite refuses what a page of another site makes a browser do.
func (r routes) sameSite(h http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.refuse(w, req.URL.EscapedPath(), apiError{
			http.StatusForbidden, errorForbidden, "a page of another site made the browser send this request; it is refused",
		})
	}))
	return protection.Handler(h)
}

// clean refuses addresses that a ServeMux would answer with a redirect to a
// tidier one: a script takes that for success, though nothing was done, and an
// id with unescaped slashes must not become another id.
func (r routes) clean(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		escaped := req.URL.EscapedPath()
		tidy := path.Clean("/" + escaped)
		isTidy := escaped == tidy || tidy != "/" && escaped == tidy+"/"
		reading := req.Method == http.MethodGet || req.Method == http.MethodHead
		if isTidy || reading && !r.isAPI(tidy) {
			h.ServeHTTP(w, req)
			return
		}
		r.refuse(w, tidy, apiError{
			http.StatusBadRequest, errorBadData,
			`the address has an empty, "." or ".." part; account and id must be percent-encoded, a slash as %2F`,
		})
	})
}

// ownPaths are the exporter's own.
var ownPaths = []string{"/-", "/api", "/config", "/debug", "/runbooks", "/tasks"}

func checkTelemetryPath(p string) error {
	if !strings.HasPrefix(p, "/") {
		return errors.New("must begin with a slash")
	}
	if p == "/" {
		return nil
	}
	if err := checkPath(p); err != nil {
		return err
	}
	for _, own := range ownPaths {
		if p == own || strings.HasPrefix(p, own+"/") {
			return fmt.Errorf("%s is the exporter's own", own)
		}
	}
	return nil
}

// checkPath accepts what stands in a pattern of a ServeMux, in a link and in a
// request as it is.
func checkPath(p string) error {
	if p == "" {
		return nil
	}
	if path.Clean(p) != p {
		return errors.New(`must have no empty, "." or ".." part and must not end with a slash`)
	}
	if (&url.URL{Path: p}).EscapedPath() != p {
		return errors.New("must consist of characters that need no escaping in a URL")
	}
	return nil
}

// cleanPrefix is "" or begins with a slash and ends without one.
func cleanPrefix(prefix string) string {
	prefix = strings.Trim(prefix, "/")
	if prefix == "" {
		return ""
	}
	return "/" + prefix
}

// The policies of a page's content: nothing may be loaded, sent or framed.
// Inline styles are allowed to the Go runtime's own pages alone.
const (
	strictPolicy   = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	profilesPolicy = strictPolicy + "; style-src 'unsafe-inline'"
)

// secure sets the headers that every answer has. A page that needs more sets
// its own policy.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", strictPolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		// Everything here is true at this moment only.
		header.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, strings.TrimRight(text, "\n"))
}
