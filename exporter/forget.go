package exporter

import (
	"context"
	"time"

	"prefetch_exporter/prefetch"
)

// forgetEvery is how often it is looked for tasks to forget, if the retention is
// not shorter.
const forgetEvery = 10 * time.Minute

// forgetEnded keeps the registry of the task API from growing for ever, until
// ctx ends: whoever puts tasks seldom deletes them. The poller remembers them for
// another retention, as all that are not listed any more, so that who puts one
// once more out of caution does not have it asked for again.
func (e *Exporter) forgetEnded(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(forgetEvery, e.config.Load().Global.Retention)):
		}
		forgotten, err := e.registry.forget(e.poller.Snapshot)
		switch {
		case err != nil:
			e.log.Warn("tasks put through the API whose time is over could not be forgotten", "err", err)
		case forgotten > 0:
			e.log.Info("tasks put through the API whose time is over were forgotten", "tasks", forgotten)
		}
	}
}

// forget drops the tasks whose time is over as far as is known. A task that was
// not settled or lost is never dropped.
func (r registry) forget(known func() prefetch.Snapshot) (forgotten int, err error) {
	r.forgetting.Lock()
	defer r.forgetting.Unlock()
	type name struct{ account, id string }
	over := map[name]bool{}
	for _, a := range known().Accounts {
		for _, t := range a.Unwatched {
			if !t.Ended.IsZero() {
				over[name{a.Account.Name, t.ID}] = true
			}
		}
	}
	forgotten, err = r.Prune(func(account, id string) bool { return over[name{account, id}] })
	if forgotten > 0 {
		r.listed.do()
	}
	return forgotten, err
}
