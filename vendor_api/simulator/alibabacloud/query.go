package alibabacloud

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	defaultPage = 20
	lastPage    = 100_000
	maxIDs      = 10
	// purge is the ObjectType of a task that is no prefetch.
	purge   = "file"
	preload = "preload"
)

// idForm is what is taken for a task id; the vendor's own are numbers.
var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// row is one URL of a task.
type row struct {
	TaskID       string `json:"TaskId"`
	ObjectPath   string
	ObjectType   string
	CreationTime string
	Process      string
	Status       string
	Description  *string `json:",omitempty"`
}

// listing is the answer of a list.
type listing struct {
	RequestID  string `json:"RequestId"`
	TotalCount int
	PageNumber int
	PageSize   int
	Tasks      map[string][]row
}

// question is the parameters of a list, read and checked.
type question struct {
	taskID, objectType, status string
	path, domain               string
	from, to                   time.Time
	page, size                 int
}

// list answers DescribeRefreshTasks, or DCDN's call of that form: newest first, as both
// of the pages' examples are.
func (s *Server) list(q *signed, a simulator.Arrival) (any, *refusal) {
	asked, refused := s.parse(q.parameters, a.At)
	if refused != nil {
		return nil, refused
	}
	answer := listing{RequestID: requestID(a), PageNumber: asked.page, PageSize: asked.size}
	rows, count := []row{}, 0
	first := (asked.page - 1) * asked.size
	end := first + asked.size
	tasks := s.Between(s.account(q.accessKey), asked.from, asked.to)
	slices.Reverse(tasks)
	for _, task := range tasks {
		n := len(task.URLs)
		switch {
		case asked.taskID != "" && task.ID != asked.taskID, asked.objectType != "" && asked.objectType != kind(task):
			continue
		case asked.status+asked.path+asked.domain == "" && !a.At.Before(task.Complete) && (count+n <= first || count >= end):
			count += n
			continue
		}
		state := s.state(task, a.At)
		for i := range task.URLs {
			plan := &task.URLs[i]
			if !visible(plan, task, a.At) || !asked.matches(plan, task, state) {
				continue
			}
			if count >= first && count < end {
				rows = append(rows, s.row(plan, task, state, true))
			}
			count++
		}
	}
	answer.TotalCount, answer.Tasks = count, map[string][]row{s.product.key: rows}
	return answer, nil
}

// visible reports whether the row of a URL shows now.
func visible(plan *simulator.URLPlan, task *simulator.Registered, now time.Time) bool {
	return !now.Before(task.Created) && !now.Before(task.Created.Add(plan.Appears))
}

// kind is the ObjectType of a task.
func kind(task *simulator.Registered) string {
	if task.Purge {
		return purge
	}
	return preload
}

// matches reports whether a URL as it was at a time is among those asked for.
func (q *question) matches(plan *simulator.URLPlan, task *simulator.Registered, at time.Time) bool {
	if q.domain != "" {
		if u, err := url.Parse(plan.URL); err != nil || u.Hostname() != q.domain {
			return false
		}
	}
	return (q.status == "" || q.status == plan.WordAt(task.Created, at, vocabulary())) && (q.path == "" || q.path == plan.URL)
}

// parse reads the parameters of a list; the refusals are the pages'.
func (s *Server) parse(p url.Values, now time.Time) (*question, *refusal) {
	q := &question{
		taskID: p.Get("TaskId"), objectType: p.Get("ObjectType"), status: p.Get("Status"),
		path: p.Get("ObjectPath"), domain: p.Get("DomainName"), from: now.Add(-lookBack), to: now, page: 1, size: defaultPage,
	}
	switch {
	case q.taskID != "" && !idForm.MatchString(q.taskID):
		return nil, invalid("InvalidTaskId.Malformed", "The specified TaskId is invalid.")
	case (q.status != "" || q.domain != "") && q.objectType == "":
		return nil, invalid("MissingParameter.ObjectType", "The ObjectType parameter is required.")
	case q.objectType != "" && !slices.Contains(s.product.types, q.objectType):
		return nil, invalid("InvalidObjectType.ValueNotSupported", "The specified ObjectType is not supported.")
	case q.status != "" && !slices.Contains([]string{wordComplete, wordRefreshing, wordFailed}, q.status):
		return nil, invalid("InvalidStatus.ValueNotSupported", "The specified Status is not supported.")
	case q.path != "" && !strings.HasPrefix(q.path, "http"):
		return nil, invalid("InvalidObjectPath.Malformed", "The specified ObjectPath is invalid.")
	}
	if refused := q.parseWindow(p.Get("StartTime"), p.Get("EndTime"), now); refused != nil {
		return nil, refused
	}
	if !number(p.Get("PageNumber"), lastPage, &q.page) {
		return nil, invalid("InvalidPageNumber.ValueNotSupported", "The specified PageNumber is not supported.")
	}
	if !number(p.Get("PageSize"), s.product.maxPage, &q.size) {
		return nil, invalid("InvalidPageSize.ValueNotSupported", "The specified PageSize is not supported.")
	}
	return q, nil
}

