// Package rows is the rows of one task as answers show them: what the histograms have
// counted of each already, which of those that failed a later task has warmed, and how
// they are stored.
//
// It is pure: rows are never changed in place, since they are published.
package rows

import (
	"slices"
	"time"

	"prefetch_exporter/prefetch"
)

// Most bounds how many rows a task can have. Vendors take 20,000 URLs a day.
const Most = 100_000

// What was observed.
const (
	ObservedWait uint8 = 1 << iota
	ObservedFetch
)

// Rows are the rows of a task, and for each what the histograms have counted of
// it already. URLs and observed have the same length and are never changed in
// place: the first is published.
type Rows struct {
	URLs     []prefetch.URL
	observed []uint8
	// former are rows that earlier answers had and the last one had not, in case
	// they come back: only what was observed of them is known still.
	former []former
}

// former is what is left of a row that is gone.
type former struct {
	prefetch.RowKey

	observed uint8
}

// IsZero reports whether there are no rows, for encoding/json.
func (r Rows) IsZero() bool { return len(r.URLs) == 0 && len(r.former) == 0 }

// Observation is one duration for the histograms.
type Observation struct {
	What uint8 // ObservedWait, ObservedFetch, or 0 for the whole task
	Took time.Duration
}

// Merge returns rows of urls that remember what was observed of the rows in r, with
// what is to be observed now added to found.
func (r Rows) Merge(urls []prefetch.URL, found []Observation) (Rows, []Observation) {
	if len(urls) == 0 {
		urls = nil // as it is after a restart
	}
	next := r.inherit(urls)
	for i := range urls {
		u := &urls[i]
		if wait := u.Started.Sub(u.Created); next.observed[i]&ObservedWait == 0 &&
			!u.Created.IsZero() && !u.Started.IsZero() && wait >= 0 {
			next.observed[i] |= ObservedWait
			found = append(found, Observation{ObservedWait, wait})
		}
		if fetch := u.Finished.Sub(u.Started); next.observed[i]&ObservedFetch == 0 && u.Status.Final() &&
			!u.Started.IsZero() && !u.Finished.IsZero() && fetch >= 0 {
			next.observed[i] |= ObservedFetch
			found = append(found, Observation{ObservedFetch, fetch})
		}
	}
	return next, found
}

// inherit returns rows of urls with what was observed of the same rows in r. A
// row whose time of creation is new but whose URL is not takes over from the row
// that it stands for, as when the time zone was corrected.
func (r Rows) inherit(urls []prefetch.URL) Rows {
	before := make([]former, 0, len(r.URLs)+len(r.former))
	for i := range r.URLs {
		before = append(before, former{r.URLs[i].Key(), r.observed[i]})
	}
	before = append(before, r.former...)
	exact := make(map[prefetch.RowKey][]int, len(before))
	for i, f := range before {
		exact[f.RowKey] = append(exact[f.RowKey], i)
	}
	next := Rows{URLs: urls, observed: make([]uint8, len(urls))}
	used := make([]bool, len(before))
	var unmatched []int
	for i := range urls {
		k := urls[i].Key()
		if same := exact[k]; len(same) > 0 {
			exact[k] = same[1:]
			used[same[0]] = true
			next.observed[i] = before[same[0]].observed
		} else {
			unmatched = append(unmatched, i)
		}
	}
	byURL := map[string][]former{}
	for i, f := range before {
		if !used[i] && f.observed != 0 {
			byURL[f.URL] = append(byURL[f.URL], f)
		}
	}
	for _, i := range unmatched {
		u := urls[i].URL
		if left := byURL[u]; len(left) > 0 {
			next.observed[i], byURL[u] = left[0].observed, left[1:]
		}
	}
	for _, left := range byURL {
		next.former = append(next.former, left...)
	}
	next.former = next.former[:min(len(next.former), Most)]
	recovered := Hashes{}
	for i := range r.URLs {
		if u := &r.URLs[i]; u.Recovered {
			recovered[HashOf(u.URL)] = true
		}
	}
	return next.Recover(recovered)
}

// With returns rows with urls after them, of which nothing was observed.
func (r Rows) With(urls []prefetch.URL) Rows {
	return Rows{
		URLs:     slices.Concat(r.URLs, urls),
		observed: make([]uint8, len(r.URLs)+len(urls)),
	}
}

// Bytes is how many bytes the URLs have.
func (r Rows) Bytes() int {
	n := 0
	for i := range r.URLs {
		n += len(r.URLs[i].URL)
	}
	return n
}

// Failed keeps only the rows that failed: what a settled task needs still.
func (r Rows) Failed() Rows {
	return r.Keep(func(s prefetch.Status) bool { return s == prefetch.Failed })
}

// Keep keeps only the rows of some statuses.
func (r Rows) Keep(of func(prefetch.Status) bool) Rows {
	var kept Rows
	for i := range r.URLs {
		if of(r.URLs[i].Status) {
			kept.URLs = append(kept.URLs, r.URLs[i])
			kept.observed = append(kept.observed, r.observed[i])
		}
	}
	return kept
}
