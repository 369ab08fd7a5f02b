package web

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	// readHeaderTimeout bounds how long a client may take to send its request.
	readHeaderTimeout = 10 * time.Second
	// writeTimeout bounds how long a client may take to read the answer, counted
	// from its request: one that reads nothing would hold a page, a connection
	// and two goroutines for ever. No scrape timeout is as long.
	writeTimeout = time.Minute
)

// NewServer returns a server of the handler that no slow client holds up. What
// the server has to say about its clients is logged as warnings.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, WriteTimeout: writeTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
