package poller

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// Store keeps what must survive a restart.
type Store interface {
	quota.Store

	// State says whether the store was there before.
	State() store.State
}

// Recorder accumulates what a snapshot cannot show: counters and durations.
type Recorder interface {
	// AddAccount is told before anything is recorded for the account.
	AddAccount(a prefetch.Account)
	// RemoveAccount is told when the account is not watched any more.
	RemoveAccount(a prefetch.Account)
	// Called is told of every call that was made, with the form of its
	// question.
	Called(a prefetch.Account, kind string)
	// Answered is told when a call ended, whatever came of it.
	Answered(a prefetch.Account, took time.Duration)
	// Failed is told when a call failed.
	Failed(a prefetch.Account, reason prefetch.Reason)
	// URLWait and URLFetch are told how long a URL waited and how long its
	// fetch took, each once per URL.
	URLWait(a prefetch.Account, d time.Duration)
	URLFetch(a prefetch.Account, d time.Duration)
	// TaskDuration is told once per settled task.
	TaskDuration(a prefetch.Account, d time.Duration)
}

// Account is one account to poll.
type Account struct {
	prefetch.Account
	// Identity is whom the vendor counts. Accounts with the same identity
	// share one budget.
	Identity string
	Provider vendorapi.Provider
	// Limit is what the account may call. Where accounts that share an
	// identity have different limits, every one of them is kept.
	Limit prefetch.Limit
	// PollInterval is the least time between two questions about a task.
	PollInterval time.Duration
	// Retention is how long a settled task stays after it was first seen
	// settled, and a lost one after it was found lost.
	Retention time.Duration
	// MaxStaleness is how old an unsettled task's numbers may become before
	// they are withdrawn.
	MaxStaleness time.Duration
	// Discover is how young a task must be to be watched though nobody named it,
	// where the vendor lists tasks; 0 watches no such task.
	Discover time.Duration
	// TaskLimit is how many tasks are watched.
	TaskLimit int
	// WatchWindow counts every URL of the look-back too, where the vendor can
	// be asked for windows.
	WatchWindow bool
}

// Group is the replicas that share the store. Each identity has one owner, which asks
// for its accounts; the others follow what the owner stores.
type Group interface {
	// Owned is what the owner of an identity writes through: nothing is written by
	// a replica that is not the owner any more.
	Owned(identity string) quota.Store
	// Owns reports whether this replica owns the identity at this moment. It waits
	// for nothing.
	Owns(identity string) bool
	// Owner is the replica that owns the identity, and since when; empty if none does.
	Owner(identity string) (replica string, since time.Time)
	// Loaded reports whether the store was read.
	Loaded() bool
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