func (q *question) parseWindow(start, end string, now time.Time) *refusal {
	if start == "" && end == "" {
		return nil
	}
	if start == "" || end == "" {
		return invalid("MissingTimeParameter", "The StartTime and EndTime must be both specified.")
	}
	var err error
	if q.from, err = time.Parse(timeForm, start); err != nil {
		return invalid("InvalidStartTime.Malformed", "The specified StartTime is invalid.")
	}
	if q.to, err = time.Parse(timeForm, end); err != nil {
		return invalid("InvalidEndTime.Malformed", "The specified EndTime is invalid.")
	}
	switch {
	case !q.to.After(q.from):
		return invalid("InvalidEndTime.Mismatch", "The specified EndTime does not match the specified StartTime.")
	case q.from.Before(now.Add(-lookBack).Truncate(time.Second)):
		return invalid("InvalidStartTime.ValueNotSupported", "The specified StartTime is not supported.")
	}
	return nil
}

// number reads a parameter between 1 and most into n, which keeps its value if there is
// none.
func number(text string, most int, n *int) bool {
	if text == "" {
		return true
	}
	v, err := strconv.Atoi(text)
	*n = v
	return err == nil && v >= 1 && v <= most
}

// byID answers DescribeRefreshTaskById, or DCDN's call of that form: prefetches and
// purges alike. Ids that nobody has, or nobody any more, are missing in the answer.
func (s *Server) byID(q *signed, a simulator.Arrival) (any, *refusal) {
	ids := strings.Split(q.parameters.Get("TaskId"), ",")
	malformed := func(id string) bool { return !idForm.MatchString(id) }
	if len(ids) > maxIDs || slices.ContainsFunc(ids, malformed) {
		return nil, invalid("InvalidTaskId.Malformed", "The specified TaskId is invalid.")
	}
	rows := []row{}
	for _, id := range ids {
		task, ok := s.Task(id)
		if !ok || task.Owner != s.account(q.accessKey) || task.Created.After(a.At) || task.Second.Before(a.At.Add(-lookBack)) {
			if s.options.RefuseUnknown {
				return nil, invalid("InvalidTaskId.Malformed", "The specified TaskId is invalid.")
			}
			continue
		}
		state := s.state(task, a.At)
		for i := range task.URLs {
			if plan := &task.URLs[i]; visible(plan, task, a.At) {
				rows = append(rows, s.row(plan, task, state, false))
			}
		}
	}
	total := len(rows)
	if s.options.CutRows > 0 {
		rows = rows[:min(total, s.options.CutRows)]
	}
	return struct {
		RequestID  string `json:"RequestId"`
		TotalCount int
		Tasks      []row
	}{requestID(a), total, rows}, nil
}

// state is the moment as of which a task is shown.
func (s *Server) state(task *simulator.Registered, now time.Time) time.Time {
	if !s.options.Stale {
		return now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, ok := s.asked[task.ID]
	s.asked[task.ID] = now
	if !ok {
		return task.Created
	}
	return before
}

// row is one URL as it was at a time. The list's examples have no Description, and
// DCDN's a Process without its sign.
func (s *Server) row(plan *simulator.URLPlan, task *simulator.Registered, at time.Time, listed bool) row {
	const percent = 100
	r := row{
		TaskID: task.ID, ObjectPath: plan.URL, ObjectType: kind(task), CreationTime: task.Second.UTC().Format(timeForm),
		Status: plan.WordAt(task.Created, at, vocabulary()),
	}
	r.Process = strings.TrimSuffix(strconv.FormatFloat(percent*plan.ProgressAt(task.Created, at), 'f', 2, 64), ".00")
	if !listed || !s.options.DCDN {
		r.Process += "%"
	}
	description := ""
	if plan.StatusAt(task.Created, at) == prefetch.Failed {
		description = originFailed
		if plan.Reason != "" {
			description = plan.Reason
		}
	}
	if !listed || description != "" {
		r.Description = &description
	}
	return r
}
