package account

import (
	"context"
	"maps"

	"prefetch_exporter/poller/quota"
	vendorapi "prefetch_exporter/vendor_api"
)

// Replace is [Account.Load] for an account that takes an old one's place: it takes over
// what the sources list, and nothing is stored of the old one after what was read here,
// so nothing is observed twice. If it returns an error, the old one goes on.
func (a *Account) Replace(old *Account) error {
	old.mu.Lock()
	defer old.mu.Unlock()
	old.save()
	if err := a.Load(); err != nil {
		return err
	}
	a.listing, a.known = old.listing, old.known
	a.listing.Tasks, a.listing.Found = maps.Clone(a.listing.Tasks), maps.Clone(a.listing.Found)
	old.removed, old.retired = true, true
	return nil
}

// Resume has an account go on whose place another took, but not for good.
func (a *Account) Resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.removed, a.retired = false, false
	a.Signal()
}

// Rest lets no further call leave.
func (a *Account) Rest() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.resting = true
	a.calm()
}

// Quiet is closed when no call is under way any more, and none will leave.
func (a *Account) Quiet() <-chan struct{} { return a.quiet }

// calm tells whoever waits that no call is under way. It is called with the lock held.
func (a *Account) calm() {
	if a.resting && a.inFlight == 0 {
		select {
		case <-a.quiet:
		default:
			close(a.quiet)
		}
	}
}

// Leave gives up the account's place in its budget.
func (a *Account) Leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.budget.Leave(a.name.Name)
}

// leaving has the call's first byte leave in time, where replicas hear of its charge.
func (e *errand) leaving(ctx context.Context, a *Account) context.Context {
	if a.group == nil {
		return ctx
	}
	return vendorapi.LeaveBy(ctx, func() bool { return e.charged.Elapsed(a.clock()) < quota.Departure })
}
