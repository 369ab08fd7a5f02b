package baiducloud

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	chinaPath  = "/v2/cache/prefetch"
	abroadPath = "/v2/abroad/cache/prefetch"

	day = 24 * time.Hour
	// longest is the longest window, and how long rows are kept.
	longest = 30 * day
	// defaultRows is how many rows of a window an answer has: the page in Chinese says
	// 100, the one in English 1000.
	defaultRows = 100

	wordWaiting    = "waiting"
	wordInProgress = "in-progress"
	wordCompleted  = "completed"
	wordFailed     = "failed"
)

// UnknownTask is how the vendor answers for an id that it does not know, which its pages
// do not tell.
type UnknownTask uint8

const (
	// UnknownTaskEmpty answers without rows.
	UnknownTaskEmpty UnknownTask = iota
	// UnknownTaskNotFound answers HTTP 404.
	UnknownTaskNotFound
	// UnknownTaskInvalid answers HTTP 400 and names the id.
	UnknownTaskInvalid
)

// Options are the settings of a [Server]. The zero value knows no access key, so it
// refuses every call.
type Options struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is enforced for each access key by itself. The pages name none.
	Quota   simulator.Quota
	Latency simulator.Latency

	// AccessKeys holds the secret key of each access key.
	AccessKeys map[string]string
	// SessionTokens holds the token of each access key that is a temporary one.
	SessionTokens map[string]string

	// Rows is how many rows of a window an answer has at most; 0 means 100.
	Rows        int
	UnknownTask UnknownTask
	// ThrottleStatus is the HTTP status of a call over the quota; 0 means 429.
	ThrottleStatus int
	// TaskInList: the task of a row is a list of one, as the page's table has it.
	TaskInList bool
	// Misspelt: rows have finshedAt, as the page in English has it.
	Misspelt bool
	// Begins is when the fetch of a task is to begin, by its id, for those that were
	// submitted for later.
	Begins map[string]time.Time
}

// Server is the query of prefetch tasks as an [http.Handler]. It is safe for concurrent
// use.
type Server struct {
	*simulator.Server

	options Options
}

// New returns a simulator without tasks.
func New(options Options) *Server {
	options.AccessKeys = maps.Clone(options.AccessKeys)
	options.SessionTokens = maps.Clone(options.SessionTokens)
	options.Begins = maps.Clone(options.Begins)
	if options.Rows == 0 {
		options.Rows = defaultRows
	}
	if options.ThrottleStatus == 0 {
		options.ThrottleStatus = http.StatusTooManyRequests
	}
	return &Server{
		options: options,
		Server:  simulator.NewServer(options.Now, options.Quota, options.Latency, vocabulary()),
	}
}

// Submit gives a task to the vendor, in place of an earlier one of the same ID. Its
// owner is an access key.
func (s *Server) Submit(task simulator.Task) {
	s.Server.Submit(task.AtOnce())
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claimed, _ := parse(r.Header.Get("Authorization"))
	s.Serve(w, r, simulator.Call{
		Identity:  claimed.key,
		Counted:   true,
		Answer:    s.answer,
		Throttled: s.throttled,
	})
}

func (s *Server) answer(r *http.Request, _ []byte, a simulator.Arrival) simulator.Reply {
	if r.Method != http.MethodGet || r.URL.Path != chinaPath && r.URL.Path != abroadPath {
		return refuse(a, http.StatusNotFound, "InvalidVersion", "The API version specified was invalid.", simulator.RefusedRoute)
	}
	owner, refused := s.authenticate(r, a.At)
	if refused != nil {
		return refuse(a, refused.status, refused.code, refused.message, simulator.RefusedAuth)
	}
	q, problem := parseQuestion(r.URL, a.At)
	if problem != "" {
		return refuse(a, http.StatusBadRequest, "InvalidHTTPRequest", problem, "InvalidHTTPRequest")
	}
	if q.id != "" {
		return s.answerTask(owner, q, a)
	}
	found, next := s.page(owner, q, a.At)
	return newReply(http.StatusOK, a, listing{Details: found, IsTruncated: next != "", NextMarker: next})
}

// answerTask answers with all rows of a task. A refresh is none of those that are known
// here.
func (s *Server) answerTask(owner string, q question, a simulator.Arrival) simulator.Reply {
	found := []detail{}
	task, ok := s.Task(q.id)
	if ok && task.Owner == owner && !task.Purge && !task.Created.After(a.At) && a.At.Sub(task.Second) <= longest {
		for i := range task.URLs {
			found = append(found, s.detail(task, i, q, a.At))
		}
		return newReply(http.StatusOK, a, listing{Details: found})
	}
	switch s.options.UnknownTask {
	case UnknownTaskNotFound:
		return refuse(a, http.StatusNotFound, "NoSuchTask", "The specified task does not exist.", "NoSuchTask")
	case UnknownTaskInvalid:
		return refuse(a, http.StatusBadRequest, "InvalidParameter", "The task "+q.id+" is not valid.", "InvalidParameter")
	case UnknownTaskEmpty:
	}
	return newReply(http.StatusOK, a, listing{Details: found})
}

func (s *Server) throttled(a simulator.Arrival) simulator.Reply {
	return refuse(a, s.options.ThrottleStatus, "RequestRateLimitExceeded", "Too many requests.", simulator.RefusedThrottled)
}

type listing struct {
	Details     []detail `json:"details"`
	IsTruncated bool     `json:"isTruncated"`
	NextMarker  string   `json:"nextMarker,omitempty"`
}

// detail is one URL. What is not known yet is left out.
type detail struct {
	Status     string `json:"status"`
	CreatedAt  string `json:"createdAt"`
	StartedAt  string `json:"startedAt,omitempty"`
	FinishedAt string `json:"finishedAt,omitempty"`
	FinshedAt  string `json:"finshedAt,omitempty"`
	Progress   *int   `json:"progress,omitempty"`
	// Task is a target, or a list of one.
	Task any `json:"task"`
}

type target struct {
	URL       string `json:"url"`
	StartTime string `json:"startTime,omitempty"`
	Type      string `json:"type,omitempty"`
}

func refuse(a simulator.Arrival, status int, code, message, reason string) simulator.Reply { //nolint:revive // the four parts of an error
	reply := newReply(status, a, struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"requestId"`
	}{code, message, requestID(a)})
	reply.Refused = reason
	return reply
}

func newReply(status int, a simulator.Arrival, body any) simulator.Reply {
	header := http.Header{}
	header.Set("Content-Type", "application/json;charset=UTF-8")
	header.Set("X-Bce-Request-Id", requestID(a))
	return simulator.Reply{Status: status, Header: header, Body: simulator.EncodeJSON(body)}
}

func requestID(a simulator.Arrival) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", a.Number, a.At.UnixMilli())
}

func vocabulary() simulator.Vocabulary {
	return simulator.Vocabulary{Word: word, Status: status}
}

func word(s prefetch.Status) string {
	switch s {
	case prefetch.Waiting:
		return wordWaiting
	case prefetch.Running:
		return wordInProgress
	case prefetch.Succeeded:
		return wordCompleted
	case prefetch.Failed:
		return wordFailed
	case prefetch.Unknown:
	}
	return ""
}

func status(word string) prefetch.Status {
	switch strings.ToLower(word) {
	case wordWaiting:
		return prefetch.Waiting
	case wordInProgress:
		return prefetch.Running
	case wordCompleted:
		return prefetch.Succeeded
	case wordFailed:
		return prefetch.Failed
	default:
		return prefetch.Unknown
	}
}
