package poller

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
)

// task is what the poller knows of one task: the part that is kept, and what
// only this process needs.
type task struct {
	record

	id string
	// listed: a source lists the task now. A task that is not listed is
	// remembered for a while, in case its source lists it again.
	listed bool
	// inFlight: a call about the task is under way.
	inFlight bool
	// place is where the task's card is on the board.
	place int
	// windowed and scouted are when the last window left that could show the task:
	// of all rows, and of those that run.
	windowed, scouted time.Time
	// overlooked: the last window that should have told of the task had no rows.
	overlooked bool
	// crowded: rows of others may wait that were created with its own.
	crowded bool
	// told is when the question left whose answer told of the task last.
	told time.Time
	// hint is what a window showed of the task without proving it.
	hint *glance
	// observations are durations that wait until they are durably marked as
	// observed.
	observations []observation
}

// record is the part of a task that survives a restart. Times of the exporter
// are wall time.
type record struct {
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
	// Gone: the task's time is over; it stays as a tombstone while a source
	// lists it, and for the retention after.
	Gone bool `json:"gone,omitempty"`
	// Kept is the retention after which the task was gone; 0 if it made room.
	Kept time.Duration `json:"kept,omitempty"`

	VendorCreated  time.Time `json:"vendor_created,omitzero"` // earliest row
	NewestRow      time.Time `json:"newest_row,omitzero"`     // latest creation of a row
	VendorFinished time.Time `json:"vendor_finished,omitzero"`

	LastAsked   time.Time `json:"last_asked,omitzero"`
	LastRefresh time.Time `json:"last_refresh,omitzero"`
	Up          bool      `json:"up,omitempty"`
	LastError   *failure  `json:"last_error,omitempty"`

	Answered     bool            `json:"answered,omitempty"`
	Counts       prefetch.Counts `json:"counts"`
	EdgeRatio    float64         `json:"edge_ratio,omitempty"`
	HasEdgeRatio bool            `json:"has_edge_ratio,omitempty"`
	Rows         rows            `json:"rows,omitzero"`
	// Warmed are the hashes of the URLs that succeeded, of a settled task.
	Warmed []byte `json:"warmed,omitempty"`

	// Misses are empty answers and not_found in a row, since FirstMiss.
	Misses    int       `json:"misses,omitempty"`
	FirstMiss time.Time `json:"first_miss,omitzero"`
	// Failures are task failures in a row. RetryAt is when the task may be
	// asked again after a failure or a miss.
	Failures int       `json:"failures,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`
	// Search is the end of the window that is asked for next while the task is
	// looked for day by day; zero before the search.
	Search time.Time `json:"search,omitzero"`
	// Searched: the whole look-back was searched once.
	Searched bool `json:"searched,omitempty"`
	// SeenActive: some answer showed the task unsettled.
	SeenActive bool `json:"seen_active,omitempty"`
	// LastUnfinished is when the last question left whose answer showed so.
	LastUnfinished time.Time `json:"last_unfinished,omitzero"`
	// Timed: the task's duration is observed, or never will be.
	Timed bool `json:"timed,omitempty"`
	// Whole: Rows are known to be all rows of the task, each with its creation,
	// so that a window can tell of it.
	Whole bool `json:"whole,omitempty"`
	// Sole: all rows that were created when these were have been seen, and none of
	// another task is like one of them.
	Sole bool `json:"sole,omitempty"`
	// Ambiguous: the task's rows cannot be told from another's.
	Ambiguous bool `json:"ambiguous,omitempty"`
	// Counted is set for a task too large for one page: its URLs are counted
	// instead of read.
	Counted *counted `json:"counted,omitempty"`
	Reading *reading `json:"reading,omitempty"`
	// Doubted is how many rows the vendor counted when its pages did not bear that
	// out; 0 if they did.
	Doubted int `json:"doubted,omitempty"`
	// Repeated stands for the rows that stood on two pages when the task was last
	// read in pages; 0 for none.
	Repeated uint64 `json:"repeated,omitempty"`
}

// failure is [prefetch.Failure] in the store.
type failure struct {
	Reason  prefetch.Reason `json:"reason"`
	Message string          `json:"message"`
	Time    time.Time       `json:"time"`
}

func (f *failure) published() *prefetch.Failure {
	if f == nil {
		return nil
	}
	p := prefetch.Failure(*f)
	return &p
}

// counted is what is known of a task whose URLs are counted.
type counted struct {
	// Total is how many rows there are: what was submitted, or else what the
	// vendor counted when it had taken everything in.
	Total int `json:"total"`
	// Succeeded and Failed are the vendor's counts, and when it gave them.
	Succeeded   int       `json:"succeeded"`
	Failed      int       `json:"failed"`
	SucceededAt time.Time `json:"succeeded_at,omitzero"`
	FailedAt    time.Time `json:"failed_at,omitzero"`
	// Waiting is how many waited at WaitingAt; zero if the vendor did not say yet.
	Waiting   int       `json:"waiting,omitempty"`
	WaitingAt time.Time `json:"waiting_at,omitzero"`
	// Repeats is how often those that succeeded were counted since the others.
	Repeats int `json:"repeats,omitempty"`
	// Same is how many counts in a row said what was known.
	Same int `json:"same,omitempty"`
	// Since is when the vendor first said that there are so many, in its time.
	// Confirmed: it said so again, long enough after it.
	Since     time.Time `json:"since,omitzero"`
	Confirmed bool      `json:"confirmed,omitempty"`
	// Gradual: rows may have appeared after those that were seen, so only a
	// confirmed total is all of them.
	Gradual bool `json:"gradual,omitempty"`
}

