// Package client reads prometheus/common's configuration of HTTP clients and of TLS
// strictly, and says what may be shown of it.
package client

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/internal/strict"
)

// HTTPConfig is prometheus/common's configuration of an HTTP client, which
// by itself prints its secrets in clear. It is behind a pointer, since fmt prints
// what is reached without one past every method when a verb does not fit.
type HTTPConfig struct {
	*promconfig.HTTPClientConfig
	secret.Opaque

	// shows is what may be shown; nil if there is nothing.
	shows *yaml.Node
}

// MarshalYAML returns the keys that may be used where it stands, without secrets.
func (c HTTPConfig) MarshalYAML() (any, error) { return c.shows, nil }

// IsZero reports whether there is nothing to show.
func (c HTTPConfig) IsZero() bool { return c.shows == nil }

// VendorHTTPKeys are the keys of http_client_config that an account may use.
// All others would interfere with how the vendor is called: with its
// authentication, and with the rule that a call is one request.
func VendorHTTPKeys() []string {
	return []string{"tls_config", "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header"}
}

// HTTPKeys returns every key of prometheus/common's HTTP client configuration.
func HTTPKeys() []string {
	return sortedKeys(fieldsOf(reflect.TypeFor[promconfig.HTTPClientConfig]()))
}

// ReadVendorHTTP reads the http_client_config of an account.
func ReadVendorHTTP(v form.Value) HTTPConfig {
	c := ReadHTTP(v, VendorHTTPKeys())
	c.FollowRedirects = false
	if c.TLSConfig.InsecureSkipVerify {
		v.Warnf("insecure_skip_verify: the vendor's certificate is not checked, so anybody on the way can read the credentials")
	}
	return c
}

// ReadHTTP reads a configuration of prometheus/common's HTTP client of which
// only some keys may be used. Its form is checked here, key by key, because the
// library would tell only of the first problem, without its line and with the
// value in clear; what the keys mean together, the library checks.
func ReadHTTP(v form.Value, allowed []string) HTTPConfig {
	settings := decodeHTTP(v, allowed)
	shows, err := maskHTTP(settings, allowed)
	if err != nil {
		v.Failf("cannot be shown: %w", err)
	}
	return HTTPConfig{&settings, "http_client_config", shows}
}

func decodeHTTP(v form.Value, allowed []string) promconfig.HTTPClientConfig {
	c := promconfig.DefaultHTTPClientConfig
	m, ok := v.MappingOf(HTTPKeys())
	if !ok || len(m.Keys) == 0 {
		return c
	}
	before := len(v.R.Errs)
	fields := fieldsOf(reflect.TypeFor[promconfig.HTTPClientConfig]())
	for _, key := range m.Keys {
		if !slices.Contains(allowed, key) {
			m.Get(key).Failf("is not allowed for an account; only TLS and proxy keys are: %s", strings.Join(allowed, ", "))
			continue
		}
		checkShape(m.Get(key), key, fields[key])
	}
	if len(v.R.Errs) > before || !decode(v, &c) {
		return promconfig.DefaultHTTPClientConfig
	}
	checkTLS(m.Get("tls_config"), &c.TLSConfig)
	if c.OAuth2 != nil {
		checkTLS(m.Get("oauth2"), &c.OAuth2.TLSConfig)
	}
	return c
}

// decode reads v, whose form was checked, into a configuration, with absolute paths. It
// is false after it reported an error of prometheus/common's own checks. A type error
// quotes the value, so only that there was one is told; checkShape finds them all
// before it comes to that.
func decode(v form.Value, c interface{ SetDirectory(dir string) }) bool {
	err := v.Node.Decode(c)
	if _, wrong := errors.AsType[*yaml.TypeError](err); wrong {
		v.Failf("has a value of the wrong type")
	} else if err != nil {
		v.Failf("%w", err)
	}
	c.SetDirectory(v.R.Dir)
	return err == nil
}

func checkTLS(v form.Value, c *promconfig.TLSConfig) {
	if _, err := promconfig.NewTLSConfig(c); err != nil {
		v.Failf("%w", err)
	}
}

