package poller

import (
	"context"
	"maps"
	"time"

	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/record"
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
		scopes[record.Scope(a.Account)], identities[a.Identity] = true, true
	}
	if g := p.options.Group; g != nil {
		if !g.Loaded() {
			return
		}
		accounts, others := g.Configured()
		for a := range accounts {
			scopes[record.Scope(a)] = true
		}
		maps.Copy(identities, others)
	}
	now := p.options.Clock()
	unused, err := record.Unused(p.options.Store, scopes, now.Wall)
	if !deletes {
		unused = nil
	}
	for scope, since := range unused {
		if err == nil && now.Wall.Sub(since) >= purgeAfter {
			err = record.Delete(p.options.Store, scope)
		}
	}
	if err == nil && deletes {
		err = quota.Purge(p.options.Store, identities, now, purgeAfter)
	}
	if err != nil {
		p.options.Logger.Warn("records of what is not configured any more could not be deleted", "err", err)
	}
}
