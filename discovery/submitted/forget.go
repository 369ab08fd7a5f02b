package submitted

import (
	"context"
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
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

// Run keeps the tasks from growing for ever, until ctx ends: whoever puts tasks seldom
// deletes them. The poller remembers them for another retention, as all that are not
// listed any more, so that who puts one once more out of caution does not have it
// asked for again.
func (t *Tasks) Run(ctx context.Context) {
	since := map[Name]time.Time{}
	for {
		retention := t.Retention()
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(forgetEvery, retention)):
		}
		forgotten, err := t.forget(func() (over []Name) {
			over, since = ended(t.Snapshot(), since, min(forgetAfter, retention))
			return over
		})
		switch {
		case err != nil:
			t.Logger.Warn("tasks put through the API whose time is over could not be forgotten", "err", err)
		case forgotten > 0:
			t.Logger.Info("tasks put through the API whose time is over were forgotten", "tasks", forgotten)
		}
	}
}

// ended returns the tasks whose time is over since at least after, and when it was
// first seen that it is of those where it still is; before is what it returned last.
// A task that was not settled or lost is never one.
func ended(s prefetch.Snapshot, before map[Name]time.Time, after time.Duration) (over []Name, since map[Name]time.Time) {
	now := time.Now()
	since = map[Name]time.Time{}
	for _, a := range s.Accounts {
		if !a.Owned {
			continue // its owner forgets them, who knows first of one that was put again
		}
		for _, t := range a.Unwatched {
			if t.Ended.IsZero() {
				continue
			}
			name := Name{a.Account.Name, t.ID}
			first, seen := before[name]
			if !seen {
				first = now
			}
			since[name] = first
			if now.Sub(first) >= after {
				over = append(over, name)
			}
		}
	}
	return over, since
}

// forget drops, durably and all at once, the tasks that are over by what is known
// while none is put or deleted here; one that another replica puts meanwhile stays.
// After an error, which is the keeper's, all are still there until the next start.
func (t *Tasks) forget(over func() []Name) (forgotten int, err error) {
	t.forgetting.Lock()
	defer t.forgetting.Unlock()
	known := map[Name]prefetch.Task{}
	for _, name := range over() {
		if task, there := t.Get(name.Account, name.ID); there {
			known[name] = task
		}
	}
	if len(known) == 0 {
		return 0, nil
	}
	ops, err := t.asKnown(known)
	if err == nil {
		err = t.write(t.drop, ops...)
	}
	if err != nil {
		return 0, fmt.Errorf("forgetting %d tasks: %w", len(known), err)
	}
	names := make([]Name, len(ops))
	for i, op := range ops {
		names[i] = Name{op.Scope, op.Key}
	}
	t.Listed(names...)
	return len(ops), nil
}

// asKnown returns what deletes tasks as long as they are in the keeper what is known of
// them: what another replica has put may not have been heard of yet.
func (t *Tasks) asKnown(known map[Name]prefetch.Task) (ops []store.Op, err error) {
	err = t.Keeper.Scan(store.Submitted, func(account, id string, value []byte) error {
		task, there := known[Name{account, id}]
		if !there {
			return nil
		}
		if stored, err := decode(account, id, value); err == nil && stored.SaysAs(task) {
			ops = append(ops, store.Op{Table: store.Submitted, Scope: account, Key: id, Was: slices.Clone(value)})
		}
		return nil
	})
	return ops, err
}
