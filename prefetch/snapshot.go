package prefetch

import (
	"slices"
	"strings"
	"time"
)

// TaskState is everything known of one watched task at one moment. It is
// immutable once published: a change publishes a new value.
type TaskState struct {
	Account Account
	ID      string
	Source  string
	Labels  map[string]string
	Phase   Phase

	// FirstSeen is when the exporter began to watch the task.
	FirstSeen time.Time
	// Created is the vendor's time, else the configured one, else FirstSeen.
	Created time.Time
	// Finished is set for settled tasks: the vendor's time, else when the task
	// was first seen settled. Only where FinishTold is set is it known when the task
	// was finished; else it was at the latest then.
	Finished   time.Time
	FinishTold bool
	// LastUnfinished is when the last question left whose answer showed the task
	// unfinished; zero if none did.
	LastUnfinished time.Time
	// Deadline is zero where none was configured.
	Deadline time.Time
	// LastRefresh is when an answer last covered the task; zero before the
	// first. A failed call does not move it.
	LastRefresh time.Time

	// NextLook is when the task may be asked again, the account's budget and failures
	// aside: see [AccountState.NextLook]. It is zero if it is not asked again.
	NextLook time.Time

	// Up reports whether the last call about the task answered.
	Up bool
	// LastError says why it did not; nil if it did, or if nobody asked yet. An
	// answer without any URL of the task is [ReasonNotFound], though Up is set.
	LastError *Failure

	// Counts are the URLs by status of the last whole answer. They mean
	// something only where Answered is set.
	Counts   Counts
	Answered bool

	// Recovered is how many of the failed URLs a later task of the account shows
	// as succeeded.
	Recovered int

	// EdgeRatio is the mean of the vendor's per-URL rates over the rows that
	// were read, between 0 and 1; it means something only where HasEdgeRatio
	// is set.
	EdgeRatio    float64
	HasEdgeRatio bool
	// Progress is the mean of the vendor's per-URL progress, likewise.
	Progress    float64
	HasProgress bool
	// Causes are the failed URLs that were read, by cause; they mean something only
	// where HasCauses is set.
	Causes    Causes
	HasCauses bool

	// URLs are the rows that are kept: all of them while the task is
	// unsettled, only the failed ones after.
	URLs []URL
	// Sample are a few of the URLs that succeeded, of a settled task that had rows
	// or whose URLs were submitted: at most [MostSampled], as [Sample] chooses and
	// encodes them. Of other tasks it means nothing: URLs has them.
	Sample []string
	// NoRow are the URLs that were submitted and that the vendor showed no row for
	// yet, of an unsettled task whose rows are known. They count as waiting.
	NoRow []string
}

// Settled reports whether every URL of the task is final and that was proven.
func (t *TaskState) Settled() bool { return t.Phase == Settled }

// Heard reports whether anything came back about the task yet, an answer or a
// failure.
func (t *TaskState) Heard() bool { return t.Up || t.Answered || t.LastError != nil || t.Phase == Lost }

// Stale reports whether the task's numbers are older than maxStaleness at now
// and must be withdrawn. A settled task is never stale: its numbers do not
// change any more.
func (t *TaskState) Stale(now time.Time, maxStaleness time.Duration) bool {
	return !t.Settled() && t.Answered && now.Sub(t.LastRefresh) > maxStaleness
}

// Failure is one failed call, told to people.
type Failure struct {
	Reason Reason
	// Message is one sentence, without secrets.
	Message string
	Time    time.Time
}

// Limit is how many calls an account may make in a period.
type Limit struct {
	Calls int
	Per   time.Duration
}

// QueryState is one question to a vendor: one that was asked, or the one that
// comes next.
type QueryState struct {
	// Kind is "task", "window", "count" or "list".
	Kind string
	// Task is the task that is asked for; empty for a window.
	Task string
	// Why is the planner's reason in a few words, for people.
	Why  string
	Time time.Time
	// Error is why it failed; nil if it answered or was not asked yet.
	Error *Failure
}

