// Package vendorapitest is what the tests of several vendors' clients use: a network
// in memory, and a look at the errors that every client must return.
package vendorapitest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	vendorapi "prefetch_exporter/vendor_api"
)

// RoundTripper answers requests without a network.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f RoundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Says answers every request with a status and a body; headers are name and value in
// turn.
func Says(status int, body string, headers ...string) RoundTripper {
	return func(req *http.Request) (*http.Response, error) {
		header := http.Header{}
		for i := 0; i+1 < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

// Client is one over rt; nil is the real network.
func Client(tb testing.TB, rt http.RoundTripper) *vendorapi.Client {
	tb.Helper()
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: rt, UserAgent: "prefetch_exporter/test"})
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// Error returns err as the error type that every failure must have.
func Error(tb testing.TB, err error) *vendorapi.Error {
	tb.Helper()
	var e *vendorapi.Error
	if !errors.As(err, &e) {
		tb.Fatalf("error %v (%T) is no *vendorapi.Error", err, err)
	}
	return e
}

// Text is a function that returns s, as keys are given.
func Text(s string) func() string { return func() string { return s } }
