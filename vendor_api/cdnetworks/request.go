package cdnetworks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

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

// hasWindow reports whether q limits the time of creation.
func hasWindow(q vendorapi.Query) bool { return !q.From.IsZero() }

// complete returns q with its page and page size filled in, or says why the API
// has no form for it.
func (p *Provider) complete(q vendorapi.Query) (vendorapi.Query, error) {
	switch {
	case q.From.IsZero() != q.To.IsZero():
		return q, errors.New("the window has only one end")
	case q.TaskID == "" && (q.Kind == vendorapi.QueryTask || !hasWindow(q)):
		return q, errors.New("neither an itemId nor a window to ask for")
	case q.To.Before(q.From):
		return q, fmt.Errorf("the window ends %v before it starts", q.From.Sub(q.To))
	case q.To.Sub(q.From) > maxSpan:
		return q, fmt.Errorf("the window spans %v, more than %v", q.To.Sub(q.From), maxSpan)
	case q.Page < 0:
		return q, fmt.Errorf("page %d is negative", q.Page)
	case q.PageSize < 0:
		return q, fmt.Errorf("page size %d is negative", q.PageSize)
	case q.Status != nil && filterWord(*q.Status) == "":
		return q, fmt.Errorf("the vendor has no filter for the status %v", *q.Status)
	}
	if q.Page == 0 {
		q.Page = 1
	}
	if q.PageSize == 0 {
		q.PageSize = p.pageSize
		if q.Kind == vendorapi.QueryCount {
			q.PageSize = 1
		}
	}
	return q, nil
}

// request is the HTTP request for q, which is complete, and its body; only the
// credentials are missing.
func (p *Provider) request(ctx context.Context, q vendorapi.Query) (*http.Request, []byte, error) {
	body, err := json.Marshal(p.wire(q))
	if err != nil {
		return nil, nil, fmt.Errorf("encode the query: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", contentType)
	req.Header.Set("X-Time-Zone", p.timeZone)
	return req, body, nil
}

// wire puts q into the vendor's words. Both ends of the window lose their
// fraction of a second, which no row has.
func (p *Provider) wire(q vendorapi.Query) wireQuery {
	w := wireQuery{ItemID: q.TaskID, PageNo: q.Page, PageSize: q.PageSize}
	if hasWindow(q) {
		w.StartTime = p.vendorTime(q.From)
		w.EndTime = p.vendorTime(q.To)
	}
	if q.Status != nil {
		w.Status = filterWord(*q.Status)
	}
	return w
}

// filterWord is the vendor's word to filter by a status, empty if it has none.
// The page documents success and failure; run and wait are words of its later SDKs
// and of its error text only.
func filterWord(s prefetch.Status) string {
	switch s {
	case prefetch.Succeeded:
		return "success"
	case prefetch.Failed:
		return "failure"
	case prefetch.Running:
		return "run"
	case prefetch.Waiting:
		return "wait"
	default:
		return ""
	}
}

func (p *Provider) vendorTime(t time.Time) string { return t.In(p.location).Format(timeLayout) }
