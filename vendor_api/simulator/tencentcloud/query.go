package tencentcloud

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	// cdnTime is CDN's form of a time, which has no zone: its rows show that of China.
	cdnTime     = "2006-01-02 15:04:05"
	edgeOneTime = "2006-01-02T15:04:05Z"

	defaultLimit = 20
)

// question is a request's body, read and checked.
type question struct {
	// owner is the zone, empty at CDN.
	owner  string
	taskID string
	// start and end limit the creation, both included; both are zero where only a task
	// is given.
	start, end time.Time
	// words limit the rows where there are any.
	words         []string
	offset, limit int
}

// parseBody is strict: the vendor refuses parameters that it does not know, or of
// another type.
func parseBody(body []byte, v any) *simulator.Refusal {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("more than one value")
	}
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "unknown field"):
		return &simulator.Refusal{Code: "UnknownParameter", Message: err.Error()}
	default:
		return &simulator.Refusal{Code: "InvalidParameter", Message: err.Error()}
	}
}

func (s *Server) parseEdgeOne(body []byte, now time.Time) (question, *simulator.Refusal) {
	wire := struct {
		ZoneID             string `json:"ZoneId"`
		StartTime, EndTime string
		Offset, Limit      int
		Filters            []struct {
			Name   string
			Values []string
			Fuzzy  bool
		}
	}{Limit: defaultLimit}
	if refused := parseBody(body, &wire); refused != nil {
		return question{}, refused
	}
	switch {
	case wire.ZoneID == "":
		return question{}, &simulator.Refusal{Code: "MissingParameter", Message: "The request is missing a required parameter `ZoneId`."}
	case !slices.Contains(s.options.Zones, wire.ZoneID):
		return question{}, &simulator.Refusal{Code: "InvalidParameter.ZoneNotFound", Message: "The zone does not exist."}
	}
	q := question{owner: wire.ZoneID, offset: wire.Offset, limit: wire.Limit}
	for _, f := range wire.Filters {
		const most = 20
		if len(f.Values) == 0 || len(f.Values) > most {
			return question{}, &simulator.Refusal{Code: "InvalidParameter.TooManyFilterValues", Message: "Too many filter values, or none."}
		}
		switch {
		case f.Name == "job-id" && len(f.Values) == 1:
			q.taskID = f.Values[0]
		case f.Name == "statuses":
			q.words = f.Values
		default:
			return question{}, s.parameter("the filter " + f.Name + " is invalid")
		}
	}
	refused := s.finish(&q, wire.StartTime, wire.EndTime, now)
	return q, refused
}

func (s *Server) parseCDN(body []byte, now time.Time) (question, *simulator.Refusal) {
	wire := struct {
		TaskID                     string `json:"TaskId"`
		StartTime, EndTime, Status string
		Offset, Limit              int
	}{Limit: defaultLimit}
	if refused := parseBody(body, &wire); refused != nil {
		return question{}, refused
	}
	q := question{taskID: wire.TaskID, offset: wire.Offset, limit: wire.Limit}
	if wire.Status != "" {
		q.words = []string{wire.Status}
	}
	refused := s.finish(&q, wire.StartTime, wire.EndTime, now)
	anywhere := question{taskID: q.taskID}
	if refused == nil && q.taskID != "" && !q.start.IsZero() && len(s.tasks(&q, now)) < len(s.tasks(&anywhere, now)) {
		// As the action's predecessor did.
		return question{}, &simulator.Refusal{Code: s.api.tooOld, Message: "date invalid"}
	}
	return q, refused
}

// finish reads the window, and checks what both products have.
func (s *Server) finish(q *question, start, end string, now time.Time) *simulator.Refusal {
	for _, word := range q.words {
		if !slices.Contains(s.api.filters, word) {
			return s.parameter("the status " + word + " is invalid")
		}
	}
	switch {
	case q.offset < 0:
		return s.parameter("Offset is invalid")
	case q.limit < 1 || q.limit > s.options.MaxLimit:
		return s.parameter(fmt.Sprintf("Limit must be between 1 and %d", s.options.MaxLimit))
	case start+end == "" && q.taskID != "":
		return nil
	}
	var startErr, endErr error
	q.start, startErr = time.ParseInLocation(s.api.timeForm, start, simulator.China())
	q.end, endErr = time.ParseInLocation(s.api.timeForm, end, simulator.China())
	switch {
	case startErr != nil || endErr != nil || q.end.Before(q.start):
		return s.parameter("StartTime and EndTime are invalid")
	case q.end.Sub(q.start) > s.api.maxSpan:
		return s.parameter(fmt.Sprintf("The time span between StartTime and EndTime cannot exceed %d days.", s.api.maxSpan/day))
	case q.start.Before(now.Add(-s.api.lookBack)):
		return &simulator.Refusal{Code: s.api.tooOld, Message: "The query time exceeds the limit."}
	}
	return nil
}

