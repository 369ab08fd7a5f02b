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

// word reads one of some words; empty if it was not sent.
func (p *parameters) word(name string, known ...string) string {
	text := p.values.Get(name)
	if text != "" && !slices.Contains(known, text) {
		p.fail(name)
	}
	return text
}

// moment reads a time in milliseconds since 1970; zero if it was not sent.
func (p *parameters) moment(name string) time.Time {
	const year2200 = 7_258_118_400_000
	if n := p.number(name, year2200); n != 0 {
		return time.UnixMilli(n)
	}
	return time.Time{}
}

// pageRange is a range of elements, from 0; end is not in it.
type pageRange struct{ first, end int }

// page reads page_size and page_number, which are sent together or not at all.
func (p *parameters) page(most int) pageRange {
	const largest, last, usual = 10_000, 65_535, 30
	size, number := p.number("page_size", largest), p.number("page_number", last)
	if p.values.Has("page_size") != p.values.Has("page_number") {
		p.fail("page_number")
	}
	size, number = cmp.Or(size, usual), cmp.Or(number, 1)
	if most > 0 {
		size = min(size, int64(most))
	}
	return pageRange{first: int((number - 1) * size), end: int(number * size)}
}

// cutPage is what of a list is in a page.
func cutPage[T any](list []T, p pageRange) []T {
	return list[min(p.first, len(list)):min(p.end, len(list))]
}

// refusal is the error of a query that the vendor does not take.
func (p *parameters) refusal() *refusal {
	return cdnError(http.StatusBadRequest, "CDN.0001", "The parameter is invalid: "+p.wrong+".")
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
	counts, v := prefetch.Counts{}, cdnVocabulary()
	for i := range t.URLs {
		counts[v.Status(t.URLs[i].WordAt(t.Created, now, v))]++
	}
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

// answerList answers with the tasks of a span of time, without their URLs.
func (s *CDN) answerList(q *parameters, page pageRange, a simulator.Arrival) simulator.Reply {
	kind, state := q.word("task_type", typeRefresh, typePreheating), q.word("status", stateOpen, stateDone)
	q.word("file_type", "file", "directory")
	from, to := q.moment("start_date"), q.moment("end_date")
	by := q.word("order_field", "task_type", "total", "processing", "succeed", "failed", "create_time")
	direction := q.word("order_type", "desc", "asc")
	if (by == "") != (direction == "") {
		q.fail("order_type")
	}
	if !to.IsZero() && to.Before(from) {
		q.fail("end_date")
	}
	if q.wrong != "" {
		return q.refusal().reply(a)
	}
	tasks := slices.DeleteFunc(s.history(from, to, a.At), func(m summary) bool {
		return kind != "" && kind != m.TaskType || state != "" && state != m.Status
	})
	slices.SortStableFunc(tasks, func(x, y summary) int {
		order := cmp.Or(compareSummaries(&x, &y, by), cmp.Compare(x.CreateTime, y.CreateTime))
		if direction == "asc" {
			return order
		}
		return -order
	})
	return newReply(http.StatusOK, a, struct {
		Total int       `json:"total"`
		Tasks []summary `json:"tasks"`
	}{len(tasks), cutPage(tasks, page)})
}

// history are the tasks that were created between two times, both included, or from
// the look-back to now where these are zero, the newest first.
func (s *CDN) history(from, to, now time.Time) []summary {
	if oldest := now.Add(-s.options.LookBack); from.Before(oldest) {
		from = oldest
	}
	if to.IsZero() || to.After(now) {
		to = now
	}
	tasks := []summary{}
	for _, t := range s.Between(s.options.DomainID, from.Truncate(time.Second), to) {
		if !t.Created.Before(from) && !t.Created.After(to) {
			tasks = append(tasks, s.summaryOf(t, now))
		}
	}
	slices.Reverse(tasks)
	return tasks
}

// compareSummaries compares two tasks by a field other than their creation.
func compareSummaries(x, y *summary, by string) int {
	switch by {
	case "task_type":
		return cmp.Compare(x.TaskType, y.TaskType)
	case "total":
		return cmp.Compare(x.Total, y.Total)
	case "processing":
		return cmp.Compare(x.Processing, y.Processing)
	case "succeed":
		return cmp.Compare(x.Succeed, y.Succeed)
	case "failed":
		return cmp.Compare(x.Failed, y.Failed)
	default:
		return 0
	}
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
// of the whole task, whatever the page and the filters.
func (s *CDN) answerDetail(id string, q *parameters, page pageRange, a simulator.Arrival) simulator.Reply {
	state := q.word("status", "processing", "succeed", "failed", "waiting", "refreshing", "preheating")
	created, only := q.moment("create_time"), q.values.Get("url")
	if q.wrong != "" {
		return q.refusal().reply(a)
	}
	task, ok := s.Task(id)
	if !ok || task.Owner != s.options.DomainID || !s.found(task, created, a.At) {
		return cdnError(http.StatusOK, "CDN.0108",
			"The URL domain name is not the acceleration domain name of the current tenant.").reply(a)
	}
	rows := []detailRow{}
	for i := range task.URLs {
		row := rowOf(task, i, a.At)
		if (state == "" || state == row.Status) && (only == "" || only == row.URL) {
			rows = append(rows, row)
		}
	}
	return newReply(http.StatusOK, a, struct {
		summary

		URLs []detailRow `json:"urls"`
	}{s.summaryOf(task, a.At), cutPage(rows, page)})
}

// found reports whether a task is found: a young one by its id, an older one only
// together with its creation.
func (s *CDN) found(t *simulator.Registered, created, now time.Time) bool {
	age := now.Sub(t.Created)
	if created.IsZero() {
		return age >= 0 && age <= min(cdnUnaided, s.options.LookBack)
	}
	return age >= 0 && age <= s.options.LookBack && created.Sub(t.Created).Abs() < time.Second
}

func rowOf(t *simulator.Registered, i int, now time.Time) detailRow {
	plan := &t.URLs[i]
	row := detailRow{
		ID: fmt.Sprintf("%s%05d", t.ID, i), URL: plan.URL, TaskID: t.ID, TaskType: "PREHEATING",
		CreateTime: t.Created.UnixMilli(), Status: plan.WordAt(t.Created, now, cdnVocabulary()),
	}
	switch {
	case t.Purge:
		row.TaskType = "REFRESH"
	case row.Status == "refreshing":
		row.TaskType = "REFRESH_AFTER_PREHEATING"
	}
	if row.Status == cdnWord(prefetch.Failed) {
		row.FailClassify, row.FailDesc = failure(plan.Reason)
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
