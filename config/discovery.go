package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/internal/strict"
)

// TaskDiscovery is where tasks are listed outside of the configuration file.
type TaskDiscovery struct {
	// Files are absolute patterns for [filepath.Glob]. If the folder of the
	// configuration file has one of the characters *?[\ in its name, that is
	// escaped by a backslash.
	Files []string        `yaml:"files,omitempty"`
	HTTP  []HTTPDiscovery `yaml:"http,omitempty"`
}

// HTTPDiscovery is a list of tasks at an address.
type HTTPDiscovery struct {
	// URL shows itself without its credentials and its query.
	URL             secret.Secret  `yaml:"url"`
	RefreshInterval model.Duration `yaml:"refresh_interval"`
	// HTTPClientConfig may use everything that prometheus/common offers, but
	// references to a secret manager; file paths in it are absolute.
	HTTPClientConfig client.HTTPConfig `yaml:"http_client_config,omitempty"`
}

// Source returns the URL without credentials and query, as it may be shown and
// as it is the `source` label. It is unique in a configuration.
func (h HTTPDiscovery) Source() string { return address.WithoutCredentials(h.URL.Value()) }

func readTaskDiscovery(v form.Value) TaskDiscovery {
	m, _ := v.Mapping()
	return TaskDiscovery{
		Files: readGlobs(m.Get("files")),
		HTTP:  readHTTPDiscoveries(m.Get("http")),
	}
}

func readGlobs(v form.Value) []string {
	var globs []string
	first := map[string]int{}
	for _, item := range v.List() {
		glob := item.Text()
		if glob == "" {
			continue
		}
		if _, err := filepath.Match(glob, ""); err != nil {
			item.Failf("%s is not a file name or pattern", strict.Quote(glob))
			continue
		}
		if !filepath.IsAbs(glob) {
			glob = filepath.Join(escapeGlob(v.R.Dir), glob)
		}
		if line, twice := first[glob]; twice {
			item.Failf("is listed already, in line %d", line)
			continue
		}
		first[glob] = item.Line
		globs = append(globs, glob)
	}
	return globs
}

// escapeGlob makes a pattern that matches dir only.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func readHTTPDiscoveries(v form.Value) []HTTPDiscovery {
	var all []HTTPDiscovery
	first := map[string]int{}
	for _, item := range v.List() {
		m, ok := item.Mapping()
		if !ok {
			continue
		}
		h := HTTPDiscovery{
			RefreshInterval: m.Get("refresh_interval").Duration(
				form.Span[time.Duration]{Def: time.Minute, Low: time.Second, High: day}),
			HTTPClientConfig: client.ReadHTTP(m.Get("http_client_config"), client.HTTPKeys()),
		}
		text := readDiscoveryURL(m.Get("url"), &h.HTTPClientConfig)
		if text == "" {
			continue
		}
		h.URL = secret.Shown(address.Masked(text), text)
		all = append(all, h)
		if line, twice := first[h.Source()]; twice {
			m.Get("url").Failf("differs from the URL in line %d only in what is not shown; each needs a name of its own", line)
			continue
		}
		first[h.Source()] = m.Get("url").Line
	}
	return all
}

func readDiscoveryURL(v form.Value, c *client.HTTPConfig) string {
	text := v.RequiredText()
	if text == "" {
		return ""
	}
	u := address.Parse(v, text)
	if u == nil {
		return ""
	}
	v.WarnVariable(text)
	credentials := u.User != nil || c.BasicAuth != nil || c.Authorization != nil ||
		c.OAuth2 != nil || c.HTTPHeaders != nil
	if credentials && u.Scheme == address.HTTP && !address.Loopback(u.Hostname()) {
		v.Warnf("credentials are sent unencrypted; use https://")
	}
	return u.String()
}
