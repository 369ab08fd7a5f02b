// Package record is what is stored of an account and its tasks: how it is encoded,
// read, brought up from earlier versions, and deleted when nobody needs it.
//
// It must not know when something is stored.
package record

import (
	"encoding/json"
	"fmt"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/poller/discover"
	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/lookback"
	"prefetch_exporter/poller/planner"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// accountKey is the only key in an account's scope of [store.Accounts].
const accountKey = "state"

// Account is the part of an account that survives a restart.
type Account struct {
	Health  health.State      `json:"health"`
	Learned Learned           `json:"learned"`
	Watch   lookback.LookBack `json:"watch,omitzero"`
	// Discovered is how far the tasks are known that the vendor lists.
	Discovered discover.Listing `json:"discovered,omitzero"`
	// Identity is whom the vendor counted when that was learned.
	Identity string `json:"identity,omitempty"`
	// Shown is what followers show of the account beside; nil where nobody shares the
	// store.
	Shown *Shown `json:"shown,omitempty"`
	// Removed is since when the account is not configured any more.
	Removed time.Time `json:"removed,omitzero"`
}

// Shown is what only the replica that asks knows of an account, and all show.
type Shown struct {
	Last    *Query        `json:"last,omitempty"`
	Next    *Query        `json:"next,omitempty"`
	Dropped int           `json:"dropped,omitempty"`
	Backlog time.Duration `json:"backlog,omitempty"`
}

// Like reports whether both say the same, times of the next question that are less
// than a second apart aside.
func (s *Shown) Like(o *Shown) bool {
	return s.Last.like(o.Last) && s.Next.like(o.Next) && s.Dropped == o.Dropped && s.Backlog == o.Backlog
}

func (q *Query) like(o *Query) bool {
	if q == nil || o == nil {
		return q == o
	}
	return q.Kind == o.Kind && q.Task == o.Task && q.Why == o.Why && q.Time.Sub(o.Time).Abs() < time.Second
}

// Query is a [prefetch.QueryState] in the store.
type Query struct {
	Kind  string        `json:"kind"`
	Task  string        `json:"task,omitempty"`
	Why   string        `json:"why,omitempty"`
	Time  time.Time     `json:"time"`
	Error *task.Failure `json:"error,omitempty"`
}

// NewQuery returns a question as it is stored; nil for none.
func NewQuery(q *prefetch.QueryState) *Query {
	if q == nil {
		return nil
	}
	return &Query{Kind: q.Kind, Task: q.Task, Why: q.Why, Time: q.Time, Error: (*task.Failure)(q.Error)}
}

// State returns what was stored; nil for none.
func (q *Query) State() *prefetch.QueryState {
	if q == nil {
		return nil
	}
	return &prefetch.QueryState{Kind: q.Kind, Task: q.Task, Why: q.Why, Time: q.Time, Error: (*prefetch.Failure)(q.Error)}
}

// Learned is what calls have taught of the vendor, and of the account's tasks.
type Learned struct {
	dialect.Learned
	planner.Knowledge
}

// Scope is the account's scope in the store. An account that changes its
// provider is another account.
func Scope(a prefetch.Account) string { return a.Provider + ":" + a.Name }

func (r *Account) op(scope, key string) (store.Op, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return store.Op{}, fmt.Errorf("account record %q: %w", scope, err)
	}
	return store.Op{Table: store.Accounts, Scope: scope, Key: key, Value: value}, nil
}

// Reader takes what is read.
type Reader struct {
	Account func(r Account)
	Task    func(t *task.Task)
	// Unreadable is told what cannot be understood, by the id of a task, or none
	// for the account itself. It is left out: one broken record must not keep all
	// others from being watched.
	Unreadable func(id string, err error)
}

// Decode reads an account's record.
func Decode(value []byte) (r Account, err error) {
	if err := json.Unmarshal(value, &r); err != nil {
		return Account{}, fmt.Errorf("account record: %w", err)
	}
	return r, nil
}

// Read reads what the store has of an account.
func Read(st store.Keeper, a prefetch.Account, to Reader) error {
	err := st.ScanScope(store.Accounts, Scope(a), func(_ string, value []byte) error {
		if r, err := Decode(value); err != nil {
			to.Unreadable("", err)
		} else {
			to.Account(r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("account %q: stored state: %w", a.Name, err)
	}
	err = st.ScanScope(store.Tasks, Scope(a), func(id string, value []byte) error {
		t, err := task.Decode(id, value)
		if err != nil {
			to.Unreadable(id, err)
		} else {
			to.Task(t)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("account %q: stored tasks: %w", a.Name, err)
	}
	return nil
}
