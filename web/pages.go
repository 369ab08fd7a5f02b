package web

import (
	_ "embed" // for landing.css
	"fmt"
	"html"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status"
	"prefetch_exporter/web/words"
)

//go:embed landing.css
var landingCSS string

func (o Options) addPages(r routes) error {
	if o.TelemetryPath == "/" {
		r.handle(http.MethodGet, "/{$}", o.Metrics)
	} else {
		landing, err := o.landingPage()
		if err != nil {
			return fmt.Errorf("landing page: %w", err)
		}
		r.handle(http.MethodGet, "/{$}", landing)
		r.handle(http.MethodGet, o.TelemetryPath, o.Metrics)
	}
	r.handle(http.MethodGet, "/-/healthy", http.HandlerFunc(o.healthy))
	r.handle(http.MethodGet, "/-/ready", http.HandlerFunc(o.ready))
	r.handle(http.MethodPost, "/-/reload", http.HandlerFunc(o.reload))
	r.handle(http.MethodPut, "/-/reload", http.HandlerFunc(o.reload))
	r.handle(http.MethodPost, "/-/retry", http.HandlerFunc(o.retry))
	r.handle(http.MethodPut, "/-/retry", http.HandlerFunc(o.retry))
	return nil
}

// addStatus adds the pages for people.
func (o Options) addStatus(r routes) error {
	pages, err := status.New(status.Options{Snapshot: o.Snapshot, Runbooks: o.Runbooks, Retry: o.Retry != nil, Group: o.Group})
	if err != nil {
		return fmt.Errorf("status pages: %w", err)
	}
	r.handle(http.MethodGet, "/tasks", http.HandlerFunc(pages.ServeTasks))
	r.handle(http.MethodGet, "/tasks/{$}", relativeRedirect("../tasks"))
	place := strings.Count(r.prefix+"/tasks/", "/")
	r.handle(http.MethodGet, "/tasks/", named(place, http.HandlerFunc(pages.ServeTask), pages.ServeMissing))
	r.handle(http.MethodGet, "/config", o.config(pages))
	r.handle(http.MethodGet, "/runbooks", relativeRedirect("runbooks/"))
	r.handle(http.MethodGet, "/runbooks/{$}", http.HandlerFunc(pages.ServeRunbooks))
	return nil
}

// relativeRedirect leads to an address seen from the one that was asked for: it
// holds behind a proxy that cuts a prefix off, which an absolute path does not.
func relativeRedirect(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		location := address
		if r.URL.RawQuery != "" {
			location += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
}

func (o Options) healthy(w http.ResponseWriter, _ *http.Request) {
	if o.Unwell != nil {
		if wrong := o.Unwell(); len(wrong) > 0 {
			plain(w, http.StatusServiceUnavailable, "Not healthy: "+strings.Join(wrong, "; "))
			return
		}
	}
	plain(w, http.StatusOK, "Healthy")
}

func (o Options) ready(w http.ResponseWriter, _ *http.Request) {
	if o.Group != nil && !o.Group().Loaded {
		plain(w, http.StatusServiceUnavailable, "Not ready: the store was not read yet; etcd may be away")
		return
	}
	if !o.Ready() {
		plain(w, http.StatusServiceUnavailable, "Not ready: state is being restored")
		return
	}
	plain(w, http.StatusOK, "Ready")
}

// config answers browsers, which ask for HTML by name, with a page, and programs
// with the text.
func (o Options) config(pages *status.Pages) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept")
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			pages.ServeConfig(w, o.Config())
			return
		}
		plain(w, http.StatusOK, string(o.Config()))
	})
}

const noLifecycle = "Lifecycle API is not enabled; see --web.enable-lifecycle"

func (o Options) reload(w http.ResponseWriter, r *http.Request) {
	if o.Reload == nil {
		plain(w, http.StatusForbidden, noLifecycle)
		return
	}
	if err := o.Reload(r.Context()); err != nil {
		plain(w, http.StatusInternalServerError, "failed to reload config: "+err.Error())
		return
	}
	plain(w, http.StatusOK, "Reloaded")
}

