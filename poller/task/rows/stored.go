package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"prefetch_exporter/prefetch"
)

// storedRow is a row in the store: short names, times in Unix seconds since
// vendors tell no more.
type storedRow struct {
	URL      string          `json:"u"`
	Status   prefetch.Status `json:"s"`
	Created  int64           `json:"c,omitempty"`
	Started  int64           `json:"b,omitempty"`
	Finished int64           `json:"f,omitempty"`
	Rate     *float64        `json:"r,omitempty"`
	Progress *float64        `json:"p,omitempty"`
	Cause    prefetch.Cause  `json:"k,omitempty"`
	Words    string          `json:"t,omitempty"`
	Observed uint8           `json:"o,omitempty"`
	Former   bool            `json:"x,omitempty"`
	// Recovered is [prefetch.URL.Recovered].
	Recovered bool `json:"w,omitempty"`
}

// MarshalJSON writes the rows in their short form.
func (r Rows) MarshalJSON() ([]byte, error) {
	stored := make([]storedRow, len(r.URLs), len(r.URLs)+len(r.former))
	for i := range r.URLs {
		u := &r.URLs[i]
		stored[i] = storedRow{
			URL: u.URL, Status: u.Status, Observed: r.observed[i], Recovered: u.Recovered, Cause: u.Cause, Words: u.Words,
			Created: toUnix(u.Created), Started: toUnix(u.Started), Finished: toUnix(u.Finished),
		}
		if u.HasRate {
			stored[i].Rate = &u.Rate
		}
		if u.HasProgress {
			stored[i].Progress = &u.Progress
		}
	}
	for _, f := range r.former {
		stored = append(stored, storedRow{URL: f.URL, Created: f.Created, Observed: f.observed, Former: true})
	}
	data, err := JSON(stored)
	if err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	return data, nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Rows) UnmarshalJSON(data []byte) error {
	var stored []storedRow
	if err := json.Unmarshal(data, &stored); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	*r = Rows{URLs: make([]prefetch.URL, 0, len(stored)), observed: make([]uint8, 0, len(stored))}
	for _, s := range stored {
		if s.Former {
			r.former = append(r.former, former{prefetch.RowKey{URL: s.URL, Created: s.Created}, s.Observed})
			continue
		}
		u := prefetch.URL{
			URL: s.URL, Status: s.Status, Recovered: s.Recovered, Cause: s.Cause, Words: s.Words,
			Created: fromUnix(s.Created), Started: fromUnix(s.Started), Finished: fromUnix(s.Finished),
		}
		if s.Rate != nil {
			u.Rate, u.HasRate = *s.Rate, true
		}
		if s.Progress != nil {
			u.Progress, u.HasProgress = *s.Progress, true
		}
		r.URLs = append(r.URLs, u)
		r.observed = append(r.observed, s.Observed)
	}
	return nil
}

// JSON writes v as JSON, as rows are stored, and the characters of HTML, which URLs are full of, as
// themselves: each would take six bytes.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it is of
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// toUnix is 0 for no time.
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
