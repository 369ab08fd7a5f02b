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
	// urls, domains and words limit the rows where there are any.
	urls, domains, words []string
	offset, limit        int
}

func china() *time.Location {
	const eastEight = 8 * 60 * 60
	return time.FixedZone("GMT+08:00", eastEight)
}

// parseBody is strict: the vendor refuses parameters that it does not know, or of
// another type.
func parseBody(body []byte, v any) *refusal {
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
		return &refusal{code: "UnknownParameter", message: err.Error()}
	default:
		return &refusal{code: "InvalidParameter", message: err.Error()}
	}
}

func (s *Server) parseEdgeOne(body []byte, now time.Time) (question, *refusal) {
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
		return question{}, &refusal{code: "MissingParameter", message: "The request is missing a required parameter `ZoneId`."}
	case !slices.Contains(s.options.Zones, wire.ZoneID):
		return question{}, &refusal{code: "InvalidParameter.ZoneNotFound", message: "The zone does not exist."}
	}
	q := question{owner: wire.ZoneID, offset: wire.Offset, limit: wire.Limit}
	for _, f := range wire.Filters {
		const most = 20
		if len(f.Values) == 0 || len(f.Values) > most {
			return question{}, &refusal{code: "InvalidParameter.TooManyFilterValues", message: "Too many filter values, or none."}
		}
		one := len(f.Values) == 1
		switch {
		case f.Name == "job-id" && one:
			q.taskID = f.Values[0]
		case f.Name == "target" && one:
			q.urls = f.Values
		case f.Name == "domains":
			q.domains = f.Values
		case f.Name == "statuses":
			q.words = f.Values
		default:
			return question{}, s.parameter("the filter " + f.Name + " is invalid")
		}
	}
	refused := s.finish(&q, [2]string{wire.StartTime, wire.EndTime}, parseEdgeOneTime, now)
	return q, refused
}

func parseEdgeOneTime(text string) (time.Time, error) {
	return time.Parse(time.RFC3339, text) //nolint:wrapcheck // becomes a text of the vendor's
}

func (s *Server) parseCDN(body []byte, now time.Time) (question, *refusal) {
	wire := struct {
		TaskID                                    string `json:"TaskId"`
		StartTime, EndTime, Keyword, Area, Status string
		Offset, Limit                             int
	}{Limit: defaultLimit}
	if refused := parseBody(body, &wire); refused != nil {
		return question{}, refused
	}
	q := question{taskID: wire.TaskID, offset: wire.Offset, limit: wire.Limit}
	if wire.Status != "" {
		q.words = []string{wire.Status}
	}
	switch {
	case wire.Keyword == "":
	case strings.Contains(wire.Keyword, "://"):
		q.urls = []string{wire.Keyword}
	default:
		q.domains = []string{wire.Keyword}
	}
	if !slices.Contains([]string{"", "mainland", "overseas", "global"}, wire.Area) {
		return question{}, s.parameter("Area is invalid")
	}
	refused := s.finish(&q, [2]string{wire.StartTime, wire.EndTime}, parseCDNTime, now)
	if task, ok := s.Task(q.taskID); refused == nil && ok && !q.start.IsZero() && (task.Second.Before(q.start) || task.Second.After(q.end)) {
		// As the action's predecessor did.
		return question{}, &refusal{code: s.api.tooOld, message: "date invalid"}
	}
	return q, refused
}

func parseCDNTime(text string) (time.Time, error) {
	return time.ParseInLocation(cdnTime, text, china()) //nolint:wrapcheck // becomes a text of the vendor's
}

// finish reads the window, and checks what both products have.
func (s *Server) finish(q *question, window [2]string, parse func(string) (time.Time, error), now time.Time) *refusal {
	for _, word := range q.words {
		if !slices.Contains(s.api.words(), word) {
			return s.parameter("the status " + word + " is invalid")
		}
	}
	switch {
	case q.offset < 0:
		return s.parameter("Offset is invalid")
	case q.limit < 1 || q.limit > s.options.MaxLimit:
		return s.parameter(fmt.Sprintf("Limit must be between 1 and %d", s.options.MaxLimit))
	case window == [2]string{} && q.taskID != "":
		return nil
	}
	var startErr, endErr error
	q.start, startErr = parse(window[0])
	q.end, endErr = parse(window[1])
	switch {
	case startErr != nil || endErr != nil || q.end.Before(q.start):
		return s.parameter("StartTime and EndTime are invalid")
	case q.end.Sub(q.start) > s.options.MaxSpan:
		return s.parameter(fmt.Sprintf("The time span between StartTime and EndTime cannot exceed %d days.", s.options.MaxSpan/day))
	case q.start.Before(now.Add(-s.options.LookBack)):
		return &refusal{code: s.api.tooOld, message: "The query time exceeds the limit."}
	}
	return nil
}

