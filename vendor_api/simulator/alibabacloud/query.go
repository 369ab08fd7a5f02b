package alibabacloud

import (
	"cmp"
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
	from, to                   time.Time
	page, size                 int
}

// list answers DescribeRefreshTasks, or DCDN's call of that form: newest first, as both
// of the pages' examples are.
func (s *Server) list(q *signed, a simulator.Arrival) (any, *simulator.Refusal) {
	asked, refused := s.parse(q.parameters, a.At)
	if refused != nil {
		return nil, refused
	}
	tasks := slices.DeleteFunc(s.Tasks(simulator.Wanted{
		Owner: s.account(q.accessKey), ID: asked.taskID, From: asked.from, To: asked.to, Now: a.At,
	}), func(t *simulator.Registered) bool { return asked.objectType != "" && asked.objectType != kind(t) })
	slices.Reverse(tasks)
	var match func(simulator.Row) bool
	if asked.status != "" {
		match = func(r simulator.Row) bool { return r.Word == asked.status }
	}
	count, rows := s.Search(tasks, match, simulator.PageOf(asked.page, asked.size), a.At)
	return listing{
		RequestID: requestID(a), TotalCount: count, PageNumber: asked.page, PageSize: asked.size,
		Tasks: map[string][]row{s.product.key: simulator.Show(slices.Values(rows), func(r simulator.Row) row {
			shown := describe(r)
			// Its examples have no Description, and DCDN's a Process without its sign.
			if *shown.Description == "" {
				shown.Description = nil
			}
			if s.options.DCDN {
				shown.Process = strings.TrimSuffix(shown.Process, "%")
			}
			return shown
		})},
	}, nil
}

// kind is the ObjectType of a task.
func kind(task *simulator.Registered) string {
	if task.Purge {
		return purge
	}
	return preload
}

// parse reads the parameters of a list; the refusals are the pages'.
func (s *Server) parse(p url.Values, now time.Time) (*question, *simulator.Refusal) {
	q := &question{
		taskID: p.Get("TaskId"), objectType: p.Get("ObjectType"), status: p.Get("Status"),
		from: now.Add(-lookBack), to: now, page: 1, size: defaultPage,
	}
	switch {
	case q.taskID != "" && !idForm.MatchString(q.taskID):
		return nil, simulator.Invalid("InvalidTaskId.Malformed", "The specified TaskId is invalid.")
	case q.status != "" && q.objectType == "":
		return nil, simulator.Invalid("MissingParameter.ObjectType", "The ObjectType parameter is required.")
	case q.objectType != "" && !slices.Contains(s.product.types, q.objectType):
		return nil, simulator.Invalid("InvalidObjectType.ValueNotSupported", "The specified ObjectType is not supported.")
	case q.status != "" && !slices.Contains([]string{wordComplete, wordRefreshing, wordFailed}, q.status):
		return nil, simulator.Invalid("InvalidStatus.ValueNotSupported", "The specified Status is not supported.")
	}
	if refused := q.parseWindow(p.Get("StartTime"), p.Get("EndTime"), now); refused != nil {
		return nil, refused
	}
	if !number(p.Get("PageNumber"), lastPage, &q.page) {
		return nil, simulator.Invalid("InvalidPageNumber.ValueNotSupported", "The specified PageNumber is not supported.")
	}
	if !number(p.Get("PageSize"), s.product.maxPage, &q.size) {
		return nil, simulator.Invalid("InvalidPageSize.ValueNotSupported", "The specified PageSize is not supported.")
	}
	return q, nil
}

func (q *question) parseWindow(start, end string, now time.Time) *simulator.Refusal {
	if start == "" && end == "" {
		return nil
	}
	if start == "" || end == "" {
		return simulator.Invalid("MissingTimeParameter", "The StartTime and EndTime must be both specified.")
	}
	var err error
	if q.from, err = time.Parse(timeForm, start); err != nil {
		return simulator.Invalid("InvalidStartTime.Malformed", "The specified StartTime is invalid.")
	}
	if q.to, err = time.Parse(timeForm, end); err != nil {
		return simulator.Invalid("InvalidEndTime.Malformed", "The specified EndTime is invalid.")
	}
	switch {
	case !q.to.After(q.from):
		return simulator.Invalid("InvalidEndTime.Mismatch", "The specified EndTime does not match the specified StartTime.")
	case q.from.Before(now.Add(-lookBack).Truncate(time.Second)):
		return simulator.Invalid("InvalidStartTime.ValueNotSupported", "The specified StartTime is not supported.")
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
func (s *Server) byID(q *signed, a simulator.Arrival) (any, *simulator.Refusal) {
	ids := strings.Split(q.parameters.Get("TaskId"), ",")
	malformed := func(id string) bool { return !idForm.MatchString(id) }
	if len(ids) > maxIDs || slices.ContainsFunc(ids, malformed) {
		return nil, simulator.Invalid("InvalidTaskId.Malformed", "The specified TaskId is invalid.")
	}
	rows := []row{}
	for _, id := range ids {
		tasks := s.Tasks(simulator.Wanted{Owner: s.account(q.accessKey), ID: id, Now: a.At})
		if len(tasks) == 0 && s.options.RefuseUnknown {
			return nil, simulator.Invalid("InvalidTaskId.Malformed", "The specified TaskId is invalid.")
		}
		for _, task := range tasks {
			rows = append(rows, simulator.Show(s.Rows(task, s.state(task, a.At)), describe)...)
		}
	}
	return struct {
		RequestID  string `json:"RequestId"`
		TotalCount int
		Tasks      []row
	}{requestID(a), len(rows), rows[:min(len(rows), s.options.CutRows)]}, nil
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

// describe is one URL as it is shown by its task's id.
func describe(found simulator.Row) row {
	const percent = 100
	r := row{
		TaskID: found.Task.ID, ObjectPath: found.Plan.URL, ObjectType: kind(found.Task), Status: found.Word,
		CreationTime: found.Task.Second.UTC().Format(timeForm), Description: new(string),
		Process: strings.TrimSuffix(strconv.FormatFloat(percent*found.Progress, 'f', 2, 64), ".00") + "%",
	}
	if found.Status == prefetch.Failed {
		*r.Description = cmp.Or(found.Plan.Reason, "Origin Return StatusCode 5XX")
	}
	return r
}
