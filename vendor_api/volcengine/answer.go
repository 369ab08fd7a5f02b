package volcengine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// document is a response's body as far as it could be read.
type document struct {
	result    json.RawMessage
	requestID string
	fault     fault
}

// decode reads body. The error says that it is no JSON object.
func (d *document) decode(body []byte) error {
	var doc struct {
		Metadata json.RawMessage `json:"ResponseMetadata"`
		Result   json.RawMessage `json:"Result"`
		// The gateway's own form of an error.
		Code    vendorapi.Text `json:"errorcode"`
		Message vendorapi.Text `json:"message"`
	}
	if err := vendorapi.Object(body, &doc); err != nil {
		return err
	}
	d.result = doc.Result
	d.fault = fault{Code: doc.Code, Message: doc.Message}
	var metadata struct {
		RequestID vendorapi.Text  `json:"RequestId"`
		Error     json.RawMessage `json:"Error"`
	}
	if object(doc.Metadata) && json.Unmarshal(doc.Metadata, &metadata) == nil {
		d.requestID = metadata.RequestID.Excerpt()
		var inner fault
		if object(metadata.Error) && json.Unmarshal(metadata.Error, &inner) == nil {
			d.fault = inner
		}
	}
	return nil
}

func object(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

// result is what an answer tells besides its metadata. Any of it may be missing.
type result struct {
	Total    vendorapi.Text  `json:"Total"`
	PageSize vendorapi.Text  `json:"PageSize"`
	Data     json.RawMessage `json:"Data"`
}

// row is one element of Data. CreatedAt is what an older SDK calls CreateTime.
type row struct {
	URL        vendorapi.Text `json:"Url"`
	Status     vendorapi.Text `json:"Status"`
	TaskType   vendorapi.Text `json:"TaskType"`
	TaskID     vendorapi.Text `json:"TaskID"`
	CreateTime vendorapi.Text `json:"CreateTime"`
	CreatedAt  vendorapi.Text `json:"CreatedAt"`
	Process    vendorapi.Text `json:"Process"`
	Remark     vendorapi.Text `json:"Remark"`
}

// words are the statuses; there is none for a URL that waits.
var words = map[string]prefetch.Status{
	"running": prefetch.Running, "complete": prefetch.Succeeded, "failed": prefetch.Failed,
}

// reader turns one answer's rows into URLs and keeps what was odd about them.
type reader struct {
	vendorapi.Notes

	// rows is how many were read, and tasks are their tasks up to the last one that
	// told it.
	rows  int
	tasks []string
	// refreshes are the rows that are of no prefetch.
	refreshes []int
}

// answer makes the answer to q, which is complete. The error says why the body is none,
// or, as an [*vendorapi.Error], that it is about something else.
func (d *document) answer(q vendorapi.Query) (vendorapi.Answer, error) {
	var body result
	switch {
	case string(d.result) == "null":
	case !object(d.result):
		return vendorapi.Answer{}, errors.New("the answer has no Result")
	case json.Unmarshal(d.result, &body) != nil:
		return vendorapi.Answer{}, errors.New("the Result cannot be read")
	}
	r, urls := reader{tasks: []string{}}, []prefetch.URL{}
	if len(body.Data) > 0 && string(body.Data) != "null" {
		var err error
		if urls, err = vendorapi.Rows(body.Data, r.url); err != nil {
			return vendorapi.Answer{}, fmt.Errorf("the Data %w", err)
		}
	}
	r.pad(len(urls))
	if len(r.refreshes) > 0 && q.TaskID != "" {
		return vendorapi.Answer{}, &vendorapi.Error{
			Reason: prefetch.ReasonInvalid, Err: errors.New("the task is a refresh and no prefetch"),
		}
	}
	count := len(urls)
	if body.Total.Value() != "" {
		count = r.Count(body.Total, len(urls))
	} else if q.Kind == vendorapi.QueryCount || len(urls) >= q.PageSize || q.Page > 1 {
		// Only the first page, with room left, shows that its rows are all.
		return vendorapi.Answer{}, errors.New("the answer has no Total")
	}
	pageSize := r.PageSize(q, body.PageSize, count, len(urls))
	for _, i := range slices.Backward(r.refreshes) {
		urls, r.tasks = slices.Delete(urls, i, i+1), slices.Delete(r.tasks, i, i+1)
	}
	return vendorapi.Answer{
		URLs: urls, RowTasks: r.tasks,
		Count: count - len(r.refreshes), Page: q.Page, PageSize: pageSize,
		UnknownWords: r.UnknownWords, Oddities: r.Oddities, RequestID: d.requestID,
	}, nil
}

// url reads one row, nil if it is no object. Whatever cannot be read of it, the row
// is there.
func (r *reader) url(w *row, raw json.RawMessage) prefetch.URL {
	r.rows++
	if w == nil {
		return r.NoRow(raw)
	}
	if id := w.TaskID.Value(); id != "" {
		r.pad(r.rows - 1)
		r.tasks = append(r.tasks, id)
	}
	if kind := w.TaskType.Excerpt(); strings.HasPrefix(strings.ToLower(kind), "refresh") {
		r.refreshes = append(r.refreshes, r.rows-1)
		r.Oddf("type", "a row is of a task of the type %s, although only prefetches were asked for; it is left out", kind)
	}
	u := prefetch.URL{URL: r.URL(w.URL), Status: r.Status(w.Status, words), Created: r.created(w)}
	u.Progress, u.HasProgress = r.Share("Process", w.Process)
	if u.Status == prefetch.Failed {
		u.Words = w.Remark.Excerpt()
	}
	return u
}

// pad makes the tasks as many as that.
func (r *reader) pad(rows int) { r.tasks = append(r.tasks, make([]string, rows-len(r.tasks))...) }

// created is when a row was created; zero where that is not told.
func (r *reader) created(w *row) time.Time {
	told := w.CreateTime
	if told.Value() == "" {
		told = w.CreatedAt
	}
	if v := told.Value(); v == "" || v == "0" {
		return time.Time{}
	}
	if at, ok := told.Unix(time.Second); ok {
		return at.UTC()
	}
	at, ok := told.Unix(time.Millisecond)
	if ok {
		r.Oddf("create time", "CreateTime %s is in milliseconds", told.Excerpt())
		return at.UTC()
	}
	r.Oddf("create time", "CreateTime %q is not a time in seconds since 1970; taken as not told", told.Excerpt())
	return time.Time{}
}
