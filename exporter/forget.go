package exporter

import (
	"context"
	"maps"
	"time"

	"prefetch_exporter/prefetch"
)

const (
	// forgetEvery is how often it is looked for tasks to forget, if the retention
	// is not shorter.
	forgetEvery = 10 * time.Minute
	// forgetAfter is how long a task's time must have been over before it is
	// forgotten, if the retention is not shorter: a clock that ran ahead may have
	// ended it, and be set right yet.
	forgetAfter = time.Hour
)

// taskName is a task of the task API.
type taskName struct{ account, id string }

// endings is when it was first seen that a task's time is over, of those where it
// still is.
type endings map[taskName]time.Time

// forgetEnded keeps the registry of the task API from growing for ever, until
// ctx ends: whoever puts tasks seldom deletes them. The poller remembers them for
// another retention, as all that are not listed any more, so that who puts one
// once more out of caution does not have it asked for again.
func (e *Exporter) forgetEnded(ctx context.Context) {
	seen := endings{}
	for {
		retention := time.Duration(e.config.Load().Global.Retention)
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(forgetEvery, retention)):
		}
		forgotten, err := e.registry.forget(func() map[taskName]bool {
			return seen.over(e.poller.Snapshot(), time.Now(), min(forgetAfter, retention))
		})
		switch {
		case err != nil:
			e.log.Warn("tasks put through the API whose time is over could not be forgotten", "err", err)
		case forgotten > 0:
			e.log.Info("tasks put through the API whose time is over were forgotten", "tasks", forgotten)
		}
	}
}

// over returns the tasks whose time is over since at least after. A task that was
// not settled or lost is never one.
func (e endings) over(s prefetch.Snapshot, now time.Time, after time.Duration) map[taskName]bool {
	over, before := map[taskName]bool{}, maps.Clone(e)
	clear(e)
	for _, a := range s.Accounts {
		for _, t := range a.Unwatched {
			if t.Ended.IsZero() {
				continue
			}
			name := taskName{a.Account.Name, t.ID}
			first, seen := before[name]
			if !seen {
				first = now
			}
			e[name] = first
			if now.Sub(first) >= after {
				over[name] = true
			}
		}
	}
	return over
}

// forget drops the tasks that are over by what is known then.
func (r registry) forget(known func() map[taskName]bool) (forgotten int, err error) {
	r.forgetting.Lock()
	defer r.forgetting.Unlock()
	over := known()
	forgotten, err = r.Prune(func(account, id string) bool { return over[taskName{account, id}] })
	if forgotten > 0 {
		r.listed.do()
	}
	return forgotten, err
}
