package discovery

import "time"

// Reasons with which [Reporter.SetRejected] is called: the `reason` label of
// prefetch_exporter_tasks_rejected.
const (
	// RejectedUnknownAccount: the task's account is not in the configuration.
	RejectedUnknownAccount = "unknown_account"
	// RejectedInvalid: the entry is unusable.
	RejectedInvalid = "invalid"
)

// Reporter is told how discovery fares. Its methods are called in the order of
// the events, with the manager's lock held: they must be quick and must not call
// the manager.
type Reporter interface {
	// SetDiscovery reports on a source: "files" for all files together, or the name
	// of an HTTP source. up says whether all of it could be read the last time;
	// lastSuccess is when it was last so, zero if never.
	SetDiscovery(source string, up bool, lastSuccess time.Time)
	// RemoveDiscovery says that there is no such source any more.
	RemoveDiscovery(source string)
	// SetRejected says how many tasks are listed now that cannot be used.
	SetRejected(reason string, n int)
}
