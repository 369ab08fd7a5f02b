// Package connections keeps the connections of a server's clients under a limit, so
// that no client takes the room of the others. It must not know what is served.
package connections

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

// DefaultLimit is how many connections a server holds by default: 512, or half of the
// files that the process may have open, if that is less.
func DefaultLimit() int {
	if files, ok := openFiles(); ok && files/connectionsPart < mostConnections {
		return max(1, files/connectionsPart)
	}
	return mostConnections
}

// set is the connections of a server, kept under a limit. A new connection is never
// refused: another one goes, of the client that has most, first one that waits for
// something of its client, and the oldest of these. So there is room for a scrape
// however many connections one client holds open, whatever it does with them: to
// say nothing, to send or to read slowly.
type set struct {
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

// Limit has a server that does not serve yet hold no more than limit connections, and
// logs which it closed for that.
func Limit(server *http.Server, limit int, log *loglimit.Limiter) {
	c := &set{limit: limit, log: log, all: map[net.Conn]*connection{}}
	server.Handler = c.serve(server.Handler)
	server.ConnContext, server.ConnState = c.opened, c.changed
}

// opened is a server's ConnContext.
func (c *set) opened(ctx context.Context, conn net.Conn) context.Context {
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
func (c *set) changed(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, conn)
}

// serve notes which connections wait.
func (c *set) serve(h http.Handler) http.Handler {
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

func (c *set) add(n *connection, serving int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order++
	n.since = c.order
	n.serving += serving
}

// evict closes a connection for the sake of a new one. It is called with the lock
// held.
func (c *set) evict(fresh net.Conn) {
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
