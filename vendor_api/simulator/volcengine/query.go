package volcengine

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
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
	urls              []string
	pageNum, pageSize int
}

// parseQuestion reads a body. Numbers must be numbers and texts texts.
func (s *Server) parseQuestion(body []byte, now time.Time) (question, *refusal) {
	var fields struct {
		TaskType  string   `json:"TaskType"`
		TaskID    string   `json:"TaskID"`
		Status    string   `json:"Status"`
		URL       string   `json:"Url"`
		URLList   []string `json:"UrlList"`
		StartTime *int64   `json:"StartTime"`
		EndTime   *int64   `json:"EndTime"`
		PageNum   *int     `json:"PageNum"`
		PageSize  *int     `json:"PageSize"`
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return question{}, invalid("", "The body is not valid: "+err.Error())
	}
	q := question{
		taskType: fields.TaskType, taskID: fields.TaskID, status: fields.Status, urls: fields.URLList,
		from: now.Add(-keeps), to: now, pageNum: 1, pageSize: defaultPageSize,
	}
	if len(q.urls) == 0 && fields.URL != "" {
		q.urls = strings.Split(fields.URL, "\n")
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
	return q, s.parsePage(&q, fields.PageNum, fields.PageSize)
}

func missing(name string) *refusal {
	return &refusal{400, 100002, "MissingParameter", "The required parameter " + name + " is not supplied.", "MissingParameter"}
}

func (s *Server) parsePage(q *question, number, size *int) *refusal {
	if number != nil {
		q.pageNum = *number
	}
	if size != nil {
		q.pageSize = *size
	}
	most := s.options.MaxPageSize
	if q.pageSize < 1 || most > 0 && q.pageSize > most {
		return invalid("PageSize", fmt.Sprintf("The specified PageSize must be between 1 and %d.", most))
	}
	if q.pageNum < 1 {
		return invalid("PageNum", "The specified PageNum is not valid.")
	}
	if s.options.CapPageSize > 0 {
		q.pageSize = min(q.pageSize, s.options.CapPageSize)
	}
	return nil
}

// search returns how many rows of the owner match, and those of the page, from the
// newest task to the oldest.
func (s *Server) search(owner string, q question, now time.Time) (total int, rows []row) {
	rows = []row{}
	first := math.MaxInt - q.pageSize // beyond every row there can be
	if q.pageNum-1 <= first/q.pageSize {
		first = (q.pageNum - 1) * q.pageSize
	}
	for _, task := range slices.Backward(s.candidates(owner, q, now)) {
		kind := typePreload
		if task.Purge {
			kind = typeRefresh
		}
		if kind != q.taskType && !s.options.MixesRefreshes {
			continue
		}
		for i := range task.URLs {
			plan := &task.URLs[i]
			word := plan.WordAt(task.Created, now, vocabulary())
			if q.status != "" && q.status != word || len(q.urls) > 0 && !slices.Contains(q.urls, plan.URL) {
				continue
			}
			if total >= first && total < first+q.pageSize {
				rows = append(rows, s.row(plan, task, kind, now))
			}
			total++
		}
	}
	return total, rows
}

// candidates are the tasks whose rows may match, in the order of creation.
func (s *Server) candidates(owner string, q question, now time.Time) []*simulator.Registered {
	var found []*simulator.Registered
	if q.taskID == "" {
		found = s.Between(owner, q.from, q.to)
	} else if task, ok := s.Task(q.taskID); ok && task.Owner == owner &&
		!task.Second.Before(q.from) && !task.Second.After(q.to) {
		found = []*simulator.Registered{task}
	}
	return slices.DeleteFunc(found, func(t *simulator.Registered) bool { return t.Created.After(now) })
}

func (s *Server) row(plan *simulator.URLPlan, task *simulator.Registered, kind string, now time.Time) row {
	const all = 100
	r := row{
		URL: plan.URL, Status: plan.WordAt(task.Created, now, vocabulary()), TaskType: kind, TaskID: task.ID,
		Process: fmt.Sprintf("%d%%", int(all*plan.ProgressAt(task.Created, now))),
	}
	if s.options.OldNames {
		r.CreatedAt = task.Second.Unix()
	} else {
		r.CreateTime = task.Second.Unix()
	}
	if plan.StatusAt(task.Created, now) == prefetch.Failed {
		r.Remark = "origin response status code is not 200"
		if plan.Reason != "" {
			r.Remark = plan.Reason
		}
	}
	return r
}
