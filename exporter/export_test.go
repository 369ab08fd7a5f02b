package exporter

import (
	"context"
	"net/http"
)

// Pages is everything that the exporter serves, without a server.
func (e *Exporter) Pages() (http.Handler, error) { return e.pages() }

// Work begins what the exporter does while it serves.
func (e *Exporter) Work(ctx context.Context) (ended func() error) { return e.work(ctx, func() {}) }
