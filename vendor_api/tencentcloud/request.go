package tencentcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	vendorapi "prefetch_exporter/vendor_api"
)

// wireQuery is the body of a request, with the fields of both products.
type wireQuery struct {
	ZoneID    string   `json:"ZoneId,omitempty"`
	TaskID    string   `json:"TaskId,omitempty"`
	StartTime string   `json:"StartTime,omitempty"`
	EndTime   string   `json:"EndTime,omitempty"`
	Status    string   `json:"Status,omitempty"`
	Filters   []filter `json:"Filters,omitempty"`
	Offset    int      `json:"Offset"`
	Limit     int      `json:"Limit"`
}

// filter limits an EdgeOne answer to rows with one of the values.
type filter struct {
	Name   string   `json:"Name"`
	Values []string `json:"Values"`
}

// request is the HTTP request for q, and its body; only the credentials are missing.
func (p *Provider) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	if err := q.Complete(p.Capabilities()); err != nil {
		return nil, nil, err
	}
	if p.alone && q.TaskID != "" && q.HasWindow() {
		// Its predecessor refused a task that was not created in the window.
		return nil, nil, errors.New("a task is asked for without a window")
	}
	if q.PageSize > p.pageSize {
		return nil, nil, fmt.Errorf("page %d of %d rows cannot be asked for", q.Page, q.PageSize)
	}
	w := wireQuery{ZoneID: p.zoneID, Offset: (q.Page - 1) * q.PageSize, Limit: q.PageSize}
	if q.HasWindow() {
		// Both ends lose their fraction of a second, which no row has.
		w.StartTime = q.From.In(p.location).Format(p.timeLayout)
		w.EndTime = q.To.In(p.location).Format(p.timeLayout)
	}
	var words []string
	if q.Status != nil {
		words = p.filters[*q.Status]
	}
	p.limit(&w, q, words)
	req, body, err := vendorapi.NewRequest(ctx, http.MethodPost, p.url, w)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Tc-Action", p.action)
	req.Header.Set("X-Tc-Version", p.version)
	req.Header.Set("X-Tc-Language", "en-US")
	return req, body, nil
}
