package httpanswer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// NameProxy returns rt with errors that name the proxy where it is the proxy that
// did not connect. net/http tells nothing but the text of the proxy's status then,
// such as "Forbidden", which reads as if the server had said it. proxy is what rt
// asks for the proxy of a request, and may be nil.
func NameProxy(rt http.RoundTripper, proxy func(*http.Request) (*url.URL, error)) http.RoundTripper {
	if proxy == nil {
		return rt
	}
	return &proxyNamer{next: rt, proxy: proxy}
}

type proxyNamer struct {
	next  http.RoundTripper
	proxy func(*http.Request) (*url.URL, error)
}

// RoundTrip implements [http.RoundTripper].
func (p *proxyNamer) RoundTrip(req *http.Request) (*http.Response, error) {
	// Only https goes through a connection that the proxy is asked for.
	if req.URL.Scheme != "https" {
		return p.next.RoundTrip(req) //nolint:wrapcheck // a RoundTripper in between
	}
	address, err := p.proxy(req)
	if err != nil || address == nil || address.Scheme != "http" && address.Scheme != "https" {
		return p.next.RoundTrip(req) //nolint:wrapcheck // a RoundTripper in between
	}
	asked := connecting{overTLS: address.Scheme == "https"}
	resp, err := p.next.RoundTrip(req.WithContext(asked.watch(req.Context())))
	if err == nil || !asked.unanswered() {
		return resp, err //nolint:wrapcheck // a RoundTripper in between
	}
	if status, ok := refusal(err); ok {
		return nil, fmt.Errorf("the proxy %s refused to connect: %s", address.Host, status)
	}
	return nil, fmt.Errorf("the proxy %s did not connect: %w", address.Host, err)
}

// CloseIdleConnections does what [http.Client.CloseIdleConnections] asks for.
func (p *proxyNamer) CloseIdleConnections() {
	if next, ok := p.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// connecting watches how far a connection through a proxy came. A dial may go on
// after its request has failed.
type connecting struct {
	overTLS                     bool // to the proxy itself
	reached, secured, got, over atomic.Bool
}

func (c *connecting) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				c.reached.Store(true)
			}
		},
		TLSHandshakeStart: func() {
			if !c.overTLS || c.secured.Load() {
				c.over.Store(true) // the one with the server has begun
			}
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				c.secured.Store(true)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// unanswered reports whether the proxy was reached and no connection to the server
// came of it.
func (c *connecting) unanswered() bool {
	return c.reached.Load() && (!c.overTLS || c.secured.Load()) && !c.over.Load() && !c.got.Load()
}

// refusal returns the proxy's status if that is what err tells: net/http drops its
// number and gives the rest as an error of no type.
func refusal(err error) (status string, ok bool) {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Unwrap(err) != nil {
		return "", false
	}
	text := err.Error()
	for number := http.StatusMultipleChoices; number <= http.StatusNetworkAuthenticationRequired; number++ {
		if http.StatusText(number) == text {
			return fmt.Sprintf("%d %s", number, text), true
		}
	}
	return cut(text), true
}
