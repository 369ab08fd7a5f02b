package exporter

import (
	"context"
	"net/http"

	"prefetch_exporter/config"
	"prefetch_exporter/poller"
)

// Accounts makes the poller's accounts of a configuration, with their clients.
func Accounts(cfg *config.Config) ([]poller.Account, error) {
	return newProviders(nil, nil).accounts(cfg)
}

// Pages is everything that the exporter serves, without a server.
func (e *Exporter) Pages() (http.Handler, error) { return e.pages() }

// Work begins what the exporter does while it serves.
func (e *Exporter) Work(ctx context.Context) (ended func() error) { return e.work(ctx, func() {}) }
