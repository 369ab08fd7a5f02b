package vendorapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	promconfig "github.com/prometheus/common/config"
)

// maxHeader bounds the header of an answer, in bytes. A short one of its own costs
// twenty times its length, so net/http's own bound of 10 MiB is none.
const maxHeader = 256 << 10

// newTransport returns the network, by the TLS and proxy settings alone: anything
// else that the type can hold, such as credentials or headers, would be sent
// beside the vendor's own authentication.
//
// Connections are not kept alive and HTTP/2 is off, because net/http silently
// repeats a GET when a kept connection turns out to be closed, and again when
// an HTTP/2 stream is refused: each would be a call that no budget knows of.
func newTransport(settings promconfig.HTTPClientConfig) (http.RoundTripper, error) {
	proxy := promconfig.HTTPClientConfig{ProxyConfig: settings.ProxyConfig}
	limited := func(tlsConfig *tls.Config) (http.RoundTripper, error) {
		rt, err := promconfig.NewRoundTripperFromConfig(proxy, "vendor",
			promconfig.WithKeepAlivesDisabled(), promconfig.WithHTTP2Disabled())
		if err != nil {
			return nil, fmt.Errorf("HTTP client: %w", err)
		}
		transport, ok := rt.(*http.Transport)
		if !ok {
			return nil, fmt.Errorf("HTTP client: a %T where a transport is expected", rt)
		}
		transport.TLSClientConfig, transport.MaxResponseHeaderBytes = tlsConfig, maxHeader
		gateDials(transport)
		return transport, nil
	}
	tlsConfig, err := promconfig.NewTLSConfig(&settings.TLSConfig)
	if err != nil {
		return nil, fmt.Errorf("HTTP client: %w", err)
	}
	t := &settings.TLSConfig
	if t.CAFile == "" && t.CertFile == "" && t.KeyFile == "" {
		return limited(tlsConfig)
	}
	files := promconfig.TLSRoundTripperSettings{
		CA: tlsPart(t.CA, t.CAFile), Cert: tlsPart(t.Cert, t.CertFile), Key: tlsPart(string(t.Key), t.KeyFile),
	}
	// It reads the files again when they change.
	rt, err := promconfig.NewTLSRoundTripperWithContext(context.Background(), tlsConfig, files, limited)
	if err != nil {
		return nil, fmt.Errorf("HTTP client: %w", err)
	}
	return rt, nil
}

// tlsPart is one of the texts that TLS needs, which stands in the configuration or
// in a file; nil if in neither.
func tlsPart(text, file string) promconfig.SecretReader {
	switch {
	case text != "":
		return promconfig.NewInlineSecret(text)
	case file != "":
		return promconfig.NewFileSecret(file)
	default:
		return nil
	}
}
