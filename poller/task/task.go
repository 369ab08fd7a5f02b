// Package task is the life of one task: evidence goes in, a phase comes out.
//
// It is pure: it has no clock, no lock and no IO, and the same calls give the same
// task. What is known of a task's rows is one of a few states, see [State]; what it
// is worth to ask next is no matter of its own.
package task

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/task/rows"
	"prefetch_exporter/prefetch"
)

// Task is what is known of one task: the part that is kept, and what only this
// process needs.
type Task struct {
	Record

	ID string
	// Listed: a source lists the task now. A task that is not listed is
	// remembered for a while, in case its source lists it again.
	Listed bool
	// Observations are durations that wait until they are durably marked as
	// observed.
	Observations []rows.Observation

	// toldAt is when the question left whose answer told of the task last.
	toldAt time.Time
}

// Record is the part of a task that survives a restart. Times of the exporter
// are wall time.
type Record struct {
	Source   string            `json:"source,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Expected []string          `json:"expected,omitempty"` // configured URLs
	Created  time.Time         `json:"created,omitzero"`   // configured
	Deadline time.Time         `json:"deadline,omitzero"`

	FirstSeen time.Time      `json:"first_seen,omitzero"`
	Unlisted  time.Time      `json:"unlisted,omitzero"` // since when no source lists it
	Phase     prefetch.Phase `json:"phase"`
	SettledAt time.Time      `json:"settled_at,omitzero"` // first seen settled
	LostAt    time.Time      `json:"lost_at,omitzero"`
	// Ended: the task's time is over; it is remembered while a source lists it, and
	// for the retention after, so that it is not asked for again.
	Ended bool `json:"gone,omitempty"`
	// Kept is the retention after which the task ended; 0 if it made room.
	Kept time.Duration `json:"kept,omitempty"`

	VendorCreated  time.Time `json:"vendor_created,omitzero"` // earliest row
	NewestRow      time.Time `json:"newest_row,omitzero"`     // latest creation of a row
	VendorFinished time.Time `json:"vendor_finished,omitzero"`

	LastAsked time.Time `json:"last_asked,omitzero"`
	// LastRefresh is when the last answer came that showed all of the task; zero if
	// none did.
	LastRefresh time.Time `json:"last_refresh,omitzero"`
	Up          bool      `json:"up,omitempty"`
	LastError   *Failure  `json:"last_error,omitempty"`

	Counts       prefetch.Counts `json:"counts"`
	EdgeRatio    float64         `json:"edge_ratio,omitempty"`
	HasEdgeRatio bool            `json:"has_edge_ratio,omitempty"`
	Progress     float64         `json:"progress,omitempty"`
	HasProgress  bool            `json:"has_progress,omitempty"`
	// HasCauses: the vendor tells why URLs failed; those of Rows are known.
	HasCauses bool      `json:"has_causes,omitempty"`
	Rows      rows.Rows `json:"rows,omitzero"`
	// Rowless is for how many submitted URLs the vendor had no row, and RowlessSince
	// since when the task waits for nothing else; zero if it does not.
	Rowless      int       `json:"rowless,omitempty"`
	RowlessSince time.Time `json:"rowless_since,omitzero"`
	// Warmed are the hashes of the URLs that succeeded, of a settled task.
	Warmed []byte `json:"warmed,omitempty"`
	// Sample are a few of them, see [prefetch.Sample]. It is never changed in place:
	// it is published.
	Sample []string `json:"sample,omitempty"`

	// Misses are empty answers and not_found in a row, since FirstMiss.
	Misses    int       `json:"misses,omitempty"`
	FirstMiss time.Time `json:"first_miss,omitzero"`
	// Failures are task failures in a row. RetryAt is when the task may be
	// asked again after a failure or a miss.
	Failures int       `json:"failures,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	// LastUnfinished is when the last question left whose answer showed the task
	// unsettled; zero if none did.
	LastUnfinished time.Time `json:"last_unfinished,omitzero"`
	// Timed: the task's duration is observed, or never will be.
	Timed bool `json:"timed,omitempty"`

	Evidence
	// Doubted is how many rows the vendor counted when its pages did not bear that
	// out; 0 if they did.
	Doubted int `json:"doubted,omitempty"`
	// Repeated stands for the rows that stood on two pages when the task was last
	// read in pages; 0 for none.
	Repeated uint64 `json:"repeated,omitempty"`
}

// Failure is [prefetch.Failure] in the store.
type Failure struct {
	Reason  prefetch.Reason `json:"reason"`
	Message string          `json:"message"`
	Time    time.Time       `json:"time"`
}

// New returns a task that is seen for the first time.
func New(spec prefetch.Task, now time.Time) Task {
	t := Task{ID: spec.ID, Record: Record{FirstSeen: now}}
	t.Describe(spec)
	return t
}

