package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"

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
	URL             Secret         `yaml:"url"`
	RefreshInterval model.Duration `yaml:"refresh_interval"`
	// HTTPClientConfig may use everything that prometheus/common offers, but
	// references to a secret manager; file paths in it are absolute.
	HTTPClientConfig HTTPClientConfig `yaml:"http_client_config,omitempty"`
}

// Source returns the URL without credentials and query, as it may be shown and
// as it is the `source` label. It is unique in a configuration.
func (h HTTPDiscovery) Source() string { return withoutCredentials(h.URL.Value()) }

func readTaskDiscovery(v value) TaskDiscovery {
	m, _ := v.mapping()
	return TaskDiscovery{
		Files: readGlobs(m.get("files")),
		HTTP:  readHTTPDiscoveries(m.get("http")),
	}
}

func readGlobs(v value) []string {
	var globs []string
	first := map[string]int{}
	for _, item := range v.list() {
		glob := item.text()
		if glob == "" {
			continue
		}
		if _, err := filepath.Match(glob, ""); err != nil {
			item.failf("%s is not a file name or pattern", strict.Quote(glob))
			continue
		}
		if !filepath.IsAbs(glob) {
			glob = filepath.Join(escapeGlob(v.r.dir), glob)
		}
		if line, twice := first[glob]; twice {
			item.failf("is listed already, in line %d", line)
			continue
		}
		first[glob] = item.line
		globs = append(globs, glob)
	}
	return globs
}

// escapeGlob makes a pattern that matches dir only.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func readHTTPDiscoveries(v value) []HTTPDiscovery {
	var all []HTTPDiscovery
	first := map[string]int{}
	for _, item := range v.list() {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		h := HTTPDiscovery{
			RefreshInterval: m.get("refresh_interval").duration(
				span[time.Duration]{def: time.Minute, low: time.Second, high: day}),
			HTTPClientConfig: readHTTP(m.get("http_client_config"), httpKeys()),
		}
		address := readDiscoveryURL(m.get("url"), &h.HTTPClientConfig)
		if address == "" {
			continue
		}
		h.URL = Secret{opaque(maskedURL(address)), &secretSource{value: address}}
		all = append(all, h)
		if line, twice := first[h.Source()]; twice {
			m.get("url").failf("differs from the URL in line %d only in what is not shown; each needs a name of its own", line)
			continue
		}
		first[h.Source()] = m.get("url").line
	}
	return all
}

func readDiscoveryURL(v value, client *HTTPClientConfig) string {
	text := v.requiredText()
	if text == "" {
		return ""
	}
	u := parseAddress(v, text)
	if u == nil {
		return ""
	}
	v.warnVariable(text)
	credentials := u.User != nil || client.BasicAuth != nil || client.Authorization != nil ||
		client.OAuth2 != nil || client.HTTPHeaders != nil
	if credentials && u.Scheme == schemeHTTP && !loopback(u.Hostname()) {
		v.warnf("credentials are sent unencrypted; use https://")
	}
	return u.String()
}
