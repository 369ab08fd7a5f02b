package replica

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/replica/spread"
)

const (
	// resignLimit is how long a resignation is tried, and how long after one the
	// store may still say that this replica is the owner.
	resignLimit = 2 * time.Second
	resignGap   = 200 * time.Millisecond
	// againAfter is when what failed is tried again.
	againAfter = time.Second
)

// Run stands for what this replica serves, hands on what the store tells, and keeps the
// store's own Run going, until ctx ends. It hands over everything then, within the
// grace, before the store ends. It returns the store's error if that ends by itself.
// It is called once.
func (g *Group) Run(ctx context.Context, p Poller, s Submitted) error {
	lasting := context.WithoutCancel(ctx)
	storeCtx, endStore := context.WithCancel(lasting)
	defer endStore()
	ended := make(chan error, 1)
	go func() { ended <- g.Store.Run(storeCtx) }()

	workCtx, endWork := context.WithCancel(lasting)
	defer endWork()
	r := &runner{
		Group: g, poller: p, ctx: workCtx, taken: map[string]bool{}, busy: map[string]bool{}, resigned: map[string]time.Time{},
		unowned: map[string]time.Time{}, notBefore: map[string]time.Time{}, told: map[string][]prefetch.Limit{},
	}
	var delivering sync.WaitGroup
	delivering.Go(func() { g.deliver(storeCtx, &delivery{p, s, r.begin}) })
	defer delivering.Wait()
	defer endStore()

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			r.handOverAll(workCtx)
			endStore()
			return <-ended
		case err := <-ended:
			endWork()
			r.works.Wait()
			return err
		case <-g.woken:
		case <-timer.C:
		}
		timer.Stop()
		if wake := r.decide(time.Now()); wake > 0 {
			timer.Reset(wake)
		}
	}
}

// runner takes and gives up identities. What may take time, it has done beside.
type runner struct {
	*Group

	poller Poller
	ctx    context.Context //nolint:containedctx // the life of what is done beside
	works  sync.WaitGroup

	state sync.Mutex
	// begun: the store was read, and the poller knows what it says.
	begun bool
	// closing: the replica ends.
	closing bool
	// taken are the identities that the poller asks for, and busy those that are being
	// taken or given up.
	taken, busy map[string]bool
	// resigned is when an identity was given up, until the store says so.
	resigned map[string]time.Time
	// notBefore is until when an identity is left alone, after something failed.
	notBefore map[string]time.Time

	// What follows is decide's own.

	// registered is what was registered last.
	registered string
	// served is what the members can serve, and changed when that last changed.
	served  map[string][]string
	changed time.Time
	// unowned is since when an identity has no owner.
	unowned map[string]time.Time
	// told are the limits that the poller was told.
	told map[string][]prefetch.Limit
}

// begin is called when the store was read.
func (r *runner) begin() {
	r.state.Lock()
	defer r.state.Unlock()
	r.begun = true
}

// decide does what there is to do, and returns after how long there may be more though
// nothing changes; 0 if there is not.
func (r *runner) decide(now time.Time) (wake time.Duration) {
	r.register()
	members := r.members()
	r.compare(members)
	r.state.Lock()
	begun := r.begun
	r.state.Unlock()
	if !begun {
		return 0
	}
	r.restrict(members)
	r.state.Lock()
	defer r.state.Unlock()
	owners := r.Store.Owners()
	wake = r.follow(owners, now)
	view := r.view(members, owners, now)
	d := view.Decide()
	sooner(&wake, d.Wake)
	if string(r.Store.Members()[r.Name]) == r.registered {
		// The others know what this replica has.
		for _, identity := range d.Claim {
			if r.free(identity, now, &wake) {
				r.start(identity, func() { r.claim(identity) })
			}
		}
	}
	for _, identity := range d.GiveUp {
		if r.taken[identity] && r.free(identity, now, &wake) {
			r.start(identity, func() { r.handOver(r.ctx, identity) })
		}
	}
	return wake
}

