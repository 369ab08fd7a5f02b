package account

import (
	"time"

	"prefetch_exporter/poller/journal"
	"prefetch_exporter/poller/planner"
)

// weighBacklog works out how long the limit needs for the account's unsettled
// tasks that are not lost, and warns where that is longer than their numbers may be old: no choice
// of questions can help then.
func (a *Account) weighBacklog(s *planner.Round) {
	needs, unsettled := s.Backlog()
	a.backlog = needs
	if a.backlog <= a.settings.MaxStaleness {
		return
	}
	a.journal.Warn(journal.Backlog, "", "the account's work exceeds its quota: to ask for every unsettled task once takes longer than "+
		"max_staleness; watch fewer tasks, give their urls, or ask the vendor for a higher limit",
		"backlog", a.backlog.Round(time.Second), "max_staleness", a.settings.MaxStaleness, "unsettled_tasks", unsettled)
}
