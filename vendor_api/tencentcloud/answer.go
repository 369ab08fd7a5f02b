package tencentcloud

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
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

// decode reads a body. The error says that it is not in the vendor's form; there is a
// response all the same.
func decode(body []byte) (*response, error) {
	var doc struct {
		Response *response `json:"Response"`
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return &response{}, errors.New("the answer is empty")
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return &response{}, fmt.Errorf("the answer is not a JSON object: %w", err)
	}
	if doc.Response == nil {
		return &response{}, errors.New("the answer has no Response")
	}
	return doc.Response, nil
}

// list is the rows of an answer; empty where it has none.
func (r *response) list() json.RawMessage {
	for _, list := range []json.RawMessage{r.Tasks, r.PushLogs} {
		if len(list) > 0 && string(list) != "null" {
			return list
		}
	}
	return json.RawMessage("[]")
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
	vendorapi.Notes

	product  *product
	location *time.Location
	// tasks are those of the rows, empty where one does not tell, and others the places
	// of rows that are no prefetch.
	tasks  []string
	others []other
}

// other is a row that is no prefetch.
type other struct {
	at   int
	kind string
}

// answer makes the answer to q, which is complete. date is the vendor's clock, or
// zero.
func (r *reader) answer(q *vendorapi.Query, body *response, date time.Time) (vendorapi.Answer, error) {
	urls, err := vendorapi.Rows(body.list(), r.row)
	if err != nil {
		return vendorapi.Answer{}, fmt.Errorf("the list of tasks %w", err)
	}
	count, err := r.count(q, body, len(urls))
	if err != nil {
		return vendorapi.Answer{}, err
	}
	a := vendorapi.Answer{
		Page: q.Page, PageSize: r.PageSize(*q, vendorapi.Text{}, count, len(urls)), RequestID: body.RequestID.Value(),
	}
	for i := range r.tasks {
		r.tasks[i] = cmp.Or(r.tasks[i], q.TaskID)
	}
	for _, o := range r.others {
		if q.TaskID != "" && r.tasks[o.at] == q.TaskID {
			return vendorapi.Answer{}, &vendorapi.Error{
				Reason: prefetch.ReasonInvalid, RequestID: a.RequestID,
				Err: fmt.Errorf("the task is no prefetch: its type is %q", o.kind),
			}
		}
		r.Oddf("type", "a row of the type %q is no prefetch; not counted", o.kind)
	}
	urls, count = r.withoutOthers(urls), count-len(r.others)
	a.URLs, a.RowTasks, a.Count = urls, r.tasks, count
	if r.product.zoneless {
		zone := vendorapi.ZoneCheck{From: q.From, To: q.To, Date: date, Location: r.location, Suspicion: "time_zone is probably wrong"}
		zone.Note(&r.Notes, a.URLs)
	}
	a.UnknownWords, a.Oddities = r.UnknownWords, r.Oddities
	return a, nil
}

// withoutOthers takes the rows that are no prefetch out of urls, and of the tasks.
func (r *reader) withoutOthers(urls []prefetch.URL) []prefetch.URL {
	if len(r.others) == 0 {
		return urls
	}
	kept, others := 0, r.others
	for i := range urls {
		if len(others) > 0 && others[0].at == i {
			others = others[1:]
			continue
		}
		urls[kept], r.tasks[kept] = urls[i], r.tasks[i]
		kept++
	}
	r.tasks = r.tasks[:kept]
	return urls[:kept]
}

// count is how many rows match. Without a TotalCount, which CDN's pages say may be
// null, only a page with room left shows that its rows are all.
func (r *reader) count(q *vendorapi.Query, body *response, rows int) (int, error) {
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
// is there.
func (r *reader) row(w *row, raw json.RawMessage) prefetch.URL {
	if w == nil {
		r.tasks = append(r.tasks, "")
		return r.NoRow(raw)
	}
	r.tasks = append(r.tasks, cmp.Or(w.JobID.Value(), w.TaskID.Value()))
	if kind := w.Type.Excerpt(); kind != "" && !strings.EqualFold(kind, typePrefetch) {
		r.others = append(r.others, other{len(r.tasks) - 1, kind})
		return prefetch.URL{}
	}
	return r.url(w)
}

// url reads a row that is a prefetch.
func (r *reader) url(w *row) prefetch.URL {
	link := w.Target
	if link.Value() == "" {
		link = w.URL
	}
	u := prefetch.URL{URL: r.URL(link), Status: r.Status(w.Status, r.product.words), Created: r.time("CreateTime", w.CreateTime)}
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
