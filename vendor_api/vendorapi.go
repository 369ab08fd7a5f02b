// Package vendorapi is how the exporter asks a CDN vendor about prefetch tasks:
// one question, one HTTP request, one answer or one classified error.
//
// It owns the [Provider] interface, the query and answer types, the [Error]
// type and the HTTP transport that every vendor client shares. One folder per
// vendor stands below it. It must not know when or why it is called: budgets,
// retries and priorities belong to the caller.
package vendorapi

import (
	"context"
	"time"

	"prefetch_exporter/prefetch"
)

// Provider asks one vendor with one set of credentials.
type Provider interface {
	// Query asks the vendor one question. It makes exactly one HTTP request
	// that the vendor counts against its quota, and never repeats it. A failure
	// is always an [*Error]. Query is safe for concurrent use.
	Query(ctx context.Context, q Query) (Answer, error)
	// Capabilities says what the vendor can be asked. It never changes.
	Capabilities() Capabilities
}

// QueryKind is the form of a question: the `query` label of
// prefetch_api_requests_total.
type QueryKind string

// The forms of a question.
const (
	// QueryTask asks for the rows of one task.
	QueryTask QueryKind = "task"
	// QueryWindow asks for every row created between From and To.
	QueryWindow QueryKind = "window"
	// QueryCount asks how many rows match and reads none, or as few as the
	// vendor allows.
	QueryCount QueryKind = "count"
	// QueryList asks for the tasks created between From and To, each with its
	// counts and without its rows.
	QueryList QueryKind = "list"
)

// Query is one question to a vendor.
type Query struct {
	Kind QueryKind
	// TaskID is the task asked for; empty asks for every task (QueryWindow, or
	// QueryCount over a window).
	TaskID string
	// Others are further tasks of the same QueryTask, at most
	// [Capabilities.TasksPerQuery] with TaskID.
	Others []string
	// Created is when the task was created, in the vendor's time; zero if nobody
	// knows. Some vendors find an old task by it only.
	Created time.Time
	// From and To limit the answer to rows created between them, both
	// included, in the vendor's time. Both zero means no limit.
	From, To time.Time
	// Status, where set, limits the answer to rows of that status: see
	// [Capabilities.FilterWords].
	Status *prefetch.Status
	// Page is the page asked for, from 1. PageSize is the number of rows in
	// it; 0 takes the configured size. Both are ignored by vendors that do not
	// page.
	Page, PageSize int
	// Cursor is [Answer.Next] of the page before, for vendors whose pages cannot be
	// jumped to; the rest of the question must be the same.
	Cursor string
}

// HasWindow reports whether q limits the time of creation.
func (q *Query) HasWindow() bool { return !q.From.IsZero() }

// Tasks are the ids of all tasks that are asked for.
func (q *Query) Tasks() []string {
	if q.TaskID == "" {
		return nil
	}
	return append([]string{q.TaskID}, q.Others...)
}

// Answer is what the vendor said to one question.
type Answer struct {
	// URLs are the rows of the answer in the vendor's order. A row that could
	// not be read in part is there with what could be read, its status
	// [prefetch.Unknown] where that is not known: rows are never dropped.
	URLs []prefetch.URL
	// RowTasks are the ids of the tasks that URLs belong to, in the same order;
	// empty where the row does not tell. It is nil where rows never do.
	RowTasks []string
	// Tasks answer a QueryList, in the vendor's order.
	Tasks []TaskSummary
	// Open: the vendor says that the task which was asked for is not over, whatever
	// its rows show.
	Open bool
	// Refused are the tasks of a question that the vendor answered, but not about
	// these: the id of a purge among them, for one.
	Refused map[string]*Error
	// Count is how many rows match the question at the vendor, over all pages; of a
	// QueryList, how many tasks. Where Next is set and the vendor does not tell,
	// it is how many are in this answer.
	Count int
	// Next is where the next page begins, for [Query.Cursor]; empty if there is
	// none, or if pages have numbers.
	Next string
	// Page and PageSize are what the vendor used, where it pages; PageSize can
	// be smaller than what was asked for.
	Page, PageSize int
	// UnknownWords are status words in the answer that no page documents.
	UnknownWords []string
	// Oddities are other departures from the documented form that were
	// tolerated, each a short sentence for the log.
	Oddities []string
	// RequestID is the vendor's id of the call, for its support; may be empty.
	RequestID string
	// Date is the vendor's clock, from the Date header; zero if it sent none.
	Date time.Time
}

// Whole reports whether the answer has all that there is to the question.
func (a *Answer) Whole() bool { return a.Next == "" && a.Count <= max(len(a.URLs), len(a.Tasks)) }

// RowsOf are the rows of one task, where they tell their task.
func (a *Answer) RowsOf(id string) (urls []prefetch.URL) {
	for i, task := range a.RowTasks {
		if task == id {
			urls = append(urls, a.URLs[i])
		}
	}
	return urls
}

// TaskSummary is what a vendor says of a whole task.
type TaskSummary struct {
	ID string
	// Created is when the vendor took the task in; zero if it did not say.
	Created time.Time
	// Counts are its URLs by status. They sum to the vendor's total, unless its own
	// counts are more.
	Counts prefetch.Counts
	// Done: the vendor says that the task is over, and its counts bear it out.
	Done bool
}

// RowTimes are the times that rows have.
type RowTimes struct{ Created, Started, Finished bool }

// Capabilities says what a vendor can be asked, and what its answers tell.
type Capabilities struct {
	// Windows: every row created in a span of time can be asked for.
	Windows bool
	// Lists: every task created in a span of time can be asked for, with its counts.
	Lists bool
	// RowTask: rows tell their task, so that a window tells of every task in it.
	RowTask bool
	// TasksPerQuery is how many tasks a QueryTask may be about; 0 means 1.
	TasksPerQuery int
	// Paged: answers about a task come in pages, with a count of all rows.
	Paged bool
	// FilterWords is how many of the vendor's words, and so how many questions, it
	// takes to be shown the rows of a status and no others; 0 where that cannot be
	// asked. What takes one can be counted without reading its rows.
	FilterWords [prefetch.NumStatuses]int
	// NeverWaits: the vendor has no word for URLs that wait; what is not final runs.
	NeverWaits bool
	// Times are those that rows have.
	Times RowTimes
	// Gradual: rows of a task may appear for some time after its submission, so that
	// an answer shows all of them only from a minute after the newest one on.
	Gradual bool
	// Causes: the vendor tells why URLs failed, in words that are told apart.
	Causes bool
	// PageSize is the configured number of rows in a page, of a task where Paged and
	// of a window, and ListSize that of tasks in a page of a list.
	PageSize, ListSize int
	// LookBack is how far back rows can be asked for; 0 where the vendor does
	// not tell.
	LookBack time.Duration
	// MaxSpan is the longest span of a window or a list.
	MaxSpan time.Duration
	// MaxInFlight is how many calls may be under way at once. More than one keeps a
	// slow answer from holding up the others: most vendors limit calls by time, and not
	// how many there are at once.
	MaxInFlight int
}

// OneWord is [Capabilities.FilterWords] of a vendor that has one word for each of
// some statuses.
func OneWord(statuses ...prefetch.Status) (words [prefetch.NumStatuses]int) {
	for _, s := range statuses {
		words[s] = 1
	}
	return words
}

// Filters reports whether a question can be limited to rows of a status.
func (c *Capabilities) Filters(s prefetch.Status) bool { return c.FilterWords[s] == 1 }

// Discovers reports whether the vendor tells which tasks there are.
func (c *Capabilities) Discovers() bool { return c.Lists || c.Windows && c.RowTask }