// parameter refuses a parameter that cannot be used.
func (s *Server) parameter(message string) *refusal {
	return &refusal{code: s.api.parameter, message: message}
}

// found is one row.
type found struct {
	task   *simulator.Registered
	plan   *simulator.URLPlan
	status prefetch.Status
	word   string
	// progress is between 0 and 1.
	progress float64
}

// search returns how many rows match, and those of the page: the newest task first,
// and its URLs in the order of submission. What nobody knows matches nothing.
func (s *Server) search(q *question, now time.Time) (count int, rows []found) {
	from, to := now.Add(-s.options.LookBack), now
	if q.start.After(from) {
		from = q.start
	}
	if !q.end.IsZero() && q.end.Before(now) {
		to = q.end
	}
	var tasks []*simulator.Registered
	if q.taskID == "" {
		tasks = s.Between(q.owner, from, to)
	} else if task, ok := s.Task(q.taskID); ok && task.Owner == q.owner && !task.Second.Before(from) && !task.Second.After(to) {
		tasks = append(tasks, task)
	}
	limit := q.limit
	if s.options.CapLimit > 0 {
		limit = min(limit, s.options.CapLimit)
	}
	for _, task := range slices.Backward(tasks) {
		for i := range task.URLs {
			row := s.row(task, &task.URLs[i], now)
			if !s.matches(q, &row, now) {
				continue
			}
			if count >= q.offset && count-q.offset < limit {
				rows = append(rows, row)
			}
			count++
		}
	}
	return count, rows
}

func (s *Server) row(task *simulator.Registered, plan *simulator.URLPlan, now time.Time) found {
	row := found{
		task: task, plan: plan, status: plan.StatusAt(task.Created, now), progress: plan.ProgressAt(task.Created, now),
		word: plan.WordAt(task.Created, now, simulator.Vocabulary{Word: s.api.word, Status: s.api.status}),
	}
	if row.word == s.api.failed && plan.Reason == s.api.invalid {
		row.word = s.api.invalid
	}
	return row
}

func (s *Server) matches(q *question, row *found, now time.Time) bool {
	_, rest, _ := strings.Cut(row.plan.URL, "://")
	domain, _, _ := strings.Cut(rest, "/")
	purge := row.task.Purge && s.api.service == "cdn"
	return !purge && !row.task.Created.After(now) && !now.Before(row.task.Created.Add(row.plan.Appears)) &&
		(len(q.words) == 0 || slices.Contains(q.words, strings.ToLower(row.word))) &&
		(len(q.urls) == 0 || slices.Contains(q.urls, row.plan.URL)) &&
		(len(q.domains) == 0 || slices.Contains(q.domains, domain))
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

func edgeOneRows(rows []found) any {
	list := make([]edgeOneRow, len(rows))
	for i := range rows {
		f := &rows[i]
		created := f.task.Second.UTC().Format(edgeOneTime)
		row := edgeOneRow{
			JobID: f.task.ID, Target: f.plan.URL, Type: "prefetch_url", Status: f.word, CreateTime: created, UpdateTime: created,
		}
		if f.task.Purge {
			row.Type, row.Method = "purge_url", "invalidate"
		}
		if f.status.Final() {
			row.UpdateTime = f.plan.Finish(f.task.Created).UTC().Format(edgeOneTime)
		}
		if f.word == "failed" {
			row.FailType = cmp.Or(f.plan.Reason, "originPullFailed")
			row.FailMessage = failMessages()[row.FailType]
		}
		list[i] = row
	}
	return list
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

func cdnRows(rows []found) any {
	const whole = 100
	list := make([]cdnRow, len(rows))
	for i := range rows {
		f := &rows[i]
		list[i] = cdnRow{
			TaskID: f.task.ID, URL: f.plan.URL, Status: f.word, Percent: min(int(f.progress*whole), whole-1),
			CreateTime: f.task.Second.In(china()).Format(cdnTime), Area: "mainland",
		}
		if f.status.Final() {
			list[i].Percent = whole
			list[i].UpdateTime = new(f.plan.Finish(f.task.Created).In(china()).Format(cdnTime))
		}
	}
	return list
}
