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
)

// Query is one question to a vendor.
type Query struct {
	Kind QueryKind
	// TaskID is the task asked for; empty asks for every task (QueryWindow, or
	// QueryCount over a window).
	TaskID string
	// From and To limit the answer to rows created between them, both
	// included, in the vendor's time. Both zero means no limit.
	From, To time.Time
	// Status, where set, limits the answer to rows of that status:
	// [prefetch.Succeeded], [prefetch.Failed], or [prefetch.Running], which not
	// every vendor page documents.
	Status *prefetch.Status
	// Page is the page asked for, from 1. PageSize is the number of rows in
	// it; 0 takes the configured size. Both are ignored by vendors that do not
	// page.
	Page, PageSize int
}

// Answer is what the vendor said to one question.
type Answer struct {
	// URLs are the rows of the answer in the vendor's order. A row that could
	// not be read in part is there with what could be read, its status
	// [prefetch.Unknown] where that is not known: rows are never dropped.
	URLs []prefetch.URL
	// Count is how many rows match the question at the vendor, over all pages.
	Count int
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

// Capabilities says what a vendor can be asked.
type Capabilities struct {
	// Windows: every row created in a span of time can be asked for.
	Windows bool
	// Paged: answers come in pages, with a count of all rows.
	Paged bool
	// StatusFilter: a question can be limited to one status, so that rows can
	// be counted without reading them.
	StatusFilter bool
	// RowTimes: rows carry the times of creation, start and finish.
	RowTimes bool
	// PageSize is the configured number of rows in a page, where Paged.
	PageSize int
	// LookBack is how far back rows can be asked for; 0 where the vendor does
	// not tell.
	LookBack time.Duration
	// MaxSpan is the longest span of a window, where Windows.
	MaxSpan time.Duration
	// MaxInFlight is how many calls may be under way at once.
	MaxInFlight int
}
