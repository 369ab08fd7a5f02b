package poller

import (
	"log/slog"
	"math/rand/v2"

	"prefetch_exporter/poller/account"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/poller/roster"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// Store keeps what must survive a restart.
type Store interface {
	quota.Store

	// State says whether the store was there before.
	State() store.State
}

// Recorder accumulates what a snapshot cannot show: counters and durations.
type Recorder interface {
	account.Recorder

	// AddAccount is told before anything is recorded for the account.
	AddAccount(a prefetch.Account)
	// RemoveAccount is told when the account is not watched any more.
	RemoveAccount(a prefetch.Account)
}

// Account is one account to poll, as it is configured.
type Account = account.Settings

// Change is what became of one task of an account: how it is listed now, or nil
// if no source lists it any more.
type Change = roster.Change

// Group is the replicas that share the store. Each identity has one owner, which asks
// for its accounts; the others follow what the owner stores.
type Group interface {
	account.Group

	// Owned is what the owner of an identity writes through: nothing is written by
	// a replica that is not the owner any more.
	Owned(identity string) quota.Store
	// Configured are the accounts and identities that any live replica has configured.
	Configured() (accounts map[prefetch.Account]bool, identities map[string]bool)
}

// Options are what a [Poller] needs. Store and Recorder are required.
type Options struct {
	Store    Store
	Recorder Recorder
	Logger   *slog.Logger
	// Group is nil where nobody shares the store: then this process owns everything.
	Group Group
	// Clock tells the time; nil means [clock.System].
	Clock clock.Clock
	// Random returns numbers in [0, 1) for jitter; nil means math/rand/v2.
	Random func() float64
	// Changed is called after what [Poller.Snapshot] returns may have changed,
	// often and from many goroutines; nil is allowed. No lock is held that a
	// snapshot needs, but one that answers need: it must return at once, and
	// call no other method of the poller.
	Changed func()
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	o.Clock = o.Clock.WallOnly()
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	return o
}
