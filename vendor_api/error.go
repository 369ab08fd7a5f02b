package vendorapi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// Feature is something that a vendor's pages document differently in different
// places, so that it must be tried.
type Feature string

// The features that a vendor may refuse.
const (
	// FeaturePageSize: the page size that was asked for.
	FeaturePageSize Feature = "page_size"
	// FeatureStatusFilter: limiting the question to one status.
	FeatureStatusFilter Feature = "status_filter"
	// FeatureTaskAlone: asking for a task without a window of creation time.
	FeatureTaskAlone Feature = "task_alone"
	// FeatureLookBack: asking as far back as the configured look-back.
	FeatureLookBack Feature = "look_back"
)

// UsedBy is the feature if q relies on it, and else empty: an error that names it is
// then about something else, and nothing was learned.
func (f Feature) UsedBy(q *Query) Feature {
	used := map[Feature]bool{
		FeaturePageSize: q.PageSize > 0, FeatureStatusFilter: q.Status != nil,
		FeatureTaskAlone: !q.HasWindow(), FeatureLookBack: q.HasWindow(),
	}
	if used[f] {
		return f
	}
	return ""
}

// Error is a vendor call that did not answer, classified once.
type Error struct {
	Reason prefetch.Reason
	// Refused, where set, is the feature that the vendor turned out not to
	// support: something was learned, and nothing failed.
	Refused Feature
	// HTTPStatus is 0 if no response came.
	HTTPStatus int
	// Code and Message are the vendor's own, as far as it gave any. Message is
	// bounded, on one line and valid UTF-8.
	Code, Message string
	// RequestID is the vendor's id of the call, for its support; may be empty.
	RequestID string
	// RetryAfter is how long the vendor asked to be left alone; 0 if it did
	// not.
	RetryAfter time.Duration
	// Again is when a password that was refused may be sent again; zero where that
	// is not the cause.
	Again time.Time
	// Unsent reports that no request reached the API that the vendor counts,
	// as when an access token could not be fetched, or it was too late for the call
	// to leave.
	Unsent bool
	// Date is the vendor's clock, from the Date header; zero if it sent none.
	Date time.Time
	// Err is the cause; may be nil.
	Err error
}

// Error tells the reason, the vendor's words and the cause on one line, such as
// `throttled: HTTP 429: APIGW.0308: policy user over ratelimit (request id 4c3)`.
func (e *Error) Error() string {
	parts := []string{string(e.Reason)}
	if e.HTTPStatus != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", e.HTTPStatus))
	}
	for _, s := range []string{e.Code, e.Message} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Err != nil {
		// net/http quotes up to 10 MB of what a broken server sent.
		parts = append(parts, Excerpt([]byte(e.Err.Error())))
	}
	msg := strings.Join(parts, ": ")
	if e.RequestID != "" {
		msg += " (request id " + e.RequestID + ")"
	}
	return msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns err as an [*Error]. An error of another type, which a
// [Provider] must not return, comes back as [prefetch.ReasonUnavailable]. It is
// nil only for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Reason: prefetch.ReasonUnavailable, Err: err}
}
