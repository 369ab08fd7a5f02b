package api

import "time"

// Time is a time of an answer; zero if there is none, or one that cannot be read: a
// vendor may well send the year 20261.
type Time struct{ time.Time }

// UnmarshalJSON reads RFC 3339.
func (t *Time) UnmarshalJSON(text []byte) error {
	if t.Time.UnmarshalJSON(text) != nil {
		t.Time = time.Time{}
	}
	return nil
}

// Account is what is read of an account as the API shows it. What is nil or zero is not
// known, or there is none.
type Account struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	// Owner is the replica that asks for the account; nil without replicas.
	Owner     *string `json:"owner"`
	Up        bool    `json:"up"`
	LastQuery *Query  `json:"last_query"`
	NextQuery *Query  `json:"next_query"`
}

// Query is a question to a vendor: one that was asked, or the next one.
type Query struct {
	Kind string  `json:"kind"`
	Task *string `json:"task"`
	Time Time    `json:"time"`
	// Error is why it failed; nil if it answered or was not asked yet.
	Error *string `json:"error"`
}

// Task is what is read of a task as the API shows it.
type Task struct {
	Account     string  `json:"account"`
	ID          string  `json:"id"`
	Phase       string  `json:"phase"`
	Settled     bool    `json:"settled"`
	NextLook    Time    `json:"next_look"`
	Deadline    Time    `json:"deadline"`
	LastRefresh Time    `json:"last_refresh"`
	LastError   *string `json:"last_error"`
	// URLs is nil before the first answer.
	URLs *Counts `json:"urls"`

	// Only the answer about one task has these.
	URLList      []URL `json:"url_list"`
	URLListTotal int   `json:"url_list_total"`
}

// Counts are URLs by status.
type Counts struct {
	Waiting   int `json:"waiting"`
	Running   int `json:"running"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
}

// Total is how many URLs there are.
func (c Counts) Total() int { return c.Waiting + c.Running + c.Succeeded + c.Failed + c.Unknown }

// URL is one URL of a task.
type URL struct {
	URL    string   `json:"url"`
	Status string   `json:"status"`
	Rate   *float64 `json:"rate"`
	// Cause is whose fault it was, Words the vendor's own; nil where it tells none.
	Cause     *string `json:"cause"`
	Words     *string `json:"words"`
	Recovered bool    `json:"recovered"`
}

// NewTask is what a pipeline tells of its task. What is nil is left out.
type NewTask struct {
	Created  *time.Time        `json:"created,omitempty"`
	Deadline *time.Time        `json:"deadline,omitempty"`
	URLs     []string          `json:"urls,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}
