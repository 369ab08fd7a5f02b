package tencentcloud

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/zone"
)

// wordInvalid is the status, at both products, of what the origin did not answer
// with success.
const wordInvalid = "invalid"

// typePrefetch is the Type of EdgeOne's rows that are no purge.
const typePrefetch = "prefetch_url"

// response is what an answer holds, with the fields of both products. Any of them may
// be null.
type response struct {
	Error      refusal         `json:"Error"`
	RequestID  vendorapi.Text  `json:"RequestId"`
	TotalCount vendorapi.Text  `json:"TotalCount"`
	Tasks      json.RawMessage `json:"Tasks"`    // EdgeOne
	PushLogs   json.RawMessage `json:"PushLogs"` // CDN
}

// decode reads a body. The error says that it is not in the vendor's form.
func (r *response) decode(body []byte) error {
	var doc struct {
		Response json.RawMessage `json:"Response"`
	}
	if err := vendorapi.Object(body, &doc); err != nil {
		return err
	}
	if len(doc.Response) == 0 || string(doc.Response) == "null" {
		return errors.New("the answer has no Response")
	}
	return vendorapi.Object(doc.Response, r)
}

// list is the rows of an answer; null or empty where it has none.
func (r *response) list() json.RawMessage {
	if len(r.Tasks) > 0 && string(r.Tasks) != "null" {
		return r.Tasks
	}
	return r.PushLogs
}

// row is one URL of a task, with the fields of both products.
type row struct {
	JobID       vendorapi.Text `json:"JobId"`
	TaskID      vendorapi.Text `json:"TaskId"`
	Target      vendorapi.Text `json:"Target"`
	URL         vendorapi.Text `json:"Url"`
	Type        vendorapi.Text `json:"Type"`
	Status      vendorapi.Text `json:"Status"`
	Percent     vendorapi.Text `json:"Percent"`
	CreateTime  vendorapi.Text `json:"CreateTime"`
	UpdateTime  vendorapi.Text `json:"UpdateTime"`
	FailType    vendorapi.Text `json:"FailType"`
	FailMessage vendorapi.Text `json:"FailMessage"`
}

// reader turns one answer's rows into URLs and keeps what was odd about them.
type reader struct {
	*vendorapi.Exchange

	product  *product
	location *time.Location
	// tasks are those of the rows, empty where one does not tell.
	tasks []string
	// others are the types of rows that are no prefetch, and purge is that of one of
	// the task that was asked for.
	others []string
	purge  string
}

// answer makes the answer of a body.
func (r *reader) answer(body *response) (vendorapi.Answer, error) {
	q := &r.Query
	urls, err := vendorapi.Rows(body.list(), r.row)
	if err != nil {
		return vendorapi.Answer{}, fmt.Errorf("the list of tasks %w", err)
	}
	rows := len(urls) + len(r.others)
	count, err := r.count(body, rows)
	if err != nil {
		return vendorapi.Answer{}, err
	}
	a := vendorapi.Answer{
		URLs: urls, RowTasks: r.tasks, Count: count - len(r.others),
		Page: q.Page, PageSize: r.PageSize(*q, vendorapi.Text{}, count, rows),
	}
	if r.purge != "" {
		return vendorapi.Answer{}, &vendorapi.Error{
			Reason: prefetch.ReasonInvalid, Err: fmt.Errorf("the task is no prefetch: its type is %q", r.purge),
		}
	}
	if len(r.others) > 0 {
		r.Oddf("type", "a row of the type %q is no prefetch; not counted", r.others[0])
	}
	if r.product.zoneless {
		zone.Note(r.Exchange, urls, r.location, "time_zone is probably wrong")
	}
	return a, nil
}

// count is how many rows match. Without a TotalCount, which CDN's pages say may be
// null, only a page with room left shows that its rows are all.
func (r *reader) count(body *response, rows int) (int, error) {
	q := &r.Query
	if _, ok := body.TotalCount.Natural(); !ok {
		if rows >= q.PageSize {
			return 0, fmt.Errorf("TotalCount %q is not a whole number", body.TotalCount.Excerpt())
		}
		if rows == 0 && q.Page == 1 && body.TotalCount.Value() == "" {
			return 0, nil
		}
		return (q.Page-1)*q.PageSize + r.Count(body.TotalCount, rows), nil
	}
	return r.Count(body.TotalCount, rows), nil
}

// row reads one row, nil if it is no object. Whatever cannot be read of it, the row
// is there, unless it is no prefetch.
func (r *reader) row(w *row, raw json.RawMessage) (u prefetch.URL, keep bool) {
	asked := r.Query.TaskID
	if w == nil {
		r.tasks = append(r.tasks, asked)
		return r.NoRow(raw)
	}
	task := cmp.Or(w.JobID.Value(), w.TaskID.Value(), asked)
	if kind := w.Type.Excerpt(); kind != "" && !strings.EqualFold(kind, typePrefetch) {
		r.others = append(r.others, kind)
		if asked != "" && task == asked {
			r.purge = cmp.Or(r.purge, kind)
		}
		return u, false
	}
	r.tasks = append(r.tasks, task)
	return r.url(w), true
}

// url reads a row that is a prefetch.
func (r *reader) url(w *row) prefetch.URL {
	u := prefetch.URL{
		URL: r.URL(w.Target.Or(w.URL)), Status: r.Status(w.Status, r.product.words), Created: r.time("CreateTime", w.CreateTime),
	}
	if u.Status.Final() {
		u.Finished = r.time("UpdateTime", w.UpdateTime)
	}
	if u.Status == prefetch.Failed {
		u.Cause = causes[strings.ToLower(cmp.Or(w.FailType.Value(), w.Status.Value()))]
		u.Words = cmp.Or(w.FailMessage.Excerpt(), w.FailType.Excerpt())
	}
	u.Progress, u.HasProgress = r.Share("Percent", w.Percent)
	return u
}

// causes are those of EdgeOne's FailType, in lower case. A row of the status invalid,
// which both products have, needs none: its origin did not answer with success.
var causes = map[string]prefetch.Cause{
	"originpullfailed": prefetch.CauseOrigin, "downloadmanifestfailed": prefetch.CauseOrigin,
	"accessdenied": prefetch.CauseOrigin, wordInvalid: prefetch.CauseOrigin,
	"quotaexceeded": prefetch.CauseVendor, "taskfailed": prefetch.CauseVendor,
}

// time reads the time of a row's field; zero where it is not told.
func (r *reader) time(field string, s vendorapi.Text) time.Time {
	if s.Value() == "" {
		return time.Time{}
	}
	t, ok := s.Time(r.location)
	if !ok {
		r.Oddf(field, "%s %q is not a time; taken as not told", field, s.Excerpt())
		return time.Time{}
	}
	return t
}
