package discovery

import "time"

// Reasons with which [Reporter.Rejected] is called: the `reason` label of
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
	// Discovery reports on a source: "files" for all files together, or the name
	// of an HTTP source. up says whether all of it could be read the last time;
	// lastSuccess is when it was last so, zero if never.
	Discovery(source string, up bool, lastSuccess time.Time)
	// ForgetDiscovery says that there is no such source any more.
	ForgetDiscovery(source string)
	// Rejected says how many tasks are listed now that cannot be used.
	Rejected(reason string, n int)
}
