package baiducloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// document is a response's body, be it an answer or an error.
type document struct {
	Details     json.RawMessage `json:"details"`
	IsTruncated vendorapi.Text  `json:"isTruncated"`
	NextMarker  vendorapi.Text  `json:"nextMarker"`

	Code      vendorapi.Text `json:"code"`
	Message   vendorapi.Text `json:"message"`
	RequestID vendorapi.Text `json:"requestId"`
}

// decode reads body. The error says that it is no JSON object.
func (d *document) decode(body []byte) error {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return errors.New("the answer is empty")
	}
	if body[0] != '{' {
		return errors.New("the answer is not a JSON object")
	}
	if err := json.Unmarshal(body, d); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	return nil
}

// row is one element of details. The page in English has finshedAt.
type row struct {
	Status     vendorapi.Text `json:"status"`
	CreatedAt  vendorapi.Text `json:"createdAt"`
	StartedAt  vendorapi.Text `json:"startedAt"`
	FinishedAt vendorapi.Text `json:"finishedAt"`
	FinshedAt  vendorapi.Text `json:"finshedAt"`
	Progress   vendorapi.Text `json:"progress"`
	Task       target         `json:"task"`
}

// target is what a row is about. The page's table has a list of one, its example and the
// SDK an object.
type target struct {
	URL vendorapi.Text `json:"url"`
	// StartTime is when the fetch is to begin, where that was asked for.
	StartTime vendorapi.Text `json:"startTime"`
	// more: the list has further elements, which are not read.
	more bool
}

// UnmarshalJSON reads a value of any type.
func (t *target) UnmarshalJSON(value []byte) error {
	type fields target
	decoder := json.NewDecoder(bytes.NewReader(value))
	switch value[0] {
	case '{':
		_ = decoder.Decode((*fields)(t)) // an object of values that take anything
	case '[':
		_, _ = decoder.Token() // the bracket
		if decoder.More() {
			_ = decoder.Decode((*fields)(t)) // left as it is by what is no object
			t.more = decoder.More()
		}
	}
	return nil
}

// words are the statuses.
var words = map[string]prefetch.Status{
	"waiting": prefetch.Waiting, "in-progress": prefetch.Running, "completed": prefetch.Succeeded, "failed": prefetch.Failed,
}

// reader turns one answer's rows into URLs and keeps what was odd about them.
type reader struct{ vendorapi.Notes }

// answer makes the answer to q. The error says why the body is none.
func (d *document) answer(q *vendorapi.Query) (vendorapi.Answer, error) {
	var r reader
	urls := []prefetch.URL{}
	switch {
	case len(d.Details) == 0:
		return vendorapi.Answer{}, errors.New("the answer has no details")
	case string(d.Details) != "null":
		var err error
		if urls, err = vendorapi.Rows(d.Details, r.url); err != nil {
			return vendorapi.Answer{}, fmt.Errorf("details %w", err)
		}
	}
	a := vendorapi.Answer{URLs: urls, Count: len(urls), RequestID: d.RequestID.Excerpt()}
	if strings.EqualFold(d.IsTruncated.Value(), "true") {
		a.Next = d.NextMarker.Value()
		switch {
		case q.TaskID != "":
			// The vendor documents no way to the rest.
			a.Next, a.Open = "", true
			r.Oddf("truncated", "the rows of a task are truncated; it is taken as not over")
		case a.Next == "", d.NextMarker.Cut:
			return vendorapi.Answer{}, errors.New("the answer is truncated and names no nextMarker")
		case a.Next == q.Cursor:
			return vendorapi.Answer{}, errors.New("the nextMarker is the one that was asked for")
		}
	}
	a.UnknownWords, a.Oddities = r.UnknownWords, r.Oddities
	return a, nil
}

// url reads one row, nil if it is no object. Whatever cannot be read of it, the row is
// there.
func (r *reader) url(w *row, raw json.RawMessage) prefetch.URL {
	if w == nil {
		return r.NoRow(raw)
	}
	if w.Task.more {
		r.Oddf("task", "a row has several tasks, of which the first is read")
	}
	finished := w.FinishedAt
	if finished.Value() == "" {
		finished = w.FinshedAt
	}
	u := prefetch.URL{
		URL:      r.URL(w.Task.URL),
		Status:   r.Status(w.Status, words),
		Created:  r.time("createdAt", w.CreatedAt),
		Started:  r.time("startedAt", w.StartedAt),
		Finished: r.time("finishedAt", finished),
	}
	// A task may be submitted for later, and its rows then wait because they are meant
	// to. That is no wait for the vendor: it counts from when it may begin.
	if begin := r.time("startTime", w.Task.StartTime); begin.After(u.Created) {
		u.Created = begin
	}
	if w.Progress.Value() != "" {
		share, ok := w.Progress.Share()
		u.Progress, u.HasProgress = share, ok
		if !ok {
			r.Oddf("progress", "progress %q is not a number from 0 to 100; taken as not told", w.Progress.Excerpt())
		}
	}
	return u
}

// time reads the time of a row's field; zero where it is not told.
func (r *reader) time(field string, s vendorapi.Text) time.Time {
	if s.Value() == "" {
		return time.Time{}
	}
	t, ok := s.Time(time.UTC)
	if !ok {
		r.Oddf(field, "%s %q is not a time of the form %s; taken as not told", field, s.Excerpt(), dateLayout)
		return time.Time{}
	}
	return t
}
