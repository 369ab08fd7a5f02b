package volcengine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// document is a response's body as far as it could be read.
type document struct {
	result json.RawMessage
	fault  fault
}

// decode reads the body. The error says that it is no JSON object.
func (d *document) decode(x *vendorapi.Exchange) error {
	var doc struct {
		Metadata json.RawMessage `json:"ResponseMetadata"`
		Result   json.RawMessage `json:"Result"`
		// The gateway's own form of an error.
		Code    vendorapi.Text `json:"errorcode"`
		Message vendorapi.Text `json:"message"`
	}
	if err := vendorapi.Object(x.Response.Body, &doc); err != nil {
		return err
	}
	d.result = doc.Result
	d.fault = fault{Code: doc.Code, Message: doc.Message}
	var metadata struct {
		RequestID vendorapi.Text  `json:"RequestId"`
		Error     json.RawMessage `json:"Error"`
	}
	if vendorapi.Object(doc.Metadata, &metadata) == nil {
		x.RequestID = metadata.RequestID.Value()
		var inner fault
		if vendorapi.Object(metadata.Error, &inner) == nil {
			d.fault = inner
		}
	}
	return nil
}

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
	*vendorapi.Exchange

	// tasks are those of the rows, empty where one does not tell.
	tasks []string
	// refreshes is how many more rows there are that are of no prefetch.
	refreshes int
}

// answer makes the answer of a body. The error says why it is none, or, as an
// [*vendorapi.Error], that it is about something else.
func (d *document) answer(x *vendorapi.Exchange) (vendorapi.Answer, error) {
	var body result
	if string(d.result) != "null" && vendorapi.Object(d.result, &body) != nil {
		return vendorapi.Answer{}, errors.New("the answer has no Result")
	}
	q, r := &x.Query, reader{Exchange: x, tasks: []string{}}
	urls, err := vendorapi.Rows(body.Data, r.url)
	if err != nil {
		return vendorapi.Answer{}, fmt.Errorf("the Data %w", err)
	}
	if r.refreshes > 0 && q.TaskID != "" {
		return vendorapi.Answer{}, &vendorapi.Error{
			Reason: prefetch.ReasonInvalid, Err: errors.New("the task is a refresh and no prefetch"),
		}
	}
	rows := len(urls) + r.refreshes
	count := rows
	if body.Total.Value() != "" {
		count = r.Count(body.Total, rows)
	} else if q.Kind == vendorapi.QueryCount || rows >= q.PageSize || q.Page > 1 {
		// Only the first page, with room left, shows that its rows are all.
		return vendorapi.Answer{}, errors.New("the answer has no Total")
	}
	return vendorapi.Answer{
		URLs: urls, RowTasks: r.tasks,
		Count: count - r.refreshes, Page: q.Page, PageSize: r.PageSize(*q, body.PageSize, count, rows),
	}, nil
}

// url reads one row, nil if it is no object. Whatever cannot be read of it, the row
// is there, unless it is of a refresh.
func (r *reader) url(w *row, raw json.RawMessage) (u prefetch.URL, keep bool) {
	if w == nil {
		r.tasks = append(r.tasks, "")
		return r.NoRow(raw)
	}
	if kind := w.TaskType.Excerpt(); strings.HasPrefix(strings.ToLower(kind), "refresh") {
		r.refreshes++
		r.Oddf("type", "a row is of a task of the type %s, although only prefetches were asked for; it is left out", kind)
		return u, false
	}
	r.tasks = append(r.tasks, w.TaskID.Value())
	u = prefetch.URL{URL: r.URL(w.URL), Status: r.Status(w.Status, words), Created: r.created(w)}
	u.Progress, u.HasProgress = r.Share("Process", w.Process)
	if u.Status == prefetch.Failed {
		u.Words = w.Remark.Excerpt()
	}
	return u, true
}

// created is when a row was created; zero where that is not told.
func (r *reader) created(w *row) time.Time {
	told := w.CreateTime.Or(w.CreatedAt)
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