func (t *task) encode() ([]byte, error) {
	value, err := marshal(&t.record)
	if err != nil {
		return nil, fmt.Errorf("task %q: %w", t.id, err)
	}
	return value, nil
}

// marshal writes v as JSON, and the characters of HTML, which URLs are full of, as
// themselves: each would take six bytes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it is of
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func decodeTask(id string, value []byte) (*task, error) {
	t := &task{id: id}
	if err := json.Unmarshal(value, &t.record); err != nil {
		return nil, fmt.Errorf("task %q: %w", id, err)
	}
	return t, nil
}

// date takes what the exporter dated in the future for now, and what was to be
// waited for since then for over: a clock that ran ahead wrote it, and nothing may
// wait until then. A task whose time was over by such a clock alone comes back. It
// reports whether anything changed.
func (r *record) date(now time.Time) (anew bool) {
	for _, at := range r.times() {
		if at.After(now) {
			*at, anew = now, true
		}
	}
	if anew {
		r.RetryAt = time.Time{}
	}
	if r.Gone && now.Before(r.end(r.Kept)) {
		r.Gone, r.Kept, anew = false, 0, true
	}
	return anew
}

// times are those that the exporter told by its clock.
func (r *record) times() []*time.Time {
	times := []*time.Time{&r.FirstSeen, &r.Unlisted, &r.SettledAt, &r.LostAt, &r.LastAsked, &r.LastRefresh, &r.FirstMiss, &r.LastUnfinished}
	if r.LastError != nil {
		times = append(times, &r.LastError.Time)
	}
	if c := r.Counted; c != nil {
		times = append(times, &c.SucceededAt, &c.FailedAt, &c.WaitingAt)
	}
	return times
}

// describe takes over what a source says of the task, and reports whether
// anything changed.
func (t *task) describe(spec prefetch.Task) bool {
	same := t.Unlisted.IsZero() && t.Source == spec.Source && t.Created.Equal(spec.Created) &&
		t.Deadline.Equal(spec.Deadline) && slices.Equal(t.Expected, spec.URLs) && maps.Equal(t.Labels, spec.Labels)
	t.listed, t.Unlisted = true, time.Time{}
	t.Source, t.Created, t.Deadline = spec.Source, spec.Created, spec.Deadline
	t.Expected, t.Labels = spec.URLs, spec.Labels
	return !same
}

// watched reports whether a source lists the task and its time is not over.
func (t *task) watched() bool { return t.listed && !t.Gone }

// remembered reports whether the task is not watched, and only kept in case it
// will be again. A task that was restored and not listed yet is not remembered:
// it was watched.
func (t *task) remembered() bool { return !t.listed && !t.Unlisted.IsZero() }

// created is the vendor's time, else the configured one, else when the task was
// first seen.
func (t *task) created() time.Time {
	if c := t.knownCreated(); !c.IsZero() {
		return c
	}
	return t.FirstSeen
}

// knownCreated is the vendor's time of creation, else the configured one, else
// zero.
func (t *task) knownCreated() time.Time {
	if !t.VendorCreated.IsZero() {
		return t.VendorCreated
	}
	return t.Created
}

// asked is when the last question left that could tell of the task. What told of it
// before a restart is dated by its answer.
func (t *task) asked() time.Time {
	if t.told.IsZero() {
		return clock.Later(t.LastAsked, t.LastRefresh)
	}
	return clock.Later(t.LastAsked, t.told)
}

// finished is when the last URL was final: the vendor's time where every row
// has one, else when the task was first seen settled.
func (t *task) finished() time.Time {
	if t.Phase != prefetch.Settled {
		return time.Time{}
	}
	if !t.VendorFinished.IsZero() {
		return t.VendorFinished
	}
	return t.SettledAt
}

// state is the task as it is published.
func (t *task) state(account prefetch.Account) *prefetch.TaskState {
	return &prefetch.TaskState{
		Account: account, ID: t.id, Source: t.Source, Labels: t.Labels, Phase: t.Phase,
		FirstSeen: t.FirstSeen, Created: t.created(), Deadline: t.Deadline,
		Finished: t.finished(), FinishTold: t.Phase == prefetch.Settled && !t.VendorFinished.IsZero(), LastUnfinished: t.LastUnfinished,
		LastRefresh: t.LastRefresh, Up: t.Up, LastError: t.LastError.published(),
		Counts: t.Counts, Answered: t.Answered, EdgeRatio: t.EdgeRatio, HasEdgeRatio: t.HasEdgeRatio,
		Recovered: t.recovered(), URLs: t.Rows.urls,
	}
}
