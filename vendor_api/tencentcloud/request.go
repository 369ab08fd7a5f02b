package tencentcloud

import (
	"bytes"
	"context"
	"encoding/json"
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

// hasWindow reports whether q limits the time of creation.
func hasWindow(q *vendorapi.Query) bool { return !q.From.IsZero() }

// complete returns q with its page and page size filled in, or says why the API
// has no form for it.
func (p *Provider) complete(q vendorapi.Query) (vendorapi.Query, error) {
	if err := p.check(&q); err != nil {
		return q, err
	}
	if q.Page == 0 {
		q.Page = 1
	}
	switch {
	case q.PageSize != 0:
	case q.Kind == vendorapi.QueryCount:
		q.PageSize = 1
	default:
		q.PageSize = p.pageSize
	}
	return q, nil
}

// check refuses what cannot be asked.
func (p *Provider) check(q *vendorapi.Query) error {
	switch {
	case q.Kind == vendorapi.QueryList:
		return fmt.Errorf("the vendor cannot be asked for a %q", string(q.Kind))
	case len(q.Others) > 0:
		return errors.New("the vendor tells of one task at a time")
	case q.From.IsZero() != q.To.IsZero():
		return errors.New("the window has only one end")
	case q.TaskID == "" && (q.Kind == vendorapi.QueryTask || !hasWindow(q)):
		return errors.New("neither a task nor a window to ask for")
	case p.alone && q.TaskID != "" && hasWindow(q):
		// Its predecessor refused a task that was not created in the window.
		return errors.New("a task is asked for without a window")
	case q.To.Before(q.From), q.To.Sub(q.From) > p.maxSpan:
		return fmt.Errorf("a window of %v is not within 0 and %v", q.To.Sub(q.From), p.maxSpan)
	case min(q.Page, q.PageSize) < 0, q.PageSize > p.pageSize:
		return fmt.Errorf("page %d of %d rows cannot be asked for", q.Page, q.PageSize)
	case q.Status != nil && p.filterWords()[*q.Status] != 1:
		return fmt.Errorf("one question cannot be limited to the status %v", *q.Status)
	default:
		return nil
	}
}

// request is the HTTP request for q, which is complete, and its body; only the
// credentials are missing.
func (p *Provider) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	w := wireQuery{ZoneID: p.zoneID, Offset: (q.Page - 1) * q.PageSize, Limit: q.PageSize}
	if hasWindow(q) {
		// Both ends lose their fraction of a second, which no row has.
		w.StartTime = q.From.In(p.location).Format(p.timeLayout)
		w.EndTime = q.To.In(p.location).Format(p.timeLayout)
	}
	var words []string
	if q.Status != nil {
		words = p.filters[*q.Status]
	}
	p.limit(&w, q, words)
	body, err := json.Marshal(w)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the query: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Tc-Action", p.action)
	req.Header.Set("X-Tc-Version", p.version)
	req.Header.Set("X-Tc-Language", "en-US")
	return req, body, nil
}
