package prefetch

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// ErrNoRoom is wrapped by the errors of tasks for which their account has no room.
var ErrNoRoom = errors.New("there is no room for the task")

// Account names one set of credentials at one vendor.
type Account struct {
	// Provider is the vendor: the key of its section in the configuration.
	Provider string
	// Name is the user's name for the account, unique in the configuration.
	Name string
}

// Sources of a task, from the one that wins a conflict to the one that loses.
const (
	SourceConfig = "config"
	SourceFile   = "file"
	SourceHTTP   = "http"
	SourceAPI    = "api"
	// SourceVendor: nobody named the task, the vendor listed it.
	SourceVendor = "vendor"
)

// Task is what a user asks to have watched.
type Task struct {
	// Account is the name of the account whose vendor knows the task.
	Account string `yaml:"-"`
	// ID is what the vendor calls the task by.
	ID string `yaml:"id"`
	// Created is when the prefetch was submitted; zero if the user did not say.
	Created time.Time `yaml:"created,omitempty"`
	// Deadline is when every URL must be on the edge; zero if there is none.
	Deadline time.Time `yaml:"deadline,omitempty"`
	// URLs is what was submitted; nil if the user did not say.
	URLs []string `yaml:"urls,omitempty"`
	// Labels are the user's own labels, shown on prefetch_task_info.
	Labels map[string]string `yaml:"labels,omitempty"`
	// Source is where the task came from, one of the Source constants.
	Source string `yaml:"-"`
}

// SaysAs reports whether both describe the same task in the same way, wherever they
// came from.
func (t Task) SaysAs(other Task) bool {
	return t.Account == other.Account && t.ID == other.ID &&
		t.Created.Equal(other.Created) && t.Deadline.Equal(other.Deadline) &&
		slices.Equal(t.URLs, other.URLs) && maps.Equal(t.Labels, other.Labels)
}

// URL is one URL of a task as the vendor reported it. A time is zero where the
// vendor did not tell it.
type URL struct {
	URL    string
	Status Status
	// Cause is why the URL failed, as far as the vendor tells, and Words are the
	// vendor's own for it, in at most 300 bytes; empty if it gives none.
	Cause Cause
	Words string
	// Created is when the vendor took the URL in, Started when it began to
	// fetch it from the origin, Finished when the result was final.
	Created, Started, Finished time.Time
	// Rate is the vendor's own success rate of the URL over its edge nodes,
	// between 0 and 1; it counts only where HasRate is set.
	Rate    float64
	HasRate bool
	// Progress is how far the vendor says it is with the URL, between 0 and 1, which
	// says nothing of success; it counts only where HasProgress is set.
	Progress    float64
	HasProgress bool
	// Recovered is set for a failed URL that a later task of the account shows
	// as succeeded. No vendor says so: the exporter compares tasks.
	Recovered bool
}
