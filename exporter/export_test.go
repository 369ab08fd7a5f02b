package exporter

import (
	"time"

	"prefetch_exporter/prefetch"
)

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
