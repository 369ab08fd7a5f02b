package cdnetworks

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	// timeForm is the page's "yyyy-MM-dd HH:mm:ss".
	timeForm = "2006-01-02 15:04:05"

	defaultPageSize = 20
)

// The errors of the page, word for word.
const (
	errJSON       = "parse json error"
	errUser       = "username is invalid"
	errNoTime     = "startTime or endTime must not be empty"
	errTime       = "query time error"
	errOrder      = "endTime should not before startTime"
	errPageSize   = "page size error"
	errPageNo     = "page no error"
	errTaskStatus = "task status error,eg: init wait run success failure"
)

// errLookBack is "query create time should not before 3 days", with the number
// of whole days that is configured.
func errLookBack(lookBack time.Duration) string {
	return fmt.Sprintf("query create time should not before %d days", lookBack/day)
}

// question is a request's body, read and checked.
type question struct {
	location *time.Location
	// start and end limit the creation, both included; both are zero where
	// only an itemId is given.
	start, end       time.Time
	itemID           string
	url, status      string
	pageNo, pageSize int
}

// parseQuestion reads a body; problem is the vendor's text if it is refused.
func (s *Server) parseQuestion(body []byte, location *time.Location, now time.Time) (q question, problem string) {
	fields, err := parseFields(body)
	if err != nil {
		return question{}, errJSON
	}
	q = question{location: location, itemID: fields["itemId"], url: fields["url"], status: fields["status"]}
	if q.status != "" && (s.options.RefuseStatusFilter || !slices.Contains(filterWords(), q.status)) {
		return question{}, errTaskStatus
	}
	if problem := s.parseWindow(&q, fields["startTime"], fields["endTime"], now); problem != "" {
		return question{}, problem
	}
	if problem := s.parsePage(&q, fields["pageNo"], fields["pageSize"]); problem != "" {
		return question{}, problem
	}
	return q, ""
}

func filterWords() []string { return []string{wordInit, wordWait, wordRun, wordSuccess, wordFailure} }

// parseFields reads the members that the API knows. Each may be a string or a
// number, which the page's table and its example disagree on, or null.
func parseFields(body []byte) (map[string]string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if members == nil {
		return nil, errors.New("body: null")
	}
	fields := map[string]string{}
	for _, name := range []string{"startTime", "endTime", "itemId", "url", "status", "pageNo", "pageSize"} {
		raw, ok := members[name]
		if !ok {
			continue
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		switch v := value.(type) {
		case nil:
		case string:
			fields[name] = v
		case float64:
			fields[name] = string(raw)
		default:
			return nil, fmt.Errorf("%s: neither a string nor a number", name)
		}
	}
	return fields, nil
}

func (s *Server) parseWindow(q *question, start, end string, now time.Time) (problem string) {
	if start == "" && end == "" && q.itemID != "" && !s.options.RefuseTaskAlone {
		return ""
	}
	if start == "" || end == "" {
		return errNoTime
	}
	var err error
	if q.start, err = parseTime(start, q.location); err != nil {
		return errTime
	}
	if q.end, err = parseTime(end, q.location); err != nil {
		return errTime
	}
	switch {
	case q.end.Before(q.start):
		return errOrder
	case s.tooLong(q.start, q.end):
		return errTime
	case q.start.Before(now.Add(-s.options.LookBack)):
		return errLookBack(s.options.LookBack)
	}
	return ""
}

// parseTime is strict: [time.Parse] alone would accept fractions of a second
// and an hour of one digit.
func parseTime(text string, location *time.Location) (time.Time, error) {
	if len(text) != len(timeForm) {
		return time.Time{}, fmt.Errorf("time %q: not of the form %s", text, timeForm)
	}
	t, err := time.ParseInLocation(timeForm, text, location)
	if err != nil {
		return time.Time{}, fmt.Errorf("time: %w", err)
	}
	return t, nil
}

// tooLong applies MaxSpan, and without it the reading of the page's example.
func (s *Server) tooLong(start, end time.Time) bool {
	if s.options.MaxSpan > 0 {
		return end.Sub(start) > s.options.MaxSpan
	}
	year, month, dayOfMonth := start.Date()
	const dayAfterNext = 2
	return !end.Before(time.Date(year, month, dayOfMonth+dayAfterNext, 0, 0, 0, 0, start.Location()))
}

func (s *Server) parsePage(q *question, pageNo, pageSize string) (problem string) {
	var err error
	q.pageNo, q.pageSize = 1, defaultPageSize
	if pageSize != "" {
		q.pageSize, err = strconv.Atoi(pageSize)
		if err != nil || q.pageSize < 1 || q.pageSize > s.options.MaxPageSize {
			return errPageSize
		}
	}
	if pageNo != "" {
		q.pageNo, err = strconv.Atoi(pageNo)
		if err != nil || q.pageNo < 1 {
			return errPageNo
		}
	}
	q.pageSize = min(q.pageSize, s.options.CapPageSize)
	return ""
}

// search answers with the rows of the owner that match, in the order of creation and
// then of submission. An itemId that the owner does not have matches nothing: the page
// lists no error for it.
func (s *Server) search(owner string, q *question, now time.Time) listing {
	var match func(simulator.Row) bool
	if q.url != "" || q.status != "" {
		match = func(r simulator.Row) bool {
			return (q.url == "" || q.url == r.Plan.URL) && (q.status == "" || q.status == r.Word)
		}
	}
	tasks := s.Tasks(simulator.Wanted{Owner: owner, ID: q.itemID, From: q.start, To: q.end, Now: now})
	count, rows := s.Search(tasks, match, simulator.PageOf(q.pageNo, q.pageSize), now)
	return listing{
		Count: count, Code: 1, Message: wordSuccess, PageNo: q.pageNo, PageSize: q.pageSize,
		ResultDetail: simulator.Show(slices.Values(rows), func(r simulator.Row) row { return rowOf(&r, q.location) }),
	}
}

func rowOf(r *simulator.Row, location *time.Location) row {
	row := row{CreateTime: r.Task.Second.In(location).Format(timeForm), Status: r.Word, URL: r.Plan.URL}
	if r.Status != prefetch.Waiting {
		row.BeginTime = r.Begin().In(location).Format(timeForm)
	}
	if r.Status.Final() {
		row.FinishTime = r.Finish().In(location).Format(timeForm)
		const all = 100
		rate := r.Plan.Rate
		if rate == 0 && !r.Plan.Fails {
			rate = all
		}
		row.Rate = strconv.FormatFloat(rate, 'f', -1, 64)
	}
	return row
}

var zonePattern = regexp.MustCompile(`^GMT([+-][0-9]{2}):00$`)

// requestedZone reads X-Time-Zone. The page allows whole hours only (its
// pattern ends in ":00"); what does not match counts as not sent.
func requestedZone(header string) *time.Location {
	m := zonePattern.FindStringSubmatch(header)
	if m == nil {
		return simulator.China()
	}
	hours, err := strconv.Atoi(m[1])
	const widest, hour = 14, 60 * 60
	if err != nil || hours < -widest || hours > widest {
		return simulator.China()
	}
	return time.FixedZone(header, hours*hour)
}
