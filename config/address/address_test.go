package address_test

import (
	"net/url"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/form"
)

// read reads an address as a configuration has it, and returns the first problem with
// it, and the first warning.
func read(text string) (endpoint, problem, warning string) {
	r := &form.Reader{File: "config.yml"}
	endpoint = address.Endpoint(form.Value{R: r, Node: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}, Line: 1, Field: "endpoint"})
	if len(r.Errs) > 0 {
		problem = r.Errs[0].Message
	}
	if len(r.Warnings) > 0 {
		warning = r.Warnings[0].Message
	}
	return endpoint, problem, warning
}

// Equal endpoints are equal texts.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://example.com":          "https://example.com",
		"https://EXAMPLE.com:443/":     "https://example.com",
		"https://example.com:8443":     "https://example.com:8443",
		"http://127.0.0.1:80":          "http://127.0.0.1",
		"http://[::1]:80":              "http://[::1]",
		"http://[::ffff:127.0.0.1]:81": "http://[::ffff:127.0.0.1]:81",
		"http://a.LOCALHOST:443":       "http://a.localhost:443",
	} {
		if got, problem, warning := read(text); got != want || problem != "" || warning != "" {
			t.Errorf("%s: %q, problem %q, warning %q", text, got, problem, warning)
		}
	}
	if got, problem, warning := read("http://example.com"); got == "" || problem != "" || !strings.Contains(warning, "unencrypted") {
		t.Errorf("without TLS: %q, problem %q, warning %q", got, problem, warning)
	}
	if got := address.Endpoint(form.Value{}); got != "" {
		t.Errorf("not given: %q", got)
	}
}

func TestNoEndpoint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "must not be empty",
		"https://u:hunter2@example.com": "user name or password",
		"https://example.com/api":       "a path",
		"https://example.com?x=1":       "a query",
		"https://example.com?":          "a query",
		"https://example.com#x":         "a fragment",
		"example.com":                   "must begin with https:// or http://",
		"ftp://example.com":             "must begin with https:// or http://",
		"https://%zz":                   "is not a URL",
		"https://":                      "no valid host and port",
		"https://bücher.example":        "no valid host and port",
		"https://example.com:":          "no valid host and port",
		"https://example.com:0":         "no valid host and port",
		"https://[fe80::1%25]":          "is not a URL",
		"https://[::zz]":                "is not a URL",
	} {
		if got, problem, _ := read(text); got != "" || !strings.Contains(problem, want) || strings.Contains(problem, "hunter2") {
			t.Errorf("%s: %q, problem %q, not %q", text, got, problem, want)
		}
	}
}

// What may be a credential is not shown, nor what cannot be read.
func TestShown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ masked, bare string }{
		"https://example.com/tasks":              {"https://example.com/tasks", "https://example.com/tasks"},
		"https://u:hunter2@example.com/?key=1#f": {"https://<secret>@example.com/?<secret>", "https://example.com/"},
		"https://example.com/%zz":                {"<secret>", "<secret>"},
	} {
		if masked, bare := address.Masked(text), address.WithoutCredentials(text); masked != want.masked || bare != want.bare {
			t.Errorf("%s is shown as %s, and as %s", text, masked, bare)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{"https://example.com": "example.com", "http://[::1]:80": "[::1]:80", "%zz": "%zz"} {
		if got := address.Host(endpoint); got != want {
			t.Errorf("the host of %s is %s", endpoint, got)
		}
	}
	for host, want := range map[string]bool{"localhost": true, "::1": true, "127.8.9.1": true, "10.0.0.1": false, "localhost.example.com": false} {
		if got := address.Loopback(host); got != want {
			t.Errorf("%s is loopback: %v", host, got)
		}
	}
	if !address.ValidHost(&url.URL{Host: "_a.example.com:1"}) || address.ValidHost(&url.URL{Host: "-a.example.com"}) {
		t.Error("what is a host?")
	}
}
