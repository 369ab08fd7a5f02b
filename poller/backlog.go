package poller

import (
	"time"

	"prefetch_exporter/poller/task"
)

// callsFor is how many calls it takes to answer for an unsettled task once. A
// task that windows can tell of needs but its part of a page.
func (s *situation) callsFor(t *entry) float64 {
	const bothCounts = 2
	size, page := s.sizeOf(t), s.PageSize()
	switch {
	case !s.Capabilities.Paged || page <= 0:
		return 1
	case s.byCount(t):
		return bothCounts
	case size > page && !t.CountsRather(size, page, s.means()):
		return float64(task.PagesOf(size, page))
	case s.Capabilities.Windows && !s.noWindows && size <= page && t.joinable():
		return float64(size) / float64(page)
	default:
		return 1
	}
}

// weighBacklog works out how long the limit needs for the account's unsettled
// tasks that are not lost, and warns where that is longer than their numbers may be old: no choice
// of questions can help then.
func (a *account) weighBacklog(s *situation) {
	a.backlog = time.Duration(s.calls * float64(s.slot)).Round(time.Millisecond)
	if a.backlog <= a.options.MaxStaleness {
		return
	}
	a.journal.warn(warnBacklog, "", "the account's work exceeds its quota: to ask for every unsettled task once takes longer than "+
		"max_staleness; watch fewer tasks, give their urls, or ask the vendor for a higher limit",
		"backlog", a.backlog.Round(time.Second), "max_staleness", a.options.MaxStaleness, "unsettled_tasks", s.unsettled)
}
