package discovery

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"prefetch_exporter/internal/foreign"
)

// plainHeaders are those of a request that say nothing secret. All others are the
// configuration's.
var plainHeaders = map[string]bool{
	"Host": true, "User-Agent": true, "Accept": true, "Accept-Encoding": true, "Connection": true,
	"X-Prometheus-Refresh-Interval-Seconds": true, "If-None-Match": true, "If-Modified-Since": true,
}

// carried are the headers that the requests of one question had on the wire, those
// included that the client adds by itself.
type carried struct {
	mu     sync.Mutex
	header http.Header
}

// watch returns a context for the question.
func (c *carried) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaderField: c.add})
}

func (c *carried) add(name string, values []string) {
	name = http.CanonicalHeaderKey(name)
	if plainHeaders[name] || strings.HasPrefix(name, ":") { // HTTP/2 has the address as a header
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, value := range values {
		c.header.Add(name, value)
	}
}

// secrets are what the question to the source had that must not be shown.
func (c *carried) secrets(source *HTTPSource) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := slices.Collect(maps.Keys(c.header))
	secrets := append(foreign.Carried(c.header, names...), foreign.ProxySecrets(&source.ClientConfig.ProxyConfig)...)
	if u, err := url.Parse(source.URL); err == nil {
		if password, ok := u.User.Password(); ok {
			secrets = append(secrets, password)
		}
		secrets = append(secrets, u.RawQuery)
		for _, values := range u.Query() {
			secrets = append(secrets, values...)
		}
	}
	// The server that gives tokens is asked by the client itself, and its answer is
	// in the error.
	if o := source.ClientConfig.OAuth2; o != nil {
		secret := string(o.ClientSecret)
		if text, err := os.ReadFile(o.ClientSecretFile); err == nil {
			secret = strings.TrimSpace(string(text))
		}
		basic := url.QueryEscape(o.ClientID) + ":" + url.QueryEscape(secret)
		secrets = append(secrets, secret, base64.StdEncoding.EncodeToString([]byte(basic)))
	}
	return secrets
}
