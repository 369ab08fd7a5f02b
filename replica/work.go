package replica

import (
	"context"
	"maps"
	"slices"
	"time"
)

// start has something done about an identity beside, and decides anew when it is. It is
// called with the state locked.
func (r *runner) start(identity string, work func()) {
	if r.closing {
		return
	}
	r.busy[identity] = true
	r.works.Go(func() {
		work()
		r.state.Lock()
		delete(r.busy, identity)
		r.state.Unlock()
		r.wake()
	})
}

// later leaves an identity alone for a while.
func (r *runner) later(identity string) {
	r.state.Lock()
	defer r.state.Unlock()
	r.notBefore[identity] = time.Now().Add(againAfter)
}

// has notes whether the poller asks for an identity.
func (r *runner) has(identity string, taken bool) {
	r.state.Lock()
	defer r.state.Unlock()
	delete(r.notBefore, identity)
	if taken {
		r.taken[identity] = true
	} else {
		delete(r.taken, identity)
	}
}

func (r *runner) ends() bool {
	r.state.Lock()
	defer r.state.Unlock()
	return r.closing
}

// claim takes an identity that nobody owns.
func (r *runner) claim(identity string) {
	won, err := r.Store.Claim(r.ctx, identity)
	if err != nil || !won {
		// If it was heard all the same, the store will say so.
		r.later(identity)
		return
	}
	r.takeOver(identity)
}

// takeOver has the poller ask for what the replica owns.
func (r *runner) takeOver(identity string) {
	if r.ends() {
		r.resign(r.ctx, identity)
		return
	}
	if err := r.poller.TakeOver(identity); err != nil {
		r.Logger.Error("this replica cannot ask for accounts, and leaves them to others", "accounts", r.names(identity), "err", err)
		r.poller.Depose(identity)
		r.resign(r.ctx, identity)
		r.later(identity)
		return
	}
	r.has(identity, true)
	r.Logger.Info("this replica asks for the accounts from now on", "accounts", r.names(identity))
	if r.ends() {
		r.handOver(r.ctx, identity)
	}
}

// handOver gives up an identity once nothing of it is under way.
func (r *runner) handOver(ctx context.Context, identity string) {
	r.poller.Release(ctx, identity)
	r.has(identity, false)
	r.Logger.Info("this replica leaves the accounts to another", "accounts", r.names(identity))
	r.resign(ctx, identity)
}

// depose has the poller ask no more for what the replica does not own.
func (r *runner) depose(identity string) {
	r.poller.Depose(identity)
	r.has(identity, false)
}

// resign gives up the key of an identity that nobody here asks for any more. Whether it
// was heard, the store will say.
func (r *runner) resign(ctx context.Context, identity string) {
	ctx, cancel := context.WithTimeout(ctx, resignLimit)
	defer cancel()
	for r.Store.Resign(ctx, identity) != nil && r.Store.Owns(identity) && pause(ctx, resignGap) {
	}
	r.state.Lock()
	defer r.state.Unlock()
	r.resigned[identity] = time.Now()
}

// pause waits, and reports whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// handOverAll gives up everything at once, as far as that ends in time. What the
// replica does not own any more by its own clock, nobody waits for.
func (r *runner) handOverAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.Grace)
	defer cancel()
	// Else what it gives up, others would leave to it for a second.
	r.Store.Register(encode(r.Version, nil))
	r.state.Lock()
	r.closing = true
	for _, identity := range slices.Collect(maps.Keys(r.taken)) {
		if !r.busy[identity] && r.Store.Owns(identity) {
			r.works.Go(func() { r.handOver(ctx, identity) })
		}
	}
	r.state.Unlock()
	done := make(chan struct{})
	go func() {
		r.works.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		r.Logger.Warn("not everything was handed over in time: another replica may count calls for longer")
	}
}
