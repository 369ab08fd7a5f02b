package prefetch

import "strings"

// Status is what a vendor says of one URL of a task. The zero value is
// [Waiting].
type Status uint8

// The statuses of a URL. Only Succeeded and Failed are final.
const (
	// Waiting: the vendor has the URL and has not begun to fetch it.
	Waiting Status = iota
	// Running: the vendor is fetching the URL from the origin.
	Running
	// Succeeded: the vendor says that the URL was prefetched. It does not
	// prove that an edge answers with a HIT.
	Succeeded
	// Failed: the vendor gave up; see [Cause].
	Failed
	// Unknown: the vendor used a word that it never documented, or none.
	Unknown

	// NumStatuses is how many statuses there are; see [Counts].
	NumStatuses = int(Unknown) + 1
)

var statusNames = [NumStatuses]string{"waiting", "running", "succeeded", "failed", "unknown"}

// Statuses returns every status, in the order of their values.
func Statuses() []Status { return []Status{Waiting, Running, Succeeded, Failed, Unknown} }

// String returns the value of the `status` label, such as "succeeded".
func (s Status) String() string { return nameOf(s, statusNames[:]) }

// Final reports whether the vendor will not change the status any more.
func (s Status) Final() bool { return s == Succeeded || s == Failed }

// MarshalText returns the same word as [Status.String].
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [Status.MarshalText] wrote, in any case.
func (s *Status) UnmarshalText(text []byte) error {
	return readName(s, text, statusNames[:], strings.EqualFold)
}

// Counts is how many URLs have each status, indexed by [Status].
type Counts [NumStatuses]int

// CountURLs counts urls by their status.
func CountURLs(urls []URL) Counts {
	var c Counts
	for i := range urls {
		c[urls[i].Status]++
	}
	return c
}

// Total is the number of URLs of all statuses.
func (c Counts) Total() int {
	total := 0
	for _, n := range c {
		total += n
	}
	return total
}

// Final is the number of URLs whose status is final.
func (c Counts) Final() int { return c[Succeeded] + c[Failed] }

// AllFinal reports whether there are URLs and all of them are final.
func (c Counts) AllFinal() bool { return c.Total() > 0 && c.Final() == c.Total() }

// OnlyUnknownLeft reports whether some URL is not final and all such URLs are
// [Unknown]: asking again will probably tell nothing.
func (c Counts) OnlyUnknownLeft() bool {
	return c[Unknown] > 0 && c[Waiting] == 0 && c[Running] == 0
}

// SuccessRatio is succeeded / all URLs, between 0 and 1. It reports false while
// no URL is known: nothing divided by nothing is not a ratio.
func (c Counts) SuccessRatio() (float64, bool) {
	total := c.Total()
	if total == 0 {
		return 0, false
	}
	return float64(c[Succeeded]) / float64(total), true
}
