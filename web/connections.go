package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"

	"prefetch_exporter/internal/loglimit"
	"prefetch_exporter/internal/peer"
)

const (
	// mostConnections is the limit of connections unless the files that may be open
	// are few; Prometheus has the same.
	mostConnections = 512
	// connectionsPart is what part of those files connections may be by default:
	// the store, calls to vendors and sources of tasks need some too.
	connectionsPart = 2
)

// DefaultConnections is how many connections a server holds by default.
func DefaultConnections() int {
	if files, ok := openFiles(); ok && files/connectionsPart < mostConnections {
		return max(1, files/connectionsPart)
	}
	return mostConnections
}

// connections keeps those of a server under a limit. A new connection is never
// refused: another one goes, of the client that has most, first one that waits for
// something of its client, and the oldest of these. So there is room for a scrape
// however many connections one client holds open, whatever it does with them: to
// say nothing, to send or to read slowly.
type connections struct {
	limit int
	log   *loglimit.Limiter

	mu    sync.Mutex
	order uint64
	all   map[net.Conn]*connection
}

// connection is one of them. It waits unless a handler serves it.
type connection struct {
	client  string
	since   uint64 // when it began to wait or to be served, by order
	serving int    // requests of it that handlers serve; HTTP/2 has several
}

type connectionKey struct{}

func newConnections(limit int, log *loglimit.Limiter) *connections {
	return &connections{limit: limit, log: log, all: map[net.Conn]*connection{}}
}

// opened is a server's ConnContext.
func (c *connections) opened(ctx context.Context, conn net.Conn) context.Context {
	n := &connection{client: peer.Of(conn.RemoteAddr().String())}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order++
	n.since = c.order
	c.all[conn] = n
	for len(c.all) > c.limit {
		c.evict(conn)
	}
	return context.WithValue(ctx, connectionKey{}, n)
}

// changed is a server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, conn)
}

// serve notes which connections wait.
func (c *connections) serve(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, ok := r.Context().Value(connectionKey{}).(*connection)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		c.add(n, 1)
		defer c.add(n, -1)
		h.ServeHTTP(w, r)
	})
}

func (c *connections) add(n *connection, serving int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order++
	n.since = c.order
	n.serving += serving
}

// evict closes a connection for the sake of a new one. It is called with the lock
// held.
func (c *connections) evict(fresh net.Conn) {
	held, most := map[string]int{}, 0
	for _, n := range c.all {
		held[n.client]++
		most = max(most, held[n.client])
	}
	var victim net.Conn
	var worst *connection
	for conn, n := range c.all {
		switch {
		case conn == fresh && most > 1: // it has older ones, or others have more
		case held[n.client] == most && (worst == nil || n.before(worst)):
			victim, worst = conn, n
		}
	}
	delete(c.all, victim)
	// TLS would say good-bye first, to somebody who may not listen.
	if secure, ok := victim.(*tls.Conn); ok {
		victim = secure.NetConn()
	}
	_ = victim.Close() // its own goroutine finds out
	c.log.Warn("connections", "too many connections are open; one of the client with most was closed",
		"limit", c.limit, "client", worst.client, "of_that_client", most)
}

// before reports whether n goes before o.
func (n *connection) before(o *connection) bool {
	if (n.serving == 0) != (o.serving == 0) {
		return n.serving == 0
	}
	return n.since < o.since
}