// checkShape reports what in v does not have the form of t: unknown keys, wrong
// types, files that cannot be read. The key is the one that v stands under.
func checkShape(v form.Value, key string, t reflect.Type) {
	switch {
	case t.Kind() == reflect.Pointer:
		checkShape(v, key, t.Elem())
	case strings.HasSuffix(key, "_ref"):
		v.Failf("references to a secret manager are not supported; use the key that ends in _file")
	case t == reflect.TypeFor[promconfig.TLSVersion]():
		checkTLSVersion(v)
	case t == reflect.TypeFor[promconfig.URL]():
		checkProxyURL(v)
	case t == reflect.TypeFor[promconfig.Headers]():
		checkShape(v, key, reflect.TypeFor[map[string]promconfig.Header]())
	case t.Kind() == reflect.Struct:
		checkStruct(v, t)
	case t.Kind() == reflect.Map:
		checkMap(v, t)
	case t.Kind() == reflect.Slice:
		for _, item := range v.List() {
			checkShape(item, key, t.Elem())
		}
	case t.Kind() == reflect.Bool:
		v.Boolean()
	case t.Kind() == reflect.String:
		checkString(v, key)
	}
}

func checkStruct(v form.Value, t reflect.Type) {
	fields := fieldsOf(t)
	m, _ := v.MappingOf(sortedKeys(fields))
	for _, key := range m.Keys {
		checkShape(m.Get(key), key, fields[key])
	}
}

func checkMap(v form.Value, t reflect.Type) {
	m, _ := v.Mapping()
	// The key is the user's own word here and says nothing of its value.
	meaning := ""
	if t == reflect.TypeFor[promconfig.ProxyHeader]() {
		meaning = "values"
	}
	for _, key := range m.Keys {
		checkShape(m.Get(key), meaning, t.Elem())
	}
}

// checkString checks a text, and reads the file whose name it is: one that cannot be
// read, or that holds what no credential does, must be an error now, and not the
// failure of a later request.
func checkString(v form.Value, key string) {
	text := v.Text()
	name, inFile := strings.CutSuffix(key, "_file")
	if text == "" {
		return
	}
	check := contentOf(name)
	path := ""
	if inFile || key == "files" {
		path = v.R.Absolute(text)
		v.R.Files = append(v.R.Files, path)
		data, err := secret.ReadFile(path)
		switch {
		case err != nil:
			v.Failf("%w", err)
			return
		case len(data) == 0:
			v.Failf("%s: %w", path, secret.ErrEmpty)
			return
		}
		// As the library reads it, which would send a byte-order mark.
		text = strings.TrimSpace(string(data))
	}
	if check == nil {
		return
	}
	if err := check(text); err != nil {
		if path != "" {
			err = fmt.Errorf("%s: %w", path, err)
		}
		v.Failf("%w", err)
		return
	}
	v.WarnMistaken(text)
}

// contentOf returns what may stand under a key of prometheus/common, given without
// its _file; nil where that is no credential.
func contentOf(name string) secret.Content {
	switch name {
	case "credentials", "bearer_token", "client_secret":
		return secret.CheckKey
	case "password", "secrets", "values", "files":
		return secret.CheckPassword
	default:
		return nil
	}
}

func checkTLSVersion(v form.Value) {
	text := v.Text()
	if _, ok := promconfig.TLSVersions[text]; !ok && text != "" {
		v.Failf("%s is not a TLS version; known are %s", strict.Quote(text), strings.Join(sortedKeys(promconfig.TLSVersions), ", "))
	}
}

func checkProxyURL(v form.Value) {
	text := v.Text()
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || !address.ValidHost(u) || !slices.Contains([]string{address.HTTP, address.HTTPS, "socks5", "socks5h"}, u.Scheme) {
		v.Failf("must be a URL such as http://proxy.example.com:3128; http, https, socks5 and socks5h are possible")
	}
}

// fieldsOf returns the type of every key that t has in YAML.
func fieldsOf(t reflect.Type) map[string]reflect.Type { return maps.Collect(form.Fields(t)) }

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
