package volcengine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

// defaultPageSize is the vendor's for lists of a sister product; that of this one is
// not documented.
const defaultPageSize = 10

// The kinds of task.
const (
	typePreload = "preload"
	typeRefresh = "refresh_file"
)

// question is a request's body, read and checked.
type question struct {
	// from and to limit the creation, both included.
	from, to          time.Time
	taskType, taskID  string
	status            string
	pageNum, pageSize int
}

// parseQuestion reads a body. Numbers must be numbers and texts texts.
func (s *Server) parseQuestion(body []byte, now time.Time) (question, *simulator.Refusal) {
	var fields struct {
		TaskType  string `json:"TaskType"`
		TaskID    string `json:"TaskID"`
		Status    string `json:"Status"`
		StartTime *int64 `json:"StartTime"`
		EndTime   *int64 `json:"EndTime"`
		PageNum   *int   `json:"PageNum"`
		PageSize  *int   `json:"PageSize"`
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return question{}, simulator.Invalid("InvalidParameter", "The body is not valid: "+err.Error())
	}
	q := question{
		taskType: fields.TaskType, taskID: fields.TaskID, status: fields.Status,
		from: now.Add(-keeps), to: now, pageNum: 1, pageSize: defaultPageSize,
	}
	switch {
	case q.taskType == "":
		return question{}, missing("TaskType")
	case !slices.Contains([]string{typePreload, typeRefresh, "refresh_dir", "refresh_regex"}, q.taskType):
		return question{}, invalid("TaskType", "The specified TaskType is not valid.")
	case q.status != "" && !slices.Contains([]string{wordRunning, wordComplete, wordFailed}, q.status):
		return question{}, invalid("Status", "The specified Status is not valid.")
	case (fields.StartTime == nil) != (fields.EndTime == nil):
		return question{}, missing("StartTime or EndTime")
	}
	if fields.StartTime != nil {
		q.from, q.to = time.Unix(*fields.StartTime, 0), time.Unix(*fields.EndTime, 0)
	}
	switch {
	case q.from.Before(now.Add(-keeps)):
		return question{}, invalid("StartTime", "The specified StartTime is more than 7 days ago.")
	case q.to.Before(q.from):
		return question{}, invalid("EndTime", "The specified EndTime is before the StartTime.")
	case q.to.Sub(q.from) > keeps:
		return question{}, invalid("EndTime", "The time range must not exceed 7 days.")
	}
	refused := s.parsePage(&q, fields.PageNum, fields.PageSize)
	return q, refused
}

func missing(name string) *simulator.Refusal {
	return simulator.Invalid("MissingParameter", "The required parameter "+name+" is not supplied.")
}

func invalid(name, message string) *simulator.Refusal {
	return simulator.Invalid("InvalidParameter."+name, message)
}

func (s *Server) parsePage(q *question, number, size *int) *simulator.Refusal {
	if number != nil {
		q.pageNum = *number
	}
	if size != nil {
		q.pageSize = *size
	}
	if most := s.options.MaxPageSize; q.pageSize < 1 || q.pageSize > most {
		return invalid("PageSize", fmt.Sprintf("The specified PageSize must be between 1 and %d.", most))
	}
	if q.pageNum < 1 {
		return invalid("PageNum", "The specified PageNum is not valid.")
	}
	q.pageSize = min(q.pageSize, s.options.CapPageSize)
	return nil
}

// search answers with the rows of the owner that match, from the newest task to the
// oldest.
func (s *Server) search(owner string, q *question, now time.Time) *listing {
	tasks := s.Tasks(simulator.Wanted{Owner: owner, ID: q.taskID, From: q.from, To: q.to, Now: now})
	slices.Reverse(tasks)
	total, rows := s.Search(tasks, func(r simulator.Row) bool {
		return (q.taskType == kind(r.Task) || s.options.MixesRefreshes) && (q.status == "" || q.status == r.Word)
	}, simulator.PageOf(q.pageNum, q.pageSize), now)
	l := listing{Total: total, PageNum: q.pageNum, PageSize: q.pageSize}
	if len(rows) > 0 || !s.options.NullData {
		l.Data = simulator.Show(slices.Values(rows), s.row)
	}
	return &l
}

func kind(t *simulator.Registered) string {
	if t.Purge {
		return typeRefresh
	}
	return typePreload
}

func (s *Server) row(found simulator.Row) row {
	const all = 100
	r := row{
		URL: found.Plan.URL, Status: found.Word, TaskType: kind(found.Task), TaskID: found.Task.ID,
		Process: fmt.Sprintf("%d%%", int(all*found.Progress)),
	}
	if s.options.OldNames {
		r.CreatedAt = found.Task.Second.Unix()
	} else {
		r.CreateTime = found.Task.Second.Unix()
	}
	if found.Status == prefetch.Failed {
		r.Remark = cmp.Or(found.Plan.Reason, "origin response status code is not 200")
	}
	return r
}
