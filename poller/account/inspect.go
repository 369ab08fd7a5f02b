package account

import (
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/prefetch"
)

// Inside is what an account chooses its next question from.
type Inside struct {
	Planner *planner.Planner
	Moment  planner.Moment
	Tasks   map[string]*planner.Candidate
	// Next works out what is told to come next.
	Next func() *prefetch.QueryState
}

// Inspect shows look the account as it is inside at a time, while nothing changes it.
// Properties and benchmarks of the choice need it, which through calls would meet
// everything else too; the exporter does not.
func (a *Account) Inspect(now time.Time, look func(Inside)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	look(Inside{
		Planner: &a.planner, Moment: a.situation(now), Tasks: a.tasks,
		Next: func() *prefetch.QueryState { return a.forecast(clock.Stamp{Wall: now}) },
	})
}
