package poller

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"prefetch_exporter/poller/quota"
	"prefetch_exporter/store"
)

const (
	// purgeAfter is how long the store keeps what belongs to an account or an
	// identity that is not configured any more.
	purgeAfter = 30 * 24 * time.Hour
	// purgeEvery is how often that is looked for while the poller runs, from an
	// hour after it began: a clock that ran ahead at the start may be set right by
	// then.
	purgeEvery = 24 * time.Hour
	purgeFirst = time.Hour
)

// purgeDaily keeps the store from growing for ever while the poller runs.
func (p *Poller) purgeDaily(ctx context.Context) {
	timer := time.NewTimer(purgeFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			p.change.Lock()
			p.purge(true)
			p.change.Unlock()
			timer.Reset(purgeEvery)
		}
	}
}

// purge marks what belongs to accounts that are not configured, and deletes, if it
// is time to, what belongs to those and to identities that were not for a while.
// What the store refuses is tried again the next day. It is called with change held.
func (p *Poller) purge(deletes bool) {
	scopes, identities := map[string]bool{}, map[string]bool{}
	for _, a := range p.configured {
		scopes[scope(a.Account)], identities[a.Identity] = true, true
	}
	now := p.options.Clock()
	marks, expired, err := p.unusedScopes(scopes, now.Wall)
	if err == nil && len(marks) > 0 {
		err = p.options.Store.Write(marks...)
	}
	for _, s := range expired {
		if err == nil && deletes {
			err = p.purgeScope(s)
		}
	}
	if err == nil && deletes {
		err = quota.Purge(p.options.Store, identities, now, purgeAfter)
	}
	if err != nil {
		p.options.Logger.Warn("records of what is not configured any more could not be deleted", "err", err)
	}
}

// unusedScopes finds the records of accounts that are not configured: those to
// be marked with the time, and the scopes of those that have been so for long.
func (p *Poller) unusedScopes(used map[string]bool, now time.Time) (marks []store.Op, expired []string, err error) {
	err = p.options.Store.Scan(store.Accounts, func(scope, key string, value []byte) error {
		if used[scope] {
			return nil
		}
		var rec accountRecord
		if err := json.Unmarshal(value, &rec); err != nil {
			rec = accountRecord{} // nobody can use it, but its tasks may be whole
		}
		switch {
		case rec.Removed.IsZero() || rec.Removed.After(now):
			rec.Removed = now
			marked, err := json.Marshal(rec)
			if err != nil {
				return fmt.Errorf("account record %q: %w", scope, err)
			}
			marks = append(marks, store.Op{Table: store.Accounts, Scope: scope, Key: key, Value: marked})
		case now.Sub(rec.Removed) >= purgeAfter:
			expired = append(expired, scope)
		}
		return nil
	})
	return marks, expired, err
}

// purgeScope deletes an account's record and all of its tasks.
func (p *Poller) purgeScope(scope string) error {
	ops := []store.Op{{Table: store.Accounts, Scope: scope, Key: accountKey}}
	err := p.options.Store.ScanScope(store.Tasks, scope, func(key string, _ []byte) error {
		ops = append(ops, store.Op{Table: store.Tasks, Scope: scope, Key: key})
		return nil
	})
	if err != nil {
		return err
	}
	return p.options.Store.Write(ops...)
}
