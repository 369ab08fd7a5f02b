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
	switch value[0] {
	case '{':
		_ = json.Unmarshal(value, (*fields)(t)) // an object of values that take anything
	case '[':
		decoder := json.NewDecoder(bytes.NewReader(value))
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
type reader struct{ *vendorapi.Exchange }

// answer makes the answer of a body. The error says why it is none.
func (d *document) answer(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	if len(d.Details) == 0 {
		return vendorapi.Answer{}, errors.New("the answer has no details")
	}
	r := reader{x}
	urls, err := vendorapi.Rows(d.Details, r.url)
	if err != nil {
		return vendorapi.Answer{}, fmt.Errorf("details %w", err)
	}
	a := vendorapi.Answer{URLs: urls, Count: len(urls)}
	if strings.EqualFold(d.IsTruncated.Value(), "true") {
		a.Next = d.NextMarker.Value()
		switch {
		case x.Query.TaskID != "":
			// The vendor documents no way to the rest.
			a.Next, a.Open = "", true
			r.Oddf("truncated", "the rows of a task are truncated; it is taken as not over")
		case a.Next == "", d.NextMarker.Cut:
			return vendorapi.Answer{}, errors.New("the answer is truncated and names no nextMarker")
		case a.Next == x.Query.Cursor:
			return vendorapi.Answer{}, errors.New("the nextMarker is the one that was asked for")
		}
	}
	return a, nil
}

// url reads one row, nil if it is no object. Whatever cannot be read of it, the row is
// there.
func (r *reader) url(w *row, raw json.RawMessage) (u prefetch.URL, keep bool) {
	if w == nil {
		return r.NoRow(raw)
	}
	if w.Task.more {
		r.Oddf("task", "a row has several tasks, of which the first is read")
	}
	u = prefetch.URL{
		URL:      r.URL(w.Task.URL),
		Status:   r.Status(w.Status, words),
		Created:  r.Time("createdAt", w.CreatedAt, time.UTC, dateLayout),
		Started:  r.Time("startedAt", w.StartedAt, time.UTC, dateLayout),
		Finished: r.Time("finishedAt", w.FinishedAt.Or(w.FinshedAt), time.UTC, dateLayout),
	}
	// A task may be submitted for later, and its rows then wait because they are meant
	// to. That is no wait for the vendor: it counts from when it may begin.
	if begin := r.Time("startTime", w.Task.StartTime, time.UTC, dateLayout); begin.After(u.Created) {
		u.Created = begin
	}
	u.Progress, u.HasProgress = r.Share("progress", w.Progress)
	return u, true
}
