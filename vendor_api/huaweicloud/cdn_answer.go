package huaweicloud

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// The vendor's words for kinds of tasks. A row of the last one is of a preheating
// after which the vendor refreshes.
const (
	taskPreheating     = "preheating"
	taskRefresh        = "refresh"
	taskRefreshedAfter = "refresh_after_preheating"
)

// cdnStatuses are the vendor's words for the status of a URL.
var cdnStatuses = map[string]prefetch.Status{
	"waiting":    prefetch.Waiting,
	"processing": prefetch.Running, taskPreheating: prefetch.Running,
	"succeed": prefetch.Succeeded, "failed": prefetch.Failed,
}

// cdnCauses are its words for why a URL failed, fail_classify.
var cdnCauses = map[string]prefetch.Cause{
	"origin_error": prefetch.CauseOrigin, "inner_error": prefetch.CauseVendor, "unknown_error": prefetch.CauseUnknown,
}

// cdnBody is the body of a list of tasks, of the details of one, or of an error.
type cdnBody struct {
	Error     vendorapi.Text `json:"error"`
	ErrorCode vendorapi.Text `json:"error_code"`

	Total vendorapi.Text  `json:"total"`
	Tasks json.RawMessage `json:"tasks"`

	TaskType vendorapi.Text  `json:"task_type"`
	Status   vendorapi.Text  `json:"status"`
	URLs     json.RawMessage `json:"urls"`
}

// cdnURL is one element of urls.
type cdnURL struct {
	URL          vendorapi.Text `json:"url"`
	Status       vendorapi.Text `json:"status"`
	CreateTime   vendorapi.Text `json:"create_time"`
	TaskType     vendorapi.Text `json:"task_type"`
	FailClassify vendorapi.Text `json:"fail_classify"`
	FailDesc     vendorapi.Text `json:"fail_desc"`
}

// cdnTask is one element of tasks.
type cdnTask struct {
	ID         vendorapi.Text `json:"id"`
	TaskType   vendorapi.Text `json:"task_type"`
	Status     vendorapi.Text `json:"status"`
	Processing vendorapi.Text `json:"processing"`
	Succeed    vendorapi.Text `json:"succeed"`
	Failed     vendorapi.Text `json:"failed"`
	Total      vendorapi.Text `json:"total"`
	CreateTime vendorapi.Text `json:"create_time"`
}

// refused reports whether the body tells an error.
func (b *cdnBody) refused() bool { return b.Error.Value() != "" || b.ErrorCode.Value() != "" }

// cdnReader reads one answer to a question and keeps what was odd about it.
type cdnReader struct {
	*vendorapi.Exchange

	body cdnBody
	// refresh: a row is of a task that is no preheating.
	refresh bool
	// left is how many tasks of a list were left out.
	left int
}

// detail reads the rows of a task.
func (r *cdnReader) detail() (vendorapi.Answer, error) {
	urls, err := rows(r, "urls", r.body.URLs, r.url)
	if kind := lower(r.body.TaskType); r.refresh || kind != "" && kind != taskPreheating {
		return vendorapi.Answer{}, &vendorapi.Error{
			Reason: prefetch.ReasonInvalid,
			Err:    fmt.Errorf("the id is that of a task of type %q and of no preheating", cmp.Or(r.body.TaskType.Excerpt(), taskRefresh)),
		}
	}
	if err != nil {
		return vendorapi.Answer{}, err
	}
	a := r.answer(len(urls))
	a.URLs, a.RowTasks, a.Open = urls, slices.Repeat([]string{r.Query.TaskID}, len(urls)), !r.done(r.body.Status)
	return a, nil
}

// list reads the tasks of a span of time.
func (r *cdnReader) list() (vendorapi.Answer, error) {
	tasks, err := rows(r, "tasks", r.body.Tasks, r.task)
	if err != nil {
		return vendorapi.Answer{}, err
	}
	a := r.answer(len(tasks) + r.left)
	a.Tasks = tasks
	a.Count -= r.left
	return a, nil
}

// rows reads the elements of the answer's list. An answer with neither list nor total
// is none that the vendor has; and of a page that is full only a total tells whether it
// is the last.
func rows[Row, T any](r *cdnReader, name string, list json.RawMessage, read func(*Row, json.RawMessage) (T, bool)) ([]T, error) {
	total := r.body.Total
	if isNull(list) && total.Value() == "" {
		return nil, errors.New("the answer has no " + name)
	}
	elements, err := vendorapi.Rows(list, read)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	if _, ok := total.Natural(); !ok && len(elements)+r.left >= r.Query.PageSize {
		return nil, fmt.Errorf("total %q is not a whole number", total.Excerpt())
	}
	return elements, nil
}

