package client

import (
	"reflect"

	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

// TLSConfig is prometheus/common's configuration of TLS, behind a pointer like
// [HTTPConfig].
type TLSConfig struct {
	*promconfig.TLSConfig
	secret.Opaque
}

// MarshalYAML returns the keys that were given, without secrets.
func (c TLSConfig) MarshalYAML() (any, error) { return c.TLSConfig, nil }

// IsZero reports whether there is nothing to show.
func (c TLSConfig) IsZero() bool { return c.TLSConfig == nil || *c.TLSConfig == promconfig.TLSConfig{} }

// TLSKeys returns every key of prometheus/common's TLS configuration.
func TLSKeys() []string { return sortedKeys(fieldsOf(reflect.TypeFor[promconfig.TLSConfig]())) }

// ReadTLS reads prometheus/common's tls_config. The certificates of clients are read
// again for each connection, those of authorities when the exporter starts.
func ReadTLS(v form.Value) TLSConfig {
	c := &promconfig.TLSConfig{}
	shown := TLSConfig{c, "tls_config"}
	before := len(v.R.Errs)
	if !v.Given() {
		return shown
	}
	checkShape(v, "tls_config", reflect.TypeFor[promconfig.TLSConfig]())
	if len(v.R.Errs) == before && decode(v, c) {
		checkTLS(v, c)
	}
	return shown
}
