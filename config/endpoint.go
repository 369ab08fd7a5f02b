package config

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

const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)

// readEndpoint reads the address of a vendor's service: https://host[:port]. It
// returns it in lower case, without a port that the scheme implies, so that
// equal endpoints are equal texts.
func readEndpoint(v form.Value) string {
	u := readServer(v)
	if u == nil {
		return ""
	}
	if u.Scheme == schemeHTTP && !loopback(u.Hostname()) {
		v.Warnf("credentials and answers are sent unencrypted; use https://")
	}
	return u.Scheme + "://" + normalHost(u)
}

// readServer reads the address of a server, which is a scheme, a host and perhaps a
// port; nil if it was not given, or after it reported what is wrong.
func readServer(v form.Value) *url.URL {
	text := v.Text()
	if text == "" {
		return nil
	}
	u := parseAddress(v, text)
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

// parseAddress returns an absolute http or https URL, or nil after it reported
// what is wrong. Its messages never show the URL, which may hold a password.
func parseAddress(v form.Value, text string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		v.Failf("is not a URL")
	case u.Scheme != schemeHTTPS && u.Scheme != schemeHTTP:
		v.Failf("must begin with https:// or http://")
	case !validHost(u):
		v.Failf("has no valid host and port")
	case strings.Contains(text, "#"):
		v.Failf("must not contain a fragment")
	default:
		return u
	}
	return nil
}

func validHost(u *url.URL) bool {
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
	implied := map[string]string{schemeHTTP: "80", schemeHTTPS: "443"}
	if port != "" && port != implied[u.Scheme] {
		return net.JoinHostPort(name, port)
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

func loopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// withoutCredentials returns a URL as it may be shown: without user name,
// password and query, which may be credentials too.
func withoutCredentials(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return secret.Masked
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return u.String()
}

// maskedURL returns a URL with <secret> for its credentials and its query.
func maskedURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return secret.Masked
	}
	shown := withoutCredentials(text)
	if u.User != nil {
		shown = strings.Replace(shown, "://", "://"+secret.Masked+"@", 1)
	}
	if u.RawQuery != "" {
		shown += "?" + secret.Masked
	}
	return shown
}