// parameter refuses a parameter that cannot be used.
func (s *Server) parameter(message string) *simulator.Refusal {
	return &simulator.Refusal{Code: s.api.parameter, Message: message}
}

// tasks are those that a question is about. What nobody knows is none.
func (s *Server) tasks(q *question, now time.Time) []*simulator.Registered {
	return s.Tasks(simulator.Wanted{Owner: q.owner, ID: q.taskID, From: q.start, To: q.end, Now: now})
}

// search returns how many rows match, and those of the page: the newest task first,
// and its URLs in the order of submission.
func (s *Server) search(q *question, now time.Time) (count int, rows []simulator.Row) {
	tasks := s.tasks(q, now)
	slices.Reverse(tasks)
	page := simulator.Page{First: q.offset, End: q.offset + min(q.limit, s.options.CapLimit)}
	return s.Search(tasks, func(r simulator.Row) bool {
		purge := r.Task.Purge && s.api.service == "cdn"
		return !purge && (len(q.words) == 0 || slices.Contains(q.words, strings.ToLower(wordOf(&r))))
	}, page, now)
}

// wordOf is the word for a row's status. What failed with the reason invalid has that
// as its word.
func wordOf(r *simulator.Row) string {
	if r.Status == prefetch.Failed && r.Plan.Word == "" && r.Plan.Reason == wordInvalid {
		return wordInvalid
	}
	return r.Word
}

// edgeOneRow has the fields of the page's example. UpdateTime is there from the
// start, although only that of what is over tells when.
type edgeOneRow struct {
	JobID       string `json:"JobId"`
	Target      string
	Type        string
	Method      string `json:",omitempty"`
	Status      string
	CreateTime  string
	UpdateTime  string
	FailType    string `json:",omitempty"`
	FailMessage string `json:",omitempty"`
}

// failMessages are the texts of the types that the page lists.
func failMessages() map[string]string {
	return map[string]string{
		"taskFailed": "Task failed.", "quotaExceeded": "The quota is exceeded.",
		"downloadManifestFailed": "Failed to download the manifest.", "accessDenied": "Access denied.",
		"originPullFailed": "Failed to pull from the origin.",
	}
}

func edgeOneRows(rows []simulator.Row) any {
	return simulator.Show(slices.Values(rows), func(r simulator.Row) edgeOneRow {
		created := r.Task.Second.UTC().Format(edgeOneTime)
		row := edgeOneRow{
			JobID: r.Task.ID, Target: r.Plan.URL, Type: "prefetch_url", Status: wordOf(&r), CreateTime: created, UpdateTime: created,
		}
		if r.Task.Purge {
			row.Type, row.Method = "purge_url", "invalidate"
		}
		if r.Status.Final() {
			row.UpdateTime = r.Finish().UTC().Format(edgeOneTime)
		}
		if row.Status == "failed" {
			row.FailType = cmp.Or(r.Plan.Reason, "originPullFailed")
			row.FailMessage = failMessages()[row.FailType]
		}
		return row
	})
}

// cdnRow has the fields of the page's example. UpdateTime is null until a URL is over.
type cdnRow struct {
	TaskID     string `json:"TaskId"`
	URL        string `json:"Url"`
	Status     string
	Percent    int
	CreateTime string
	Area       string
	UpdateTime *string
}

func cdnRows(rows []simulator.Row) any {
	const whole = 100
	return simulator.Show(slices.Values(rows), func(r simulator.Row) cdnRow {
		row := cdnRow{
			TaskID: r.Task.ID, URL: r.Plan.URL, Status: wordOf(&r), Percent: min(int(r.Progress*whole), whole-1),
			CreateTime: r.Task.Second.In(simulator.China()).Format(cdnTime), Area: "mainland",
		}
		if r.Status.Final() {
			row.Percent = whole
			row.UpdateTime = new(r.Finish().In(simulator.China()).Format(cdnTime))
		}
		return row
	})
}
