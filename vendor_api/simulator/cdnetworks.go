package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

const (
	cdnetworksPath = "/ccm/fetch/ItemIdQuery"
	// cdnetworksContentType is what the vendor's example answer shows, odd as
	// it is: a client must not rely on it.
	cdnetworksContentType = "charset=utf-8; charset=UTF-8"

	// The words of the page for a status. A URL that waits is told as wait; init
	// is listed in an error's text only.
	wordInit    = "init"
	wordWait    = "wait"
	wordRun     = "run"
	wordSuccess = "success"
	wordFailure = "failure"

	day = 24 * time.Hour
	// defaultLookBack is the vendor's "query create time should not before 3
	// days"; its English page says 7.
	defaultLookBack = 3 * day
)

// CDNetworksOptions are the settings of a [CDNetworks]. The zero value knows no
// user, so it refuses every call.
type CDNetworksOptions struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is enforced for each username or access key by itself. The page
	// says 1 in 5 minutes.
	Quota   Quota
	Latency Latency

	// APIKeys holds the API key of each username (Basic authentication).
	APIKeys map[string]string
	// AccessKeys holds the secret key of each access key (AK/SK).
	AccessKeys map[string]string

	// LookBack is how far back a window may start, and how long rows are kept;
	// 0 means 3 days.
	LookBack time.Duration
	// MaxSpan is the longest window. 0 reads the page's "no more than 1 days"
	// as its own example does, which asks from 00:00:00 of one day to 23:59:59
	// of the next: the day of endTime is at most one after the day of
	// startTime.
	MaxSpan time.Duration
	// MaxPageSize is the largest pageSize, above which the answer is "page size
	// error"; 0 means that there is none.
	MaxPageSize int
	// CapPageSize, if set, is the most rows that a page holds: a larger
	// pageSize is lowered without a word but in the echoed pageSize.
	CapPageSize int
	// RefuseTaskAlone refuses an itemId without a window.
	RefuseTaskAlone bool
	// RefuseStatusFilter refuses every status filter.
	RefuseStatusFilter bool
	// IgnoreTimeZone ignores X-Time-Zone: all times are GMT+08:00.
	IgnoreTimeZone bool
	// ThrottleStatus is how a call over the quota is answered. 0 means HTTP 200
	// with Code 0; another HTTP status comes with Retry-After. The page does
	// not tell.
	ThrottleStatus int
}

// CDNetworks is the QueryPrefetchStatus API of CDNetworks (and Wangsu) as an
// [http.Handler]. It is safe for concurrent use.
type CDNetworks struct {
	options CDNetworksOptions
	server  *server
	tasks   *registry
	replays *replays
}

// NewCDNetworks returns a simulator without tasks.
func NewCDNetworks(options CDNetworksOptions) *CDNetworks {
	options.APIKeys = maps.Clone(options.APIKeys)
	options.AccessKeys = maps.Clone(options.AccessKeys)
	if options.LookBack == 0 {
		options.LookBack = defaultLookBack
	}
	return &CDNetworks{
		options: options,
		server:  newServer(options.Now, options.Quota, options.Latency),
		tasks:   newRegistry(),
		replays: newReplays(),
	}
}

// Submit gives a task to the vendor, in place of an earlier one of the same ID.
func (s *CDNetworks) Submit(task Task) { s.tasks.submit(task, s.server.now()) }

// Remove makes the vendor forget a task.
func (s *CDNetworks) Remove(id string) { s.tasks.remove(id) }

// Counts is the truth about a task now, whether its rows are visible or not:
// its URLs by the status that a client should report. A task that is not known
// or not created yet has none.
func (s *CDNetworks) Counts(id string) prefetch.Counts {
	task, ok := s.tasks.get(id)
	if !ok {
		return prefetch.Counts{}
	}
	return task.counts(s.server.now(), cdnetworksVocabulary())
}

// Settled is when the last row of a task became visible with a final status;
// false as long as that is not so.
func (s *CDNetworks) Settled(id string) (time.Time, bool) {
	task, ok := s.tasks.get(id)
	if !ok {
		return time.Time{}, false
	}
	return task.settled(s.server.now(), cdnetworksVocabulary())
}

// Stats is what arrived so far.
func (s *CDNetworks) Stats() Stats { return s.server.meter.snapshot() }

// Fault installs a function that may answer requests in place of the vendor;
// nil removes it. Calls that it answers count against the quota.
func (s *CDNetworks) Fault(f FaultFunc) { s.server.setFault(f) }

