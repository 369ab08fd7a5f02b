package volcengine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// taskType is the one kind of task that is asked about; the others are refreshes.
const taskType = "preload"

// beforeCreation is how much earlier than its creation a task is looked for: who says
// when that was may have another clock.
const beforeCreation = time.Hour

// wireQuery is the request's body, in the order of the names. Times are in seconds
// since 1970, and both are always sent: an older page requires them.
type wireQuery struct {
	EndTime   int64  `json:"EndTime"`
	PageNum   int    `json:"PageNum"`
	PageSize  int    `json:"PageSize"`
	StartTime int64  `json:"StartTime"`
	Status    string `json:"Status,omitempty"`
	TaskID    string `json:"TaskID,omitempty"`
	TaskType  string `json:"TaskType"`
}

// filterWords are the statuses by which rows can be filtered.
var filterWords = map[prefetch.Status]string{
	prefetch.Running: "running", prefetch.Succeeded: "complete", prefetch.Failed: "failed",
}

// refreshID is what the ids of tasks begin with that are no prefetches: the vendor's
// example, and ids seen, are prefetch_url_… and refresh_url_…, …_dir_… or …_regex_….
var refreshID = regexp.MustCompile(`^refresh_(url|dir|regex)_`)

// complete returns q with its window, page and page size filled in, or says why the
// API has no form for it.
func (p *Provider) complete(q vendorapi.Query) (vendorapi.Query, error) {
	caps := p.Capabilities()
	if err := caps.Check(&q); err != nil {
		return q, err
	}
	if refreshID.MatchString(q.TaskID) {
		return q, errors.New("the id is of a refresh, not of a prefetch")
	}
	if q.From.IsZero() {
		q.To = p.now()
		q.From = q.To.Add(-lookBack)
		if created := q.Created.Add(-beforeCreation); created.After(q.From) && created.Before(q.To) {
			q.From = created
		}
	}
	q.Page = max(q.Page, 1)
	switch {
	case q.PageSize > 0:
	case q.Kind == vendorapi.QueryCount:
		q.PageSize = 1
	default:
		q.PageSize = p.pageSize
	}
	return q, nil
}

// request is the HTTP request for q, which is complete, and its body; only the
// credentials are missing.
func (p *Provider) request(ctx context.Context, q vendorapi.Query) (*http.Request, []byte, error) {
	w := wireQuery{
		StartTime: q.From.Unix(), EndTime: q.To.Unix(), PageNum: q.Page, PageSize: q.PageSize,
		TaskID: q.TaskID, TaskType: taskType,
	}
	if q.Status != nil {
		w.Status = filterWords[*q.Status]
	}
	body, err := json.Marshal(w)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the query: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	return req, body, nil
}
