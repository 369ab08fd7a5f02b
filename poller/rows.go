package poller

import (
	"encoding/json"
	"time"

	"prefetch_exporter/prefetch"
)

// What was observed of a row.
const (
	observedWait uint8 = 1 << iota
	observedFetch
)

// rows are the rows of a task, and for each what the histograms have counted of
// it already. Both slices have the same length and are never changed in place:
// the first is published.
type rows struct {
	urls     []prefetch.URL
	observed []uint8
}

// IsZero reports whether there are no rows, for encoding/json.
func (r rows) IsZero() bool { return len(r.urls) == 0 }

// rowKey identifies a row: CDNetworks gives rows no id, but one submission has
// one creation time. The same URL may stand in a task twice.
type rowKey struct {
	url     string
	created int64
}

func keyOf(u *prefetch.URL) rowKey { return rowKey{u.URL, u.Created.Unix()} }

// observation is one duration for the histograms.
type observation struct {
	what uint8 // observedWait, observedFetch, or 0 for the whole task
	took time.Duration
}

// replace returns rows of urls that remember what was observed of the rows in
// r, and what is to be observed now.
func (r rows) replace(urls []prefetch.URL) (rows, []observation) {
	before := make(map[rowKey][]uint8, len(r.urls))
	for i := range r.urls {
		k := keyOf(&r.urls[i])
		before[k] = append(before[k], r.observed[i])
	}
	next := rows{urls: urls, observed: make([]uint8, len(urls))}
	var found []observation
	for i := range urls {
		u := &urls[i]
		if marks := before[keyOf(u)]; len(marks) > 0 {
			next.observed[i] = marks[0]
			before[keyOf(u)] = marks[1:]
		}
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
}

// MarshalJSON writes the rows in their short form.
func (r rows) MarshalJSON() ([]byte, error) {
	stored := make([]storedRow, len(r.urls))
	for i := range r.urls {
		u := &r.urls[i]
		stored[i] = storedRow{
			URL: u.URL, Status: u.Status, Observed: r.observed[i],
			Created: toUnix(u.Created), Started: toUnix(u.Started), Finished: toUnix(u.Finished),
		}
		if u.HasRate {
			stored[i].Rate = &u.Rate
		}
	}
	return json.Marshal(stored)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *rows) UnmarshalJSON(data []byte) error {
	var stored []storedRow
	if err := json.Unmarshal(data, &stored); err != nil {
		return err
	}
	*r = rows{urls: make([]prefetch.URL, len(stored)), observed: make([]uint8, len(stored))}
	for i, s := range stored {
		r.urls[i] = prefetch.URL{
			URL: s.URL, Status: s.Status,
			Created: fromUnix(s.Created), Started: fromUnix(s.Started), Finished: fromUnix(s.Finished),
		}
		if s.Rate != nil {
			r.urls[i].Rate, r.urls[i].HasRate = *s.Rate, true
		}
		r.observed[i] = s.Observed
	}
	return nil
}

func toUnix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromUnix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
