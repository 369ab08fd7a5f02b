package web

import (
	"log" //nolint:depguard // net/http wants one
	"log/slog"
	"net/http"
	"time"

	"prefetch_exporter/internal/foreign"
	"prefetch_exporter/internal/loglimit"
	"prefetch_exporter/web/connections"
)

const (
	// readHeaderTimeout bounds how long a client may take to send its request, and
	// readTimeout how long with a body, which nobody may want to read.
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	// writeTimeout bounds how long a client may take to read the answer, counted
	// from its request: one that reads nothing would hold a page, a connection
	// and two goroutines for ever. No scrape timeout is as long.
	writeTimeout = time.Minute
	// idleTimeout bounds how long a connection is kept for a next request: longer
	// than between two scrapes, mostly.
	idleTimeout = 90 * time.Second
	// mostLogged is how many warnings of a kind about clients are logged an hour.
	mostLogged = 10
)

// NewServer returns a server of the handler that no slow client and no number of
// connections holds up; at most so many are open, or [connections.DefaultLimit] if
// that is not positive. What the server has to say about its clients is logged as
// warnings, a few an hour.
func NewServer(h http.Handler, most int, logger *slog.Logger) *http.Server {
	if most <= 0 {
		most = connections.DefaultLimit()
	}
	limit := loglimit.New(logger, time.Now, mostLogged)
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: log.New(clientErrors{limit}, "", 0),
	}
	connections.Limit(server, most, limit)
	return server
}

// clientErrors logs what the server says about clients.
type clientErrors struct{ limit *loglimit.Limiter }

func (e clientErrors) Write(text []byte) (int, error) {
	e.limit.Warn("server", "the server has trouble with a client", "err", foreign.Excerpt(text))
	return len(text), nil
}
