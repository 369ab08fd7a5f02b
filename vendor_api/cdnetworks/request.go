package cdnetworks

import (
	"context"
	"net/http"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// timeLayout is the vendor's form of a time, "yyyy-MM-dd HH:mm:ss" without an
// offset.
const timeLayout = "2006-01-02 15:04:05"

// contentType is exactly what AK/SK signs: no charset may follow.
const contentType = "application/json"

// wireQuery is the request's body. Types follow the vendor page's example:
// strings, but numbers for the page.
type wireQuery struct {
	StartTime string `json:"startTime,omitempty"`
	EndTime   string `json:"endTime,omitempty"`
	ItemID    string `json:"itemId,omitempty"`
	Status    string `json:"status,omitempty"`
	PageNo    int    `json:"pageNo"`
	PageSize  int    `json:"pageSize"`
}

// filterWords are the vendor's words to filter by a status. The page documents success
// and failure; run and wait are words of its later SDKs and of its error text only.
var filterWords = map[prefetch.Status]string{
	prefetch.Succeeded: "success", prefetch.Failed: "failure", prefetch.Running: "run", prefetch.Waiting: "wait",
}

// request is the HTTP request for q, and its body; only the credentials are missing.
// Both ends of the window lose their fraction of a second, which no row has.
func (p *Provider) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	if err := q.Complete(p.Capabilities()); err != nil {
		return nil, nil, err
	}
	w := wireQuery{ItemID: q.TaskID, PageNo: q.Page, PageSize: q.PageSize}
	if q.HasWindow() {
		w.StartTime = q.From.In(p.location).Format(timeLayout)
		w.EndTime = q.To.In(p.location).Format(timeLayout)
	}
	if q.Status != nil {
		w.Status = filterWords[*q.Status]
	}
	req, body, err := vendorapi.NewRequest(ctx, http.MethodPost, p.url, w)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", contentType)
	req.Header.Set("X-Time-Zone", p.timeZone)
	return req, body, nil
}
