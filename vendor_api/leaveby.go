package vendorapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// ErrTooLate is the cause of a call of which nothing left, because the function of
// [LeaveBy] said so.
var ErrTooLate = errors.New("too late to leave: charging it and connecting took too long")

// errAgain is the cause of a call that left once, on a connection that broke.
var errAgain = errors.New("the connection broke, and the request is not sent again")

type leaveKey struct{}

// LeaveBy returns a context for one call that writes its first byte only if may
// still returns true then, and writes it at most once. A [Client] asks at most once
// for each request, from any goroutine, when nothing but the write is left to do:
// after dialling, a proxy's CONNECT and the TLS handshake, below TLS. An answer of
// false ends the call with an [*Error] that is a timeout, is Unsent and wraps
// [ErrTooLate].
func LeaveBy(ctx context.Context, may func() bool) context.Context {
	return context.WithValue(ctx, leaveKey{}, may)
}

// gate lets one request pass once, or never.
type gate struct {
	may func() bool

	mu    sync.Mutex
	asked bool
	// passed is the connection on which the request left; nil if it did not.
	passed *gatedConn
}

// newGate returns the gate of a request with a context; nil if it has none.
func newGate(ctx context.Context) *gate {
	may, ok := ctx.Value(leaveKey{}).(func() bool)
	if !ok {
		return nil
	}
	return &gate{may: may}
}

// guard returns a context whose request is stopped at the gate. With none it is
// ctx itself.
func (g *gate) guard(ctx context.Context) context.Context {
	if g == nil {
		return ctx
	}
	ctx = context.WithValue(ctx, gateKey{}, g)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		conn := info.Conn
		for {
			switch c := conn.(type) {
			case *gatedConn:
				c.gate.Store(g)
				return
			case interface{ NetConn() net.Conn }: // TLS, to a proxy and inside of that
				conn = c.NetConn()
			default:
				// Not dialled here: nothing could stop the request.
				info.Conn.Close()
				return
			}
		}
	}})
}

// refused reports whether the request came to the gate and did not pass.
func (g *gate) refused() bool {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked && g.passed == nil
}

// pass returns nil if the request may be written to a connection.
func (g *gate) pass(c *gatedConn) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.asked {
		g.asked = true
		if g.may() {
			g.passed = c
		}
	}
	switch g.passed {
	case c:
		return nil
	case nil:
		return ErrTooLate
	default:
		return errAgain
	}
}

// gatedConn is a connection as it was dialled, whose gate is that of the request
// that is written to it.
type gatedConn struct {
	net.Conn

	gate atomic.Pointer[gate]
}

func (c *gatedConn) Write(b []byte) (int, error) {
	if g := c.gate.Load(); g != nil {
		if err := g.pass(c); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b) //nolint:wrapcheck // a connection in between
}

// gateDials makes every connection that a transport dials a [gatedConn].
func gateDials(transport *http.Transport) {
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &gatedConn{Conn: conn}, nil
	}
}

type gateKey struct{}

// gatedTransport is a network without connections, for tests: its gate is before
// the request as a whole.
type gatedTransport struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t gatedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if g, ok := req.Context().Value(gateKey{}).(*gate); ok {
		if err := g.pass(&gatedConn{}); err != nil {
			return nil, err
		}
	}
	return t.next.RoundTrip(req) //nolint:wrapcheck // a RoundTripper in between
}