// answer is an answer with so many rows or tasks, yet without them.
func (r *cdnReader) answer(n int) vendorapi.Answer {
	count := r.Count(r.body.Total, n)
	return vendorapi.Answer{Count: count, Page: r.Query.Page, PageSize: r.PageSize(r.Query, vendorapi.Text{}, count, n)}
}

// url reads a row, nil if it is no object. Whatever cannot be read of it, it is there.
func (r *cdnReader) url(w *cdnURL, raw json.RawMessage) (u prefetch.URL, keep bool) {
	if w == nil {
		return r.NoRow(raw)
	}
	u = prefetch.URL{URL: r.URL(w.URL), Created: r.time(w.CreateTime)}
	kind := lower(w.TaskType)
	r.refresh = r.refresh || kind == taskRefresh
	if kind == taskRefreshedAfter && lower(w.Status) == "refreshing" {
		u.Status = prefetch.Running
	} else {
		u.Status = r.Status(w.Status, cdnStatuses)
	}
	if u.Status == prefetch.Failed {
		u.Cause, u.Words = r.cause(w.FailClassify), w.FailDesc.Excerpt()
	}
	return u, true
}

func (r *cdnReader) cause(word vendorapi.Text) prefetch.Cause {
	cause, known := cdnCauses[lower(word)]
	if !known && word.Value() != "" {
		r.Oddf("cause", "fail_classify %q is not documented; the cause is taken as unknown", word.Excerpt())
	}
	return cause
}

// task reads a task, nil if it is no object. One without an id, or of another kind
// than was asked for, is left out.
func (r *cdnReader) task(w *cdnTask, raw json.RawMessage) (s vendorapi.TaskSummary, keep bool) {
	if w == nil {
		r.left++
		r.Oddf("task", "a task is not an object, and left out: %s", vendorapi.Excerpt(raw))
		return s, false
	}
	id, kind := w.ID.Value(), lower(w.TaskType)
	switch {
	case id == "" || w.ID.Cut:
		r.left++
		r.Oddf("id", "a task has no id, and is left out")
		return s, false
	case kind != "" && kind != taskPreheating:
		r.left++
		r.Oddf("type", "task %s is of type %q, and left out", w.ID.Excerpt(), w.TaskType.Excerpt())
		return s, false
	}
	s = vendorapi.TaskSummary{ID: id, Created: r.time(w.CreateTime)}
	done := r.done(w.Status)
	var numbersKnown bool
	s.Counts, numbersKnown = r.counts(w)
	s.Done = done && numbersKnown && s.Counts.AllFinal()
	return s, true
}

// counts reads how many URLs of a task have which status, and reports whether its
// numbers can all be read and add up. URLs that wait are in none of them but the
// total.
func (r *cdnReader) counts(w *cdnTask) (c prefetch.Counts, ok bool) {
	ok = true
	number := func(name string, t vendorapi.Text) int {
		n, natural := t.Natural()
		if !natural {
			ok = false
			r.Oddf(name, "%s %q of task %s is not a whole number; taken as 0", name, t.Excerpt(), w.ID.Excerpt())
		}
		return n
	}
	c[prefetch.Running] = number("processing", w.Processing)
	c[prefetch.Succeeded] = number("succeed", w.Succeed)
	c[prefetch.Failed] = number("failed", w.Failed)
	total, sum := number("total", w.Total), c.Total()
	if sum > total {
		if ok {
			r.Oddf("sum", "task %s has %d processing, %d succeeded and %d failed URLs, which is more than its total of %d",
				w.ID.Excerpt(), c[prefetch.Running], c[prefetch.Succeeded], c[prefetch.Failed], total)
		}
		return c, false
	}
	c[prefetch.Waiting] = total - sum
	return c, ok
}

// done reports whether the vendor says that a task is over, be it with failures.
func (r *cdnReader) done(status vendorapi.Text) bool {
	switch word := lower(status); word {
	case "task_done":
		return true
	case "task_inprocess":
	case "":
		r.Oddf("task status", "a task has no status; taken as not over")
	default:
		r.UnknownWords = vendorapi.AddWord(r.UnknownWords, status.Excerpt())
	}
	return false
}

// time reads a create_time, in milliseconds since 1970; zero where it is not told, for
// which the vendor's own example has 0.
func (r *cdnReader) time(t vendorapi.Text) time.Time {
	if v := t.Value(); v == "" || v == "0" {
		return time.Time{}
	}
	const oldest = 2000 // no task is of a year before it, but seconds taken for milliseconds are
	at, ok := t.Unix(time.Millisecond)
	if ok && at.Year() < oldest {
		r.Oddf("seconds", "create_time %q is in seconds, where milliseconds are documented", t.Excerpt())
		at, ok = t.Unix(time.Second)
	}
	if !ok {
		r.Oddf("create_time", "create_time %q is no time in milliseconds; taken as not told", t.Excerpt())
		return time.Time{}
	}
	return at.UTC()
}

func lower(t vendorapi.Text) string { return strings.ToLower(t.Value()) }
