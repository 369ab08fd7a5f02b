package poller

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
)

// What was observed of a row.
const (
	observedWait uint8 = 1 << iota
	observedFetch
)

// rows are the rows of a task, and for each what the histograms have counted of
// it already. urls and observed have the same length and are never changed in
// place: the first is published.
type rows struct {
	urls     []prefetch.URL
	observed []uint8
	// former are rows that earlier answers had and the last one had not, in case
	// they come back: only what was observed of them is known still.
	former []former
}

// former is what is left of a row that is gone.
type former struct {
	rowKey

	observed uint8
}

// IsZero reports whether there are no rows, for encoding/json.
func (r rows) IsZero() bool { return len(r.urls) == 0 && len(r.former) == 0 }

// rowKey identifies a row: CDNetworks gives rows no id, but one submission has
// one creation time. The same URL may stand in a task twice.
type rowKey struct {
	url     string
	created int64
}

func keyOf(u *prefetch.URL) rowKey { return rowKey{u.URL, toUnix(u.Created)} }

// sameRows reports whether two answers show the same rows, in whatever order and
// state.
func sameRows(a, b []prefetch.URL) bool {
	if len(a) != len(b) {
		return false
	}
	left := make(map[rowKey]int, len(a))
	for i := range a {
		left[keyOf(&a[i])]++
	}
	for i := range b {
		k := keyOf(&b[i])
		if left[k] == 0 {
			return false
		}
		left[k]--
	}
	return true
}

// observation is one duration for the histograms.
type observation struct {
	what uint8 // observedWait, observedFetch, or 0 for the whole task
	took time.Duration
}

// replace returns rows of urls that remember what was observed of the rows in
// r, and what is to be observed now.
func (r rows) replace(urls []prefetch.URL) (rows, []observation) {
	next := r.inherit(urls)
	var found []observation
	for i := range urls {
		u := &urls[i]
		if wait := u.Started.Sub(u.Created); next.observed[i]&observedWait == 0 &&
			!u.Created.IsZero() && !u.Started.IsZero() && wait >= 0 {
			next.observed[i] |= observedWait
			found = append(found, observation{observedWait, wait})
		}
		if fetch := u.Finished.Sub(u.Started); next.observed[i]&observedFetch == 0 && u.Status.Final() &&
			!u.Started.IsZero() && !u.Finished.IsZero() && fetch >= 0 {
			next.observed[i] |= observedFetch
			found = append(found, observation{observedFetch, fetch})
		}
	}
	return next, found
}

// merge returns the rows of urls in place of r, with what is to be observed of
// them added to before.
func (r rows) merge(urls []prefetch.URL, before []observation) (rows, []observation) {
	if len(urls) == 0 {
		urls = nil // as it is after a restart
	}
	next, found := r.replace(urls)
	return next, append(before, found...)
}

// inherit returns rows of urls with what was observed of the same rows in r. A
// row whose time of creation is new but whose URL is not takes over from the row
// that it stands for, as when the time zone was corrected.
func (r rows) inherit(urls []prefetch.URL) rows {
	before := make([]former, 0, len(r.urls)+len(r.former))
	for i := range r.urls {
		before = append(before, former{keyOf(&r.urls[i]), r.observed[i]})
	}
	before = append(before, r.former...)
	exact := make(map[rowKey][]int, len(before))
	for i, f := range before {
		exact[f.rowKey] = append(exact[f.rowKey], i)
	}
	next := rows{urls: urls, observed: make([]uint8, len(urls))}
	used := make([]bool, len(before))
	var unmatched []int
	for i := range urls {
		k := keyOf(&urls[i])
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
			byURL[f.url] = append(byURL[f.url], f)
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
	next.former = next.former[:min(len(next.former), mostRows)]
	recovered := r.recoveredURLs()
	return next.recover(func(url string) bool { return recovered[url] })
}

// with returns rows with urls after them, of which nothing was observed.
func (r rows) with(urls []prefetch.URL) rows {
	return rows{
		urls:     slices.Concat(r.urls, urls),
		observed: make([]uint8, len(r.urls)+len(urls)),
	}
}

// bytes is how many bytes the URLs have.
func (r rows) bytes() int {
	n := 0
	for i := range r.urls {
		n += len(r.urls[i].URL)
	}
	return n
}

// failed keeps only the rows that failed: what a settled task needs still.
func (r rows) failed() rows {
	var kept rows
	for i := range r.urls {
		if r.urls[i].Status == prefetch.Failed {
			kept.urls = append(kept.urls, r.urls[i])
			kept.observed = append(kept.observed, r.observed[i])
		}
	}
	return kept
}

// storedRow is a row in the store: short names, times in Unix seconds since
// vendors tell no more.
type storedRow struct {
	URL      string          `json:"u"`
	Status   prefetch.Status `json:"s"`
	Created  int64           `json:"c,omitempty"`
	Started  int64           `json:"b,omitempty"`
	Finished int64           `json:"f,omitempty"`
	Rate     *float64        `json:"r,omitempty"`
	Observed uint8           `json:"o,omitempty"`
	Former   bool            `json:"x,omitempty"`
	// Recovered is [prefetch.URL.Recovered].
	Recovered bool `json:"w,omitempty"`
}

// MarshalJSON writes the rows in their short form.
func (r rows) MarshalJSON() ([]byte, error) {
	stored := make([]storedRow, len(r.urls), len(r.urls)+len(r.former))
	for i := range r.urls {
		u := &r.urls[i]
		stored[i] = storedRow{
			URL: u.URL, Status: u.Status, Observed: r.observed[i], Recovered: u.Recovered,
			Created: toUnix(u.Created), Started: toUnix(u.Started), Finished: toUnix(u.Finished),
		}
		if u.HasRate {
			stored[i].Rate = &u.Rate
		}
	}
	for _, f := range r.former {
		stored = append(stored, storedRow{URL: f.url, Created: f.created, Observed: f.observed, Former: true})
	}
	data, err := marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	return data, nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *rows) UnmarshalJSON(data []byte) error {
	var stored []storedRow
	if err := json.Unmarshal(data, &stored); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	*r = rows{urls: make([]prefetch.URL, 0, len(stored)), observed: make([]uint8, 0, len(stored))}
	for _, s := range stored {
		if s.Former {
			r.former = append(r.former, former{rowKey{s.URL, s.Created}, s.Observed})
			continue
		}
		u := prefetch.URL{
			URL: s.URL, Status: s.Status, Recovered: s.Recovered,
			Created: fromUnix(s.Created), Started: fromUnix(s.Started), Finished: fromUnix(s.Finished),
		}
		if s.Rate != nil {
			u.Rate, u.HasRate = *s.Rate, true
		}
		r.urls = append(r.urls, u)
		r.observed = append(r.observed, s.Observed)
	}
	return nil
}

func toUnix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// toNano is 0 for no time.
func toNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromUnix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