// sooner lets wake be no later than after a time; 0 is never.
func sooner(wake *time.Duration, after time.Duration) {
	if after > 0 && (*wake == 0 || after < *wake) {
		*wake = after
	}
}

// free reports whether something can be done about an identity now. It is called with
// the state locked, like what follows.
func (r *runner) free(identity string, now time.Time, wake *time.Duration) bool {
	if r.busy[identity] {
		return false // its end wakes
	}
	wait := r.notBefore[identity].Sub(now)
	sooner(wake, wait)
	return wait <= 0
}

// register tells the others what this replica can ask for, where that is new.
func (r *runner) register() {
	r.mu.Lock()
	value := r.value
	r.mu.Unlock()
	if r.registered != string(value) {
		r.registered = string(value)
		clear(r.told) // the accounts may be others
		r.Store.Register(value)
	}
}

// restrict tells the poller what the others state as limits.
func (r *runner) restrict(members map[string]*registration) {
	others := limits(members, r.Name)
	for _, identity := range members[r.Name].identities() {
		if told, before := r.told[identity]; !before && len(others[identity]) > 0 || !slices.Equal(told, others[identity]) {
			r.told[identity] = others[identity]
			r.poller.Limits(identity, others[identity])
		}
	}
}

// view is what package spread decides by.
func (r *runner) view(members map[string]*registration, owners map[string]string, now time.Time) *spread.View {
	oldest := r.Version
	for _, m := range members {
		oldest = min(oldest, m.Version)
	}
	served := map[string][]string{}
	for name, m := range members {
		if m.Version == oldest {
			served[name] = m.identities()
		}
	}
	if r.served == nil || !maps.EqualFunc(served, r.served, slices.Equal) {
		r.served, r.changed = served, now
	}
	v := &spread.View{
		Self: r.Name, Members: served, Owners: owners, Unowned: map[string]time.Duration{}, Calm: now.Sub(r.changed),
	}
	for _, identities := range served {
		for _, identity := range identities {
			if owners[identity] != "" {
				continue
			}
			if r.unowned[identity].IsZero() {
				r.unowned[identity] = now
			}
			v.Unowned[identity] = now.Sub(r.unowned[identity])
		}
	}
	maps.DeleteFunc(r.unowned, func(identity string, _ time.Time) bool { _, still := v.Unowned[identity]; return !still })
	return v
}

// follow has the poller ask for what the store says that this replica owns, and for
// nothing else.
func (r *runner) follow(owners map[string]string, now time.Time) (wake time.Duration) {
	for identity := range r.taken {
		// A key that is there still keeps others away. Whether its lease is over, the
		// poller sees by itself. Nor can it have been lost and won again since the last
		// look: only what a look found without an owner is claimed, and a claim that
		// arrives late is void with its lease.
		if owners[identity] != r.Name && !r.busy[identity] {
			r.Logger.Warn("this replica asks no more: its lease ended", "accounts", r.names(identity))
			r.start(identity, func() { r.depose(identity) })
		}
	}
	for identity, at := range r.resigned {
		left := resignLimit - now.Sub(at)
		if owners[identity] != r.Name || left <= 0 {
			delete(r.resigned, identity)
		} else {
			sooner(&wake, left)
		}
	}
	for identity, owner := range owners {
		_, resigned := r.resigned[identity]
		if owner != r.Name || r.taken[identity] || resigned || r.busy[identity] || !r.Store.Owns(identity) {
			continue
		}
		// A claim of which nobody knew whether it was heard.
		r.start(identity, func() { r.takeOver(identity) })
	}
	return wake
}

// names are the accounts of an identity here, for the log.
func (r *runner) names(identity string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, s := range r.services {
		if s.Identity == identity {
			names = append(names, slices.Sorted(maps.Keys(s.Accounts))...)
		}
	}
	return names
}
