package submitted

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
)

// record is a task in the store; account and id are its scope and key.
type record struct {
	Version  int               `json:"version"`
	Created  time.Time         `json:"created,omitzero"`
	Deadline time.Time         `json:"deadline,omitzero"`
	URLs     []string          `json:"urls,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// recordVersion is the form of a record that this program writes, and the only
// one that it reads.
const recordVersion = 1

func encode(t prefetch.Task) ([]byte, error) {
	value, err := json.Marshal(record{recordVersion, t.Created, t.Deadline, t.URLs, t.Labels})
	if err != nil {
		return nil, fmt.Errorf("writing task %q of account %q: %w", t.ID, t.Account, err)
	}
	return value, nil
}

func decode(account, id string, value []byte) (prefetch.Task, error) {
	var stored record
	if err := json.Unmarshal(value, &stored); err != nil {
		return prefetch.Task{}, fmt.Errorf("reading its record: %w", err)
	}
	if stored.Version != recordVersion {
		return prefetch.Task{}, fmt.Errorf("its record has version %d; this program reads %d", stored.Version, recordVersion)
	}
	task := prefetch.Task{
		Account: account, ID: id,
		Created: stored.Created.UTC(), Deadline: stored.Deadline.UTC(),
		URLs: stored.URLs, Labels: stored.Labels,
		Source: prefetch.SourceAPI,
	}
	return task, task.Validate()
}

// ownCopy shares nothing with what the caller holds.
func ownCopy(task prefetch.Task) prefetch.Task {
	task.Created, task.Deadline = task.Created.UTC(), task.Deadline.UTC()
	task.URLs = slices.Clone(task.URLs)
	task.Labels = maps.Clone(task.Labels)
	task.Source = prefetch.SourceAPI
	return task
}
