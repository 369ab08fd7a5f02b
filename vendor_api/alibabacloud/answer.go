package alibabacloud

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// page is the body of an answer, or of an error.
type page struct {
	RequestID  vendorapi.Text  `json:"RequestId"`
	Code       vendorapi.Text  `json:"Code"`
	Message    vendorapi.Text  `json:"Message"`
	TotalCount vendorapi.Text  `json:"TotalCount"`
	PageSize   vendorapi.Text  `json:"PageSize"`
	Tasks      json.RawMessage `json:"Tasks"`
}

// row is one URL of a task.
type row struct {
	TaskID       vendorapi.Text `json:"TaskId"`
	ObjectPath   vendorapi.Text `json:"ObjectPath"`
	ObjectType   vendorapi.Text `json:"ObjectType"`
	CreationTime vendorapi.Text `json:"CreationTime"`
	Process      vendorapi.Text `json:"Process"`
	Status       vendorapi.Text `json:"Status"`
	Description  vendorapi.Text `json:"Description"`
}

// list is the list of rows: Tasks.CDNTask of CDN's list, Tasks.Task of DCDN's, Tasks
// itself of an answer by id. Each is accepted everywhere, and none for no rows.
func (p *page) list() json.RawMessage {
	var below struct {
		CDNTask json.RawMessage `json:"CDNTask"`
		Task    json.RawMessage `json:"Task"`
	}
	if vendorapi.Object(p.Tasks, &below) != nil {
		return p.Tasks
	}
	for _, list := range []json.RawMessage{below.CDNTask, below.Task} {
		if len(list) > 0 && list[0] != 'n' {
			return list
		}
	}
	if len(below.CDNTask)+len(below.Task) > 0 || len(bytes.TrimSpace(p.Tasks[1:len(p.Tasks)-1])) == 0 {
		return nil
	}
	return p.Tasks // of another form, and the error of that
}

// reader turns one answer's rows into URLs and keeps what was odd about them.
type reader struct {
	*vendorapi.Exchange

	pageSize int
	// tasks are those of the rows.
	tasks []string
	// purged is how many more rows there are that are of no prefetch, and purges are
	// their tasks.
	purged int
	purges map[string]bool
}

// answer makes the answer of a body.
func (r *reader) answer(body *page) (vendorapi.Answer, error) {
	urls, err := vendorapi.Rows(body.list(), r.row)
	if err != nil {
		return vendorapi.Answer{}, fmt.Errorf("Tasks %w", err) //nolint:staticcheck // the vendor's key
	}
	if body.Tasks == nil && body.RequestID.Value() == "" {
		return vendorapi.Answer{}, errors.New("the answer has no Tasks")
	}
	rows := len(urls) + r.purged
	if err := r.checkTotal(body, rows); err != nil {
		return vendorapi.Answer{}, err
	}
	count := rows
	if body.TotalCount.Value() != "" {
		count = r.Count(body.TotalCount, rows)
	}
	a := vendorapi.Answer{URLs: urls, RowTasks: r.tasks, Count: count - r.purged}
	if !byID(&r.Query) {
		a.Page, a.PageSize = r.Query.Page, r.PageSize(r.Query, body.PageSize, count, rows)
	}
	if r.purged > 0 {
		r.Oddf("purge", "rows of purges, which are not counted: %d", r.purged)
		a.Refused = r.refused()
	}
	if byID(&r.Query) && len(r.Query.Others) == 0 && !a.Whole() {
		r.firstPage(&a)
	}
	return a, nil
}

// checkTotal refuses an answer that does not tell how many rows there are, where its
// own need not be all.
func (r *reader) checkTotal(body *page, rows int) error {
	_, told := body.TotalCount.Natural()
	counting := r.Query.Kind == vendorapi.QueryCount
	if told || byID(&r.Query) || !counting && rows < r.Query.PageSize {
		return nil
	}
	return fmt.Errorf("TotalCount %q is not a whole number", body.TotalCount.Excerpt())
}

// firstPage makes of an answer by id that is cut what the list would have given for
// its first page, so that the pages after it fit. No page says that such answers are
// cut, nor that they are not.
func (r *reader) firstPage(a *vendorapi.Answer) {
	rows := min(len(a.URLs), r.pageSize)
	a.URLs, a.RowTasks = a.URLs[:rows], a.RowTasks[:rows]
	a.Page, a.PageSize = 1, rows
}

// row reads one row, nil if it is no object. Whatever cannot be read of it, the row
// is there, unless it is of a purge.
func (r *reader) row(w *row, raw json.RawMessage) (u prefetch.URL, keep bool) {
	if w == nil {
		r.tasks = append(r.tasks, r.task(&row{}))
		return r.NoRow(raw)
	}
	task := r.task(w)
	if kind := w.ObjectType.Value(); kind != "" && !strings.EqualFold(kind, preload) {
		r.purged++
		r.purges[task] = true
		return u, false
	}
	r.tasks = append(r.tasks, task)
	u = prefetch.URL{
		URL: r.URL(w.ObjectPath), Status: r.Status(w.Status, words),
		Created: r.Time("CreationTime", w.CreationTime, time.UTC, dateLayout),
	}
	u.Progress, u.HasProgress = r.Share("Process", w.Process)
	if u.Status == prefetch.Failed {
		u.Cause, u.Words = cause(w)
	}
	return u, true
}

// task is whose row it is. One that does not tell its task belongs to the one that was
// asked for, if that is one.
func (r *reader) task(w *row) string {
	task, asked := w.TaskID.Value(), r.Query.TaskID
	if len(r.Query.Others) == 0 && asked != "" {
		task = cmp.Or(task, asked)
		if task != asked {
			r.Oddf("task", "a row is of the task %q, which was not asked for", vendorapi.Excerpt([]byte(task)))
		}
	}
	return task
}

// refused are the tasks asked for that have rows of purges only; nil if none has.
func (r *reader) refused() (refused map[string]*vendorapi.Error) {
	for _, id := range r.Query.Tasks() {
		if !r.purges[id] || slices.Contains(r.tasks, id) {
			continue
		}
		if refused == nil {
			refused = map[string]*vendorapi.Error{}
		}
		refused[id] = &vendorapi.Error{
			Reason: prefetch.ReasonInvalid, Err: errors.New("the id is that of a purge (a refresh task), and of no prefetch"),
		}
	}
	return refused
}

// words are the statuses. Complete, Refreshing and Failed are on every page of the
// vendor, the others on some; two of them end a URL that was not fetched.
var words = map[string]prefetch.Status{
	"complete": prefetch.Succeeded, "refreshing": prefetch.Running, "pending": prefetch.Waiting,
	"failed": prefetch.Failed, "timeout": prefetch.Failed, "canceled": prefetch.Failed, "cancelled": prefetch.Failed,
}

// cause is why a URL failed: Description, which is written with and without spaces
// (Origin Timeout, OriginReturnStatusCode 5XX, Internal Error), or else the status
// if that says more than that it failed. Beside any other status Description means
// nothing: the vendor's example has an internal error of a URL that is complete.
func cause(w *row) (cause prefetch.Cause, said string) {
	description := strings.ToLower(strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, w.Description.Value()))
	switch {
	case strings.HasPrefix(description, "origin"):
		cause = prefetch.CauseOrigin
	case strings.HasPrefix(description, "internal"):
		cause = prefetch.CauseVendor
	}
	if status := w.Status.Value(); !strings.EqualFold(status, "failed") {
		said = w.Status.Excerpt()
	}
	return cause, cmp.Or(w.Description.Excerpt(), said)
}
