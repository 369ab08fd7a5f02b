// Package address reads the addresses of servers in a configuration, and says how they
// may be shown: without what may be a credential.
package address

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

// The schemes of addresses.
const (
	HTTP  = "http"
	HTTPS = "https"
)

var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)

// Endpoint reads the address of a vendor's service: https://host[:port]. It
// returns it in lower case, without a port that the scheme implies, so that
// equal endpoints are equal texts.
func Endpoint(v form.Value) string {
	u := Server(v)
	if u == nil {
		return ""
	}
	if u.Scheme == HTTP && !Loopback(u.Hostname()) {
		v.Warnf("credentials and answers are sent unencrypted; use https://")
	}
	return u.Scheme + "://" + normalHost(u)
}

// Server reads the address of a server, which is a scheme, a host and perhaps a
// port; nil if it was not given, or after it reported what is wrong.
func Server(v form.Value) *url.URL {
	text := v.Text()
	if text == "" {
		return nil
	}
	u := Parse(v, text)
	switch {
	case u == nil:
		return nil
	case u.User != nil:
		v.Failf("must not contain a user name or password")
	case u.Path != "" && u.Path != "/":
		v.Failf("must not contain a path")
	case u.RawQuery != "" || u.ForceQuery:
		v.Failf("must not contain a query")
	default:
		return u
	}
	return nil
}

// Parse returns an absolute http or https URL, or nil after it reported
// what is wrong. Its messages never show the URL, which may hold a password.
func Parse(v form.Value, text string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		v.Failf("is not a URL")
	case u.Scheme != HTTPS && u.Scheme != HTTP:
		v.Failf("must begin with https:// or http://")
	case !ValidHost(u):
		v.Failf("has no valid host and port")
	case strings.Contains(text, "#"):
		v.Failf("must not contain a fragment")
	default:
		return u
	}
	return nil
}

// ValidHost reports whether a URL has a host, as a name or an address, and a port that
// can be if it has one.
func ValidHost(u *url.URL) bool {
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	if strings.HasPrefix(u.Host, "[") {
		_, err := netip.ParseAddr(u.Hostname())
		return err == nil
	}
	return hostForm.MatchString(u.Hostname())
}

func normalHost(u *url.URL) string {
	name, port := strings.ToLower(u.Hostname()), u.Port()
	implied := map[string]string{HTTP: "80", HTTPS: "443"}
	if port != "" && port != implied[u.Scheme] {
		return net.JoinHostPort(name, port)
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

// Loopback reports whether a host is this machine.
func Loopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// WithoutCredentials returns a URL as it may be shown: without user name,
// password and query, which may be credentials too.
func WithoutCredentials(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return secret.Masked
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return u.String()
}

// Masked returns a URL with <secret> for its credentials and its query.
func Masked(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return secret.Masked
	}
	shown := WithoutCredentials(text)
	if u.User != nil {
		shown = strings.Replace(shown, "://", "://"+secret.Masked+"@", 1)
	}
	if u.RawQuery != "" {
		shown += "?" + secret.Masked
	}
	return shown
}

// Host is the host and port of an endpoint.
func Host(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	return u.Host
}
