package exporter

import (
	"context"
	"net/http"
	"time"

	"prefetch_exporter/prefetch"
)

// Pages is everything that the exporter serves, without a server.
func (e *Exporter) Pages() (http.Handler, error) { return e.pages() }

// Work begins what the exporter does while it serves.
func (e *Exporter) Work(ctx context.Context) (ended func() error) { return e.work(ctx) }

// Endings remembers since when tasks are over, as the exporter does.
type Endings struct{ seen endings }

// NewEndings remembers nothing yet.
func NewEndings() Endings { return Endings{endings{}} }

// Over are the ids of the tasks that may be forgotten now.
func (e Endings) Over(s prefetch.Snapshot, now time.Time, after time.Duration) (ids []string) {
	for name := range e.seen.over(s, now, after) {
		ids = append(ids, name.id)
	}
	return ids
}
