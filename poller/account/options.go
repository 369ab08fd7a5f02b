package account

import (
	"log/slog"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Settings are what a reload may change of an account, and its vendor.
type Settings struct {
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

// Recorder accumulates what a snapshot cannot show: counters and durations.
type Recorder interface {
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

// Group is the replicas that share the store, one of which owns each identity.
type Group interface {
	// Owns reports whether this replica owns the identity at this moment. It waits
	// for nothing.
	Owns(identity string) bool
	// Owner is the replica that owns the identity, and since when; empty if none does.
	Owner(identity string) (replica string, since time.Time)
	// Loaded reports whether the store was read.
	Loaded() bool
}

// Options are what an [Account] needs. All but Group are required.
type Options struct {
	// Store keeps what must survive a restart.
	Store    quota.Store
	Recorder Recorder
	Logger   *slog.Logger
	// Group is nil where nobody shares the store. Asks says whether this replica asks
	// for the account; if not, the account shows what the owner stores. Neither ever
	// changes: for an account that asks no more, or begins to, another is made.
	Group Group
	Asks  bool
	// Clock tells the time, and Random numbers in [0, 1) for jitter.
	Clock  clock.Clock
	Random func() float64
	// Changed is called after what [Account.Snapshot] returns may have changed. The
	// account's lock is held then.
	Changed func()
}
