package huaweicloud

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	typeRefresh    = "refresh"
	typePreheating = "preheating"

	stateOpen = "task_inprocess"
	stateDone = "task_done"

	wordWaiting    = "waiting"
	wordRefreshing = "refreshing"
)

// parameters are a request's query, read one after the other; wrong names the first
// that the vendor does not take.
type parameters struct {
	values url.Values
	wrong  string
}

func (p *parameters) fail(name string) { p.wrong = cmp.Or(p.wrong, name) }

// number reads a whole number between 1 and most; 0 if it was not sent.
func (p *parameters) number(name string, most int64) int64 {
	text := p.values.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		p.fail(name)
		return 0
	}
	return n
}

// moment reads a time in milliseconds since 1970; zero if it was not sent.
func (p *parameters) moment(name string) time.Time {
	const year2200 = 7_258_118_400_000
	if n := p.number(name, year2200); n != 0 {
		return time.UnixMilli(n)
	}
	return time.Time{}
}

// page reads page_size and page_number, which are sent together or not at all.
func (p *parameters) page(most int) simulator.Page {
	const largest, last, usual = 10_000, 65_535, 30
	size, number := p.number("page_size", largest), p.number("page_number", last)
	if p.values.Has("page_size") != p.values.Has("page_number") {
		p.fail("page_number")
	}
	size, number = cmp.Or(size, usual), cmp.Or(number, 1)
	if most > 0 {
		size = min(size, int64(most))
	}
	return simulator.PageOf(int(number), int(size))
}

// refusal is the error of a query that the vendor does not take, nil if it takes it.
func (p *parameters) refusal() *simulator.Refusal {
	if p.wrong == "" {
		return nil
	}
	return simulator.Invalid("CDN.0001", "The parameter is invalid: "+p.wrong+".")
}

// summary is a task in a list, and the head of its details.
type summary struct {
	ID         string `json:"id"`
	TaskType   string `json:"task_type"`
	Status     string `json:"status"`
	Processing int    `json:"processing"`
	Succeed    int    `json:"succeed"`
	Failed     int    `json:"failed"`
	Total      int    `json:"total"`
	CreateTime int64  `json:"create_time"`
	FileType   string `json:"file_type"`
}

func (s *CDN) summaryOf(t *simulator.Registered, now time.Time) summary {
	counts := s.CountsAt(t, now)
	m := summary{
		ID: t.ID, TaskType: typePreheating, Status: stateOpen, FileType: "file", CreateTime: t.Created.UnixMilli(), Total: len(t.URLs),
		Processing: counts[prefetch.Running], Succeed: counts[prefetch.Succeeded], Failed: counts[prefetch.Failed],
	}
	if t.Purge {
		m.TaskType = typeRefresh
	}
	if counts.AllFinal() || s.options.EarlyDone && m.Processing == 0 {
		m.Status = stateDone
	}
	return m
}

// answerList answers with the tasks of a span of time, the newest first, without their
// URLs. Without a span these are all that are kept.
func (s *CDN) answerList(q *parameters, page simulator.Page, now time.Time) (any, *simulator.Refusal) {
	kind := q.values.Get("task_type")
	if !slices.Contains([]string{"", typeRefresh, typePreheating}, kind) {
		q.fail("task_type")
	}
	from, to := q.moment("start_date"), q.moment("end_date")
	if !to.IsZero() && to.Before(from) {
		q.fail("end_date")
	}
	if refused := q.refusal(); refused != nil {
		return nil, refused
	}
	to = cmp.Or(to, now)
	tasks := []summary{}
	in := simulator.Wanted{Owner: s.options.DomainID, From: from.Truncate(time.Second), To: to, Now: now}
	for _, t := range slices.Backward(s.Tasks(in)) {
		created := t.Created.Truncate(time.Millisecond)
		if m := s.summaryOf(t, now); !created.Before(from) && !created.After(to) && (kind == "" || kind == m.TaskType) {
			tasks = append(tasks, m)
		}
	}
	return struct {
		Total int       `json:"total"`
		Tasks []summary `json:"tasks"`
	}{len(tasks), tasks[min(page.First, len(tasks)):min(page.End, len(tasks))]}, nil
}

// detailRow is a URL of a task. The last two fields are there only if it failed.
type detailRow struct {
	ID           string `json:"id"`
	URL          string `json:"url"`
	Status       string `json:"status"`
	CreateTime   int64  `json:"create_time"`
	TaskID       string `json:"task_id"`
	TaskType     string `json:"task_type"`
	FailClassify string `json:"fail_classify,omitempty"`
	FailDesc     string `json:"fail_desc,omitempty"`
}

// answerDetail answers with the rows of a task, whatever its type. The counts are those
// of the whole task, whatever the page.
func (s *CDN) answerDetail(id string, q *parameters, page simulator.Page, now time.Time) (any, *simulator.Refusal) {
	created := q.moment("create_time")
	if refused := q.refusal(); refused != nil {
		return nil, refused
	}
	tasks := s.Tasks(simulator.Wanted{Owner: s.options.DomainID, ID: id, Now: now})
	if len(tasks) == 0 || !found(tasks[0], created, now) {
		return nil, cdnError(http.StatusOK, "CDN.0108", "The URL domain name is not the acceleration domain name of the current tenant.")
	}
	_, rows := s.Search(tasks, nil, page, now)
	return struct {
		summary

		URLs []detailRow `json:"urls"`
	}{s.summaryOf(tasks[0], now), simulator.Show(slices.Values(rows), rowOf)}, nil
}

// found reports whether a task is found: a young one by its id, an older one only
// together with its creation.
func found(t *simulator.Registered, created, now time.Time) bool {
	age := now.Sub(t.Created)
	if created.IsZero() {
		return age <= cdnUnaided
	}
	return created.Sub(t.Created).Abs() < time.Second
}

func rowOf(r simulator.Row) detailRow {
	row := detailRow{
		ID: fmt.Sprintf("%s%05d", r.Task.ID, r.Index), URL: r.Plan.URL, TaskID: r.Task.ID, TaskType: "PREHEATING",
		CreateTime: r.Task.Created.UnixMilli(), Status: r.Word,
	}
	switch {
	case r.Task.Purge:
		row.TaskType = "REFRESH"
	case row.Status == wordRefreshing:
		row.TaskType = "REFRESH_AFTER_PREHEATING"
	}
	if row.Status == wordFailed {
		row.FailClassify, row.FailDesc = failure(r.Plan.Reason)
	}
	return row
}

// failure is why a URL failed: its reason may begin with one of the vendor's classes
// and a colon; without one it is the origin's.
func failure(reason string) (class, text string) {
	class, text, found := strings.Cut(reason, ": ")
	if found && slices.Contains([]string{"ORIGIN_ERROR", "INNER_ERROR", "UNKNOWN_ERROR"}, class) {
		return class, text
	}
	return "ORIGIN_ERROR", cmp.Or(reason, "the origin server returned 404")
}
