package volcengine

import (
	"context"
	"errors"
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

// request is the HTTP request for q, and its body; only the credentials are missing. It
// fills in the window of q, and its page.
func (p *Provider) request(ctx context.Context, q *vendorapi.Query) (*http.Request, []byte, error) {
	if err := q.Complete(p.Capabilities()); err != nil {
		return nil, nil, err
	}
	if refreshID.MatchString(q.TaskID) {
		return nil, nil, errors.New("the id is of a refresh, not of a prefetch")
	}
	if !q.HasWindow() {
		q.To = p.call.Time()
		q.From = q.To.Add(-lookBack)
		if created := q.Created.Add(-beforeCreation); created.After(q.From) && created.Before(q.To) {
			q.From = created
		}
	}
	w := wireQuery{
		StartTime: q.From.Unix(), EndTime: q.To.Unix(), PageNum: q.Page, PageSize: q.PageSize,
		TaskID: q.TaskID, TaskType: taskType,
	}
	if q.Status != nil {
		w.Status = filterWords[*q.Status]
	}
	req, body, err := vendorapi.NewRequest(ctx, http.MethodPost, p.target, w)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	return req, body, nil
}
