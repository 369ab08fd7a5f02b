// Package match finds out whose rows an answer shows. Where rows name no task, a row
// is a task's if its URL and creation are known to be, or if all of the task's URLs
// are there with one creation near the configured one: see [Window] and [Running].
// Where they do, it is whether they are all: see [Named] and [NamedRunning].
//
// It is pure: what is known of the tasks goes in as claims, in order of their
// creation, and what an answer says of them comes out by their places.
package match

import (
	"cmp"
	"time"

	"prefetch_exporter/poller/dialect"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// Drift is how far a configured creation may be off the vendor's.
	Drift = time.Minute
	// Narrowest is a window around one task whose rows are not known.
	Narrowest = 2 * (dialect.Pad + Drift)
)

// Claim is what is known of one task whose rows may be in an answer.
type Claim struct {
	// Created is when the task was created as far as anybody knows, in the vendor's
	// time, and Reach how far off that may be. Configured is the configured creation;
	// zero if there is none.
	Created, Configured time.Time
	Reach               time.Duration
	// NewestRow is the latest creation of its rows.
	NewestRow time.Time
	// Expected are its configured URLs, Rows what was seen of it last.
	Expected []string
	Rows     []prefetch.URL
	// RowsKnown: Rows are all rows of the task, each with its creation. Exclusive:
	// besides, every row that was created when they were has been seen, and none of
	// another task is like one of them.
	RowsKnown, Exclusive bool
	// Ambiguous: the task's rows cannot be told from another's. Counted: they are
	// counted, and not read.
	Ambiguous, Counted bool
	// ID is set where answers say of which tasks they are. Then Total is how many rows
	// the task had last, 0 if nobody knows, and Dated says that its creation is known;
	// Earliest is when it may have been created at the earliest if it is not.
	ID       string
	Total    int
	Dated    bool
	Earliest time.Time
}

// Page is one page of an answer about a window.
type Page struct {
	vendorapi.Answer

	Query vendorapi.Query
	// Asked is the earliest that it can have been asked for, in the vendor's time.
	Asked time.Time
	// Unordered: rows are known not to come in order of their creation. Gradual: a task's
	// may be created after its first, by up to a minute each.
	Unordered, Gradual bool
}

// Result is what a page says of claims, each by its place. Hints of one kind are in
// order of the claims.
type Result struct {
	// Found are the claims all of whose rows the page shows.
	Found []Found
	// Doubted are those whose rows cannot be told from another's.
	Doubted []int
	// Missed are those that the page should have told of and did not.
	Missed []int
	Hints  []Hint
	// Unordered: the page, or one before, showed rows out of order.
	Unordered bool
}

// Found is all rows of a claim.
type Found struct {
	Claim int
	URLs  []prefetch.URL
}

// Hint is what a page shows of a claim without proving it: how many rows are
// probably its, and how many of them are left, which are not final. Others is the
// chance that all of these are another's.
type Hint struct {
	Claim      int
	Rows, Left int
	Others     float64
}

// Joinable reports whether a window can tell of the task: its rows are known by
// their URL and creation, or its URLs are given and when they were submitted.
func (c *Claim) Joinable() bool {
	if c.Ambiguous || c.Counted {
		return false
	}
	if c.ID != "" {
		return c.Dated
	}
	return c.RowsKnown || len(c.Expected) > 0 && !c.Configured.IsZero()
}

// Tellable is from when on, in the vendor's time, a window must be asked for to
// tell of the task. Where its rows are looked for by their URLs, all of them must
// have appeared by then, a minute after the last one that its creation allows: what
// is found before may be another submission's.
// Where answers name their tasks, it is when a window that ends now, but for the
// padding, must have all of the task within.
func (c *Claim) Tellable() time.Time {
	switch {
	case c.ID != "":
		return c.Created.Add(c.Reach)
	case c.RowsKnown:
		return time.Time{}
	default:
		return c.appeared()
	}
}

// appeared is from when on, in the vendor's time, the task's rows must be there.
func (c *Claim) appeared() time.Time { return c.Created.Add(c.Reach + dialect.Proof) }

// TellsApart reports whether the task's rows are known, and no other's.
func (c *Claim) TellsApart() bool { return c.RowsKnown && !c.Counted && !c.Ambiguous }

// Margin is how far around the task's creation its rows are.
func (c *Claim) Margin() time.Duration { return dialect.Pad + c.Reach }

// MayShow reports whether rows of the task may be in the window.
func (c *Claim) MayShow(q vendorapi.Query) bool {
	return !c.Created.Add(c.Margin()).Before(q.From) && !c.first().After(q.To)
}

// first is when the first of the task's rows may have been created.
func (c *Claim) first() time.Time { return cmp.Or(c.Earliest, c.Created.Add(-c.Margin())) }

// Within reports whether all of the task's rows must be in the window.
func (c *Claim) Within(q vendorapi.Query) bool {
	return !c.first().Before(q.From) && !c.Created.Add(c.Margin()).After(q.To)
}

// byKey returns the places of rows by what tells them apart. Rows without a
// creation cannot be.
func byKey(urls []prefetch.URL) map[prefetch.RowKey][]int {
	rows := make(map[prefetch.RowKey][]int, len(urls))
	for i := range urls {
		if u := &urls[i]; !u.Created.IsZero() {
			rows[u.Key()] = append(rows[u.Key()], i)
		}
	}
	return rows
}
