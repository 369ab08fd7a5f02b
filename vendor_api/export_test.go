package vendorapi

import (
	"net/http"
	"testing"

	promconfig "github.com/prometheus/common/config"
)

// KeepConnections makes a client use connections again, as none does outside of
// tests, over the network that every client has.
func KeepConnections(t *testing.T, c *Client) {
	t.Helper()
	rt, err := newTransport(promconfig.HTTPClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := rt.(*http.Transport)
	if !ok {
		t.Fatalf("a %T", rt)
	}
	transport.DisableKeepAlives = false
	c.http.Transport = transport
	t.Cleanup(transport.CloseIdleConnections)
}
