package cdnetworks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/zone"
)

// page is the body of an answer. encoding/json matches keys in any letter case,
// which covers code, Code, message and Message; msg and error are what gateways
// before the API call the message, and errorMessages is what Wangsu's does. The
// vendor's pageNo is not read: its page calls it the number of pages, but it is the
// page that was asked for.
type page struct {
	Code             vendorapi.Text  `json:"Code"`
	Message          vendorapi.Text  `json:"Message"`
	Msg              vendorapi.Text  `json:"msg"`
	Error            vendorapi.Text  `json:"error"`
	ErrorMessages    sentences       `json:"errorMessages"`
	RequestID        vendorapi.Text  `json:"requestId"`
	CNCRequestID     vendorapi.Text  `json:"x-cnc-request-id"`
	Count            vendorapi.Text  `json:"count"`
	PageSize         vendorapi.Text  `json:"pageSize"`
	ResultDetail     json.RawMessage `json:"resultDetail"`
	ResultDetailList json.RawMessage `json:"resultDetailList"`
}

// row is one element of resultDetail.
type row struct {
	URL        vendorapi.Text `json:"url"`
	Status     vendorapi.Text `json:"status"`
	Rate       vendorapi.Text `json:"rate"`
	CreateTime vendorapi.Text `json:"createTime"`
	BeginTime  vendorapi.Text `json:"beginTime"`
	FinishTime vendorapi.Text `json:"finishTime"`
}

// succeeded reports whether the vendor's own code says that it answered.
func (p *page) succeeded() bool {
	code, ok := p.Code.Natural()
	return ok && code == 1
}

// text is what the vendor says in words, bounded; empty if it says nothing.
func (p *page) text() string {
	return cmp.Or(p.Message.Excerpt(), p.Msg.Excerpt(), p.ErrorMessages.Excerpt(), p.Error.Excerpt())
}

// requestID is the vendor's id of the call, of those that have none in their header.
func (p *page) requestID() string { return cmp.Or(p.CNCRequestID.Value(), p.RequestID.Value()) }

// reader turns one answer's rows into URLs and keeps what was odd about them.
type reader struct {
	*vendorapi.Exchange

	location *time.Location
}

// rows reads the elements of the answer's list, under whichever of its two names
// it has any.
func (r *reader) rows(body *page) ([]prefetch.URL, error) {
	urls := []prefetch.URL{}
	for _, list := range []json.RawMessage{body.ResultDetail, body.ResultDetailList} {
		if len(urls) > 0 || string(list) == `""` {
			continue
		}
		var err error
		if urls, err = vendorapi.Rows(list, r.url); err != nil {
			return nil, fmt.Errorf("resultDetail %w", err)
		}
	}
	return urls, nil
}

// answer makes the answer of a body. The error says why it is none.
func (r *reader) answer(body *page) (vendorapi.Answer, error) {
	q := &r.Query
	urls, err := r.rows(body)
	if err != nil {
		return vendorapi.Answer{}, err
	}
	// Without a count only a page with room left shows that its rows are all.
	if _, ok := body.Count.Natural(); !ok && (q.Kind == vendorapi.QueryCount || len(urls) >= q.PageSize) {
		return vendorapi.Answer{}, fmt.Errorf("count %q is not a whole number", body.Count.Excerpt())
	}
	count := r.Count(body.Count, len(urls))
	pageSize := r.PageSize(*q, body.PageSize, count, len(urls))
	zone.Note(r.Exchange, urls, r.location, "X-Time-Zone was probably ignored")
	return vendorapi.Answer{URLs: urls, Count: count, Page: q.Page, PageSize: pageSize}, nil
}

// url reads one row, nil if it is no object. Whatever cannot be read of it, the row
// is there.
func (r *reader) url(w *row, raw json.RawMessage) (u prefetch.URL, keep bool) {
	if w == nil {
		return r.NoRow(raw)
	}
	u = prefetch.URL{
		URL:      r.URL(w.URL),
		Status:   r.Status(w.Status, words),
		Created:  r.Time("createTime", w.CreateTime, r.location, timeLayout),
		Started:  r.Time("beginTime", w.BeginTime, r.location, timeLayout),
		Finished: r.Time("finishTime", w.FinishTime, r.location, timeLayout),
	}
	u.Rate, u.HasRate = r.Share("rate", w.Rate)
	return u, true
}

// words are the statuses. The page writes them as Success, Failure, Wait and Run,
// its example in lower case, and its error text adds init.
var words = map[string]prefetch.Status{
	"success": prefetch.Succeeded,
	"failure": prefetch.Failed, "fail": prefetch.Failed, "failed": prefetch.Failed,
	"wait": prefetch.Waiting, "waiting": prefetch.Waiting, "init": prefetch.Waiting,
	"run": prefetch.Running, "running": prefetch.Running,
}