// retry has an account ask again that waits after failures. A browser, which has
// a button for it, is led back to the accounts.
func (o Options) retry(w http.ResponseWriter, r *http.Request) {
	if o.Retry == nil {
		plain(w, http.StatusForbidden, noLifecycle)
		return
	}
	query := r.URL.Query()
	account := query.Get("account")
	for name, values := range query {
		if name != "account" || len(values) != 1 || account == "" {
			plain(w, http.StatusBadRequest, "the only parameter is account, the name of one account; without it, all are meant")
			return
		}
	}
	if problem := o.elsewhere(account); problem != "" {
		plain(w, http.StatusConflict, problem)
		return
	}
	if !o.Retry(account) {
		plain(w, http.StatusNotFound, "there is no account of this name")
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Location", "../tasks#accounts")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	plain(w, http.StatusOK, "Asking again as soon as the quota allows")
}

// elsewhere says who asks for an account if this replica does not, or that it asks for
// none if no account is named; "" if the account can be asked for here.
func (o Options) elsewhere(account string) string {
	if account == "" {
		accounts := o.Snapshot().Accounts
		if len(accounts) == 0 || slices.ContainsFunc(accounts, func(a prefetch.AccountState) bool { return a.Owned }) {
			return ""
		}
		return "this replica asks for no account"
	}
	state := o.Snapshot().Account(account)
	switch {
	case state == nil || state.Owned:
		return ""
	case state.Owner == "":
		return fmt.Sprintf("no replica asks for account %q now", account)
	default:
		return fmt.Sprintf("replica %q asks for account %q; tell it there", state.Owner, account)
	}
}

// landingPage is exporter-toolkit's. Its links are relative, so that they hold
// behind a proxy that cuts a prefix off as well.
func (o Options) landingPage() (http.Handler, error) {
	const here = "./"
	description := "Prometheus exporter for the health of CDN prefetch tasks"
	if o.Group != nil {
		description += "; replica " + html.EscapeString(words.Readable(o.Group().Replica))
	}
	page, err := toolkit.NewLandingPage(toolkit.LandingConfig{
		Name:        "prefetch_exporter",
		Description: description,
		Version:     version.Info(),
		RoutePrefix: here,
		CSS:         landingCSS,
		Links: []toolkit.LandingLinks{
			{Address: "/tasks", Text: "Status", Description: "accounts and tasks, for people"},
			{Address: "/runbooks/", Text: "Runbooks", Description: "what each alert means, and what to do"},
			// The page is a text template, which escapes nothing.
			{Address: html.EscapeString(o.TelemetryPath), Text: "Metrics", Description: "what Prometheus scrapes"},
			{Address: "/api/v1/tasks", Text: "Tasks as JSON", Description: "every task that is watched, for programs"},
			{Address: "/api/v1/accounts", Text: "Accounts as JSON", Description: "what was asked last, what comes next, and who asks"},
			{Address: "/api/v1/sd/urls", Text: "URLs to probe", Description: "a sample of what succeeded, for Prometheus' HTTP service discovery"},
			{Address: "/config", Text: "Configuration", Description: "in force now, secrets masked"},
			{Address: "/-/healthy", Text: "Health"},
			{Address: "/-/ready", Text: "Readiness"},
		},
		Profiling: strconv.FormatBool(o.Profiles),
	})
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	policy := strictPolicy + "; style-src " + status.Hash(landingCSS)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		// The toolkit serves the path that its prefix is.
		asked := r.Clone(r.Context())
		asked.URL.Path = here
		page.ServeHTTP(w, asked)
	}), nil
}

func addProfiles(r routes) {
	for _, p := range []struct {
		method, path string
		serve        http.HandlerFunc
	}{
		{http.MethodGet, "/debug/pprof/", pprof.Index},
		{http.MethodGet, "/debug/pprof/cmdline", pprof.Cmdline},
		{http.MethodGet, "/debug/pprof/profile", pprof.Profile},
		{http.MethodGet, "/debug/pprof/symbol", pprof.Symbol},
		{http.MethodPost, "/debug/pprof/symbol", pprof.Symbol},
		{http.MethodGet, "/debug/pprof/trace", pprof.Trace},
	} {
		// The index reads a profile's name off a path without prefix.
		r.handle(p.method, p.path, http.StripPrefix(r.prefix, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Security-Policy", profilesPolicy)
			p.serve(w, req)
		})))
	}
}
