package cdnetworks

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	apiPath = "/ccm/fetch/ItemIdQuery"
	// contentType is what the vendor's example answer shows, odd as
	// it is: a client must not rely on it.
	contentType = "charset=utf-8; charset=UTF-8"

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

// Options are the settings of a [Server]. The zero value knows no
// user, so it refuses every call.
type Options struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is enforced for each username or access key by itself. The page
	// says 1 in 5 minutes.
	Quota   simulator.Quota
	Latency simulator.Latency

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

// Server is the QueryPrefetchStatus API of CDNetworks (and Wangsu) as an
// [http.Handler]. It is safe for concurrent use.
type Server struct {
	*simulator.Server

	options Options
	replays *replays
}

// New returns a simulator without tasks.
func New(options Options) *Server {
	options.APIKeys = maps.Clone(options.APIKeys)
	options.AccessKeys = maps.Clone(options.AccessKeys)
	if options.LookBack == 0 {
		options.LookBack = defaultLookBack
	}
	return &Server{
		options: options,
		Server:  simulator.NewServer(options.Now, options.Quota, options.Latency, vocabulary()),
		replays: newReplays(),
	}
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, simulator.Call{
		Identity:  identity(r),
		Counted:   true,
		Answer:    s.answer,
		Throttled: s.throttled,
	})
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) simulator.Reply {
	switch {
	case r.URL.Path != apiPath:
		return refusal{http.StatusNotFound, "no such API", simulator.RefusedRoute}.reply(a)
	case r.Method != http.MethodPost:
		return refusal{http.StatusMethodNotAllowed, "method not allowed", simulator.RefusedRoute}.reply(a)
	}
	owner, refused := s.authenticate(r, body, a.At)
	if refused != nil {
		return refused.reply(a)
	}
	location := defaultZone()
	if !s.options.IgnoreTimeZone {
		location = requestedZone(r.Header.Get("X-Time-Zone"))
	}
	question, problem := s.parseQuestion(body, location, a.At)
	if problem != "" {
		return documented(problem).reply(a)
	}
	count, rows := s.search(owner, question, a.At)
	return newReply(http.StatusOK, a, listing{
		Count: count, Code: 1, Message: wordSuccess,
		PageNo: question.pageNo, PageSize: question.pageSize, ResultDetail: rows,
	})
}

func (s *Server) throttled(a simulator.Arrival) simulator.Reply {
	status := s.options.ThrottleStatus
	if status == 0 {
		return refusal{http.StatusOK, "request is too frequent", simulator.RefusedThrottled}.reply(a)
	}
	answer := refusal{status, "request is too frequent", simulator.RefusedThrottled}.reply(a)
	answer.Header.Set("Retry-After", strconv.Itoa(wholeSeconds(a.Wait)))
	return answer
}

// wholeSeconds rounds up: a caller that obeys must not come too early.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// refusal is an error in the vendor's form.
type refusal struct {
	status  int
	message string
	// reason is the key of Stats.Refused.
	reason string
}

// documented is one of the errors that the page lists: HTTP 200, Code 0.
func documented(message string) refusal {
	return refusal{status: http.StatusOK, message: message, reason: message}
}

func (e refusal) reply(a simulator.Arrival) simulator.Reply {
	answer := newReply(e.status, a, struct {
		Code    int    `json:"Code"`
		Message string `json:"message"`
	}{Message: e.message})
	answer.Refused = e.reason
	return answer
}

// listing has the fields of the page's example, in its order.
type listing struct {
	Count        int    `json:"count"`
	Code         int    `json:"Code"`
	Message      string `json:"message"`
	PageNo       int    `json:"pageNo"`
	PageSize     int    `json:"pageSize"`
	ResultDetail []row  `json:"resultDetail"`
}

// row is one URL. What is not known yet is an empty string.
type row struct {
	BeginTime  string `json:"beginTime"`
	CreateTime string `json:"createTime"`
	FinishTime string `json:"finishTime"`
	Rate       string `json:"rate"`
	Status     string `json:"status"`
	URL        string `json:"url"`
}

func newReply(status int, a simulator.Arrival, body any) simulator.Reply {
	header := http.Header{}
	header.Set("Content-Type", contentType)
	header.Set("X-Cnc-Request-Id", fmt.Sprintf("%08x-0000-0000_%d", a.Number, a.At.UnixMilli()))
	return simulator.Reply{Status: status, Header: header, Body: simulator.EncodeJSON(body)}
}

func vocabulary() simulator.Vocabulary {
	return simulator.Vocabulary{Word: word, Status: status}
}

func word(s prefetch.Status) string {
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

// status is what a documented word means, in any letter case: the
// page's own prose and examples differ in it.
func status(word string) prefetch.Status {
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