// ServeHTTP implements [http.Handler].
func (s *CDNetworks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.server.serve(w, r, call{
		identity:  cdnetworksIdentity(r),
		counted:   true,
		answer:    s.answer,
		throttled: s.throttled,
	})
}

func (s *CDNetworks) answer(r *http.Request, body []byte, a arrival) reply {
	switch {
	case r.URL.Path != cdnetworksPath:
		return cdnetworksRefusal{http.StatusNotFound, "no such API", RefusedRoute}.reply(a)
	case r.Method != http.MethodPost:
		return cdnetworksRefusal{http.StatusMethodNotAllowed, "method not allowed", RefusedRoute}.reply(a)
	}
	owner, refused := s.authenticate(r, body, a.at)
	if refused != nil {
		return refused.reply(a)
	}
	location := defaultZone()
	if !s.options.IgnoreTimeZone {
		location = requestedZone(r.Header.Get("X-Time-Zone"))
	}
	question, problem := s.parseQuestion(body, location, a.at)
	if problem != "" {
		return cdnetworksError(problem).reply(a)
	}
	count, rows := s.search(owner, question, a.at)
	return cdnetworksReply(http.StatusOK, a, cdnetworksAnswer{
		Count: count, Code: 1, Message: wordSuccess,
		PageNo: question.pageNo, PageSize: question.pageSize, ResultDetail: rows,
	})
}

func (s *CDNetworks) throttled(a arrival) reply {
	status := s.options.ThrottleStatus
	if status == 0 {
		return cdnetworksRefusal{http.StatusOK, "request is too frequent", RefusedThrottled}.reply(a)
	}
	answer := cdnetworksRefusal{status, "request is too frequent", RefusedThrottled}.reply(a)
	answer.header.Set("Retry-After", strconv.Itoa(wholeSeconds(a.wait)))
	return answer
}

// wholeSeconds rounds up: a caller that obeys must not come too early.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// cdnetworksRefusal is an error in the vendor's form.
type cdnetworksRefusal struct {
	status  int
	message string
	// reason is the key of Stats.Refused.
	reason string
}

// cdnetworksError is one of the errors that the page lists: HTTP 200, Code 0.
func cdnetworksError(message string) cdnetworksRefusal {
	return cdnetworksRefusal{status: http.StatusOK, message: message, reason: message}
}

func (e cdnetworksRefusal) reply(a arrival) reply {
	answer := cdnetworksReply(e.status, a, struct {
		Code    int    `json:"Code"`
		Message string `json:"message"`
	}{Message: e.message})
	answer.refused = e.reason
	return answer
}

// cdnetworksAnswer has the fields of the page's example, in its order.
type cdnetworksAnswer struct {
	Count        int             `json:"count"`
	Code         int             `json:"Code"`
	Message      string          `json:"message"`
	PageNo       int             `json:"pageNo"`
	PageSize     int             `json:"pageSize"`
	ResultDetail []cdnetworksRow `json:"resultDetail"`
}

// cdnetworksRow is one URL. What is not known yet is an empty string.
type cdnetworksRow struct {
	BeginTime  string `json:"beginTime"`
	CreateTime string `json:"createTime"`
	FinishTime string `json:"finishTime"`
	Rate       string `json:"rate"`
	Status     string `json:"status"`
	URL        string `json:"url"`
}

func cdnetworksReply(status int, a arrival, body any) reply {
	header := http.Header{}
	header.Set("Content-Type", cdnetworksContentType)
	header.Set("X-Cnc-Request-Id", fmt.Sprintf("%08x-0000-0000_%d", a.number, a.at.UnixMilli()))
	return reply{status: status, header: header, body: encode(body)}
}

// encode writes JSON as the vendors do: characters of HTML as they are. The
// values are structs of plain fields, which cannot fail to encode.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil
	}
	return b.Bytes()
}

func cdnetworksVocabulary() vocabulary {
	return vocabulary{word: cdnetworksWord, status: cdnetworksStatus}
}

func cdnetworksWord(s prefetch.Status) string {
	switch s {
	case prefetch.Waiting:
		return wordWait
	case prefetch.Running:
		return wordRun
	case prefetch.Succeeded:
		return wordSuccess
	case prefetch.Failed:
		return wordFailure
	case prefetch.Unknown:
	}
	return ""
}

// cdnetworksStatus is what a documented word means, in any letter case: the
// page's own prose and examples differ in it.
func cdnetworksStatus(word string) prefetch.Status {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case wordInit, wordWait:
		return prefetch.Waiting
	case wordRun:
		return prefetch.Running
	case wordSuccess:
		return prefetch.Succeeded
	case wordFailure:
		return prefetch.Failed
	default:
		return prefetch.Unknown
	}
}