// Describe takes over what a source says of the task, and reports whether
// anything changed.
func (t *Task) Describe(spec prefetch.Task) (changed bool) {
	same := t.Unlisted.IsZero() && t.Source == spec.Source && t.Created.Equal(spec.Created) &&
		t.Deadline.Equal(spec.Deadline) && slices.Equal(t.Expected, spec.URLs) && maps.Equal(t.Labels, spec.Labels)
	t.Listed, t.Unlisted = true, time.Time{}
	t.Source, t.Created, t.Deadline = spec.Source, spec.Created, spec.Deadline
	t.Expected, t.Labels = spec.URLs, spec.Labels
	return !same
}

// Unlist notes that no source lists the task any more.
func (t *Task) Unlist(now time.Time) { t.Listed, t.Unlisted = false, now }

// Date takes what the exporter dated in the future for now, and what was to be
// waited for since then for over: a clock that ran ahead wrote it, and nothing may
// wait until then. A task that ended by such a clock alone comes back. It reports
// whether anything changed.
func (t *Task) Date(now time.Time) (changed bool) {
	for _, at := range t.times() {
		if at.After(now) {
			*at, changed = now, true
		}
	}
	if changed {
		t.RetryAt = time.Time{}
	}
	if t.Ended && now.Before(t.EndsAt(t.Kept)) {
		t.Ended, t.Kept, changed = false, 0, true
	}
	return changed
}

// Redate moves every time that the exporter told by its clock, which was set.
func (t *Task) Redate(move func(at *time.Time), now time.Time) {
	for _, at := range append(t.times(), &t.RetryAt) {
		move(at)
	}
	t.Date(now)
}

// times are those that the exporter told by its clock.
func (t *Task) times() []*time.Time {
	times := []*time.Time{
		&t.FirstSeen, &t.Unlisted, &t.SettledAt, &t.LostAt, &t.LastAsked, &t.LastRefresh, &t.FirstMiss,
		&t.LastUnfinished, &t.RowlessSince, &t.toldAt,
	}
	if t.LastError != nil {
		times = append(times, &t.LastError.Time)
	}
	if c := t.Counted; c != nil {
		times = append(times, &c.SucceededAt, &c.FailedAt, &c.WaitingAt)
	}
	return times
}

// Watched reports whether a source lists the task and its time is not over.
func (t *Task) Watched() bool { return t.Listed && !t.Ended }

// Unsettled reports whether the task is watched and not settled.
func (t *Task) Unsettled() bool { return t.Watched() && t.Phase != prefetch.Settled }

// Remembered reports whether the task is not watched, and only kept in case it
// will be again. A task that was restored and not listed yet is not remembered:
// it was watched.
func (t *Task) Remembered() bool { return !t.Listed && !t.Unlisted.IsZero() }

// Answered reports whether some answer showed all of the task.
func (t *Task) Answered() bool { return !t.LastRefresh.IsZero() }

// CreatedAt is the vendor's time of creation, else the configured one, else when
// the task was first seen.
func (t *Task) CreatedAt() time.Time {
	return cmp.Or(t.KnownCreation(), t.FirstSeen)
}

// KnownCreation is the vendor's time of creation, else the configured one, else
// zero.
func (t *Task) KnownCreation() time.Time {
	return cmp.Or(t.VendorCreated, t.Created)
}

// AskedAt is when the last question left that could tell of the task. What told of
// it before a restart is dated by its answer.
func (t *Task) AskedAt() time.Time {
	return clock.Later(t.LastAsked, cmp.Or(t.toldAt, t.LastRefresh))
}

// FinishedAt is when the last URL was final: the vendor's time where every row
// has one, else when the task was first seen settled; zero before.
func (t *Task) FinishedAt() time.Time {
	if t.Phase != prefetch.Settled {
		return time.Time{}
	}
	return cmp.Or(t.VendorFinished, t.SettledAt)
}

// Published is the task as it is published.
func (t *Task) Published(account prefetch.Account) *prefetch.TaskState {
	s := &prefetch.TaskState{
		Account: account, ID: t.ID, Source: t.Source, Labels: t.Labels, Phase: t.Phase,
		FirstSeen: t.FirstSeen, Created: t.CreatedAt(), Deadline: t.Deadline,
		Finished: t.FinishedAt(), FinishTold: t.Phase == prefetch.Settled && !t.VendorFinished.IsZero(),
		LastUnfinished: t.LastUnfinished, LastRefresh: t.LastRefresh, Up: t.Up,
		Counts: t.Counts, Answered: t.Answered(), EdgeRatio: t.EdgeRatio, HasEdgeRatio: t.HasEdgeRatio,
		Progress: t.Progress, HasProgress: t.HasProgress, HasCauses: t.HasCauses,
		Recovered: t.recovered(), URLs: t.Rows.URLs, Sample: t.Sample, NoRow: t.noRow(),
	}
	if t.HasCauses {
		s.Causes = prefetch.CountCauses(t.Rows.URLs)
	}
	if t.LastError != nil {
		s.LastError = new(prefetch.Failure(*t.LastError))
	}
	return s
}
