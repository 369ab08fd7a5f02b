package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"

	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// Options are what the pages need.
type Options struct {
	// Metrics serves TelemetryPath, which begins with a slash.
	Metrics       http.Handler
	TelemetryPath string
	// RoutePrefix is put before every route; "/" or empty for none.
	RoutePrefix string
	// Ready reports whether state is restored and every loop runs.
	Ready func() bool
	// Config returns the configuration in force, its secrets masked.
	Config func() []byte
	// Reload loads the configuration anew; nil where that is not allowed.
	Reload func(ctx context.Context) error
	// Profiles serves the runtime's profiles under /debug/pprof/.
	Profiles bool
	Logger   *slog.Logger
}

// New returns the handler of all routes.
func New(o Options) (http.Handler, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	landing, err := landingPage(o)
	if err != nil {
		return nil, fmt.Errorf("landing page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", landing)
	mux.Handle(o.TelemetryPath, o.Metrics)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "Healthy")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			plain(w, http.StatusServiceUnavailable, "Not ready: state is being restored")
			return
		}
		plain(w, http.StatusOK, "Ready")
	})
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, string(o.Config()))
	})
	mux.HandleFunc("POST /-/reload", o.reload)
	mux.HandleFunc("PUT /-/reload", o.reload)
	if o.Profiles {
		addProfiles(mux)
	}
	// A page of another site must not make a browser reload, or worse.
	return secure(prefixed(o.RoutePrefix, http.NewCrossOriginProtection().Handler(mux))), nil
}

func (o Options) reload(w http.ResponseWriter, r *http.Request) {
	if o.Reload == nil {
		plain(w, http.StatusForbidden, "Lifecycle API is not enabled; see --web.enable-lifecycle")
		return
	}
	if err := o.Reload(r.Context()); err != nil {
		plain(w, http.StatusInternalServerError, "failed to reload config: "+err.Error())
		return
	}
	plain(w, http.StatusOK, "Reloaded")
}

func landingPage(o Options) (http.Handler, error) {
	links := []toolkit.LandingLinks{
		{Address: o.TelemetryPath, Text: "Metrics", Description: "what Prometheus scrapes"},
		{Address: "/config", Text: "Configuration", Description: "in force now, secrets masked"},
		{Address: "/-/healthy", Text: "Health"},
		{Address: "/-/ready", Text: "Readiness"},
	}
	page, err := toolkit.NewLandingPage(toolkit.LandingConfig{
		Name:        "prefetch_exporter",
		Description: "Prometheus exporter for the health of CDN prefetch tasks",
		Version:     version.Info(),
		RoutePrefix: o.RoutePrefix,
		Links:       links,
		Profiling:   fmt.Sprint(o.Profiles),
	})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The page compares the path with its prefix, which is cut off here.
		r2 := r.Clone(r.Context())
		r2.URL.Path = cleanPrefix(o.RoutePrefix) + "/"
		page.ServeHTTP(w, r2)
	}), nil
}

func addProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

// prefixed serves h under the prefix and leads the root there.
func prefixed(prefix string, h http.Handler) http.Handler {
	prefix = cleanPrefix(prefix)
	if prefix == "" {
		return h
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler(prefix+"/", http.StatusFound))
	mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
	return mux
}

// cleanPrefix is "" or begins with a slash and ends without one.
func cleanPrefix(prefix string) string {
	prefix = strings.Trim(prefix, "/")
	if prefix == "" {
		return ""
	}
	return "/" + prefix
}

// secure sets the headers that every answer should have.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.ServeHTTP(w, r)
	})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, strings.TrimRight(text, "\n"))
}

// ExternalURL is the address under which people reach the exporter, with a
// trailing slash in no case. Without a setting it is made of the host's name
// and the port of the listen address.
func ExternalURL(setting, hostname, listenAddress string) (*url.URL, error) {
	if setting == "" {
		port := listenAddress[strings.LastIndex(listenAddress, ":")+1:]
		setting = "http://" + hostname + ":" + port + "/"
	}
	if strings.ContainsAny(setting, "\"'") {
		return nil, errors.New("URL must not begin or end with quotes")
	}
	u, err := url.Parse(setting)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", setting, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q: want http:// or https:// and a host", setting)
	}
	u.Path = cleanPrefix(u.Path)
	return u, nil
}