// AccountState is everything known of one account at one moment, its tasks
// included. It is immutable.
type AccountState struct {
	Account Account
	// Owned reports whether this replica asks for the account; always true where
	// no store is shared.
	Owned bool
	// Owner is the name of the replica that asks for it, and OwnedSince when it
	// began to; empty and zero where nobody does, and where no store is shared.
	Owner      string
	OwnedSince time.Time
	// Differs reports that another live replica has the account configured
	// differently.
	Differs bool
	// Up reports whether the account's last call answered.
	Up bool
	// Failing is the reason for which the last call failed; empty if it did
	// not fail.
	Failing Reason
	// BackoffUntil is when the account asks again after failures in a row; in the
	// past, or zero, if it does not back off.
	BackoffUntil time.Time
	// Limit is the configured limit.
	Limit Limit
	// NextCall is when the budget allows the next call; zero if no call was
	// ever made, and in the past if a call is allowed now.
	NextCall time.Time
	// Progress is when the account's loop last did something, or had nothing to do;
	// that is now, unless it hangs.
	Progress time.Time
	// MaxStaleness is how old an unsettled task's numbers may become.
	MaxStaleness time.Duration
	// Phases is the number of tasks in each phase, indexed by [Phase].
	Phases [NumPhases]int
	// Dropped is how many tasks are listed now but over the task limit.
	Dropped int
	// Backlog is how long the limit needs to ask for every unsettled task once,
	// lost ones aside.
	Backlog time.Duration
	// Window counts every URL of the look-back, configured or not; nil where
	// that is not watched or not known yet. WindowRefresh is when the oldest of
	// what can still change in it was asked for.
	Window        *Counts
	WindowRefresh time.Time
	// LastQuery and NextQuery are nil where there is none.
	LastQuery, NextQuery *QueryState
	// Tasks are the watched tasks, each once, ordered by ID.
	Tasks []*TaskState
	// Unwatched are the others of which something is known, ordered by ID: they
	// are on no page.
	Unwatched []UnwatchedTask
}

// NextLook is the earliest time at which the task is asked again, in the past if
// that may be at any moment; zero if it is not asked again.
func (a *AccountState) NextLook(t *TaskState) time.Time {
	at := t.NextLook
	if at.IsZero() {
		return at
	}
	for _, other := range []time.Time{a.NextCall, a.BackoffUntil} {
		if other.After(at) {
			at = other
		}
	}
	return at
}

// UnwatchedTask is a task that is not watched now, as it was known last.
type UnwatchedTask struct {
	*TaskState

	// Ended is when the exporter first saw the task settled or found it lost, if
	// its time is over: it is not watched again as long as it is known, whoever
	// lists it. It is zero for others, which are over the task limit or listed by
	// no source.
	Ended time.Time
}

// Group is how a replica stands to the others that share its store.
type Group struct {
	// Replica is its name, and Replicas how many there are with it.
	Replica  string
	Replicas int
	// Loaded reports whether the store was read; until then nothing of what others
	// know is known here.
	Loaded bool
	// Up reports whether the store answers, and Since since when it does or does not.
	Up    bool
	Since time.Time
}

// Snapshot is what the exporter knows at one moment, each account once, ordered by
// provider and account name.
type Snapshot struct {
	Accounts []AccountState
}

// Account returns the account of the name, nil if there is none.
func (s Snapshot) Account(name string) *AccountState {
	for i := range s.Accounts {
		if s.Accounts[i].Account.Name == name {
			return &s.Accounts[i]
		}
	}
	return nil
}

// Task returns the watched task of the id, nil if there is none.
func (a *AccountState) Task(id string) *TaskState {
	i, watched := slices.BinarySearchFunc(a.Tasks, id, func(t *TaskState, id string) int { return strings.Compare(t.ID, id) })
	if !watched {
		return nil
	}
	return a.Tasks[i]
}
