package baiducloud

import (
	"cmp"
	"net/http"
	"time"

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

	wordInProgress = "in-progress"
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

// New returns a simulator without tasks. The owner of a task is an access key.
func New(o Options) *Server {
	o.Rows = cmp.Or(o.Rows, defaultRows)
	s := &Server{options: o}
	s.Server = simulator.NewServer(simulator.Vendor{
		Now: o.Now, Quota: o.Quota, Latency: o.Latency, Kept: longest,
		Vocabulary: simulator.Vocabulary{Waiting: "waiting", Running: wordInProgress, Succeeded: "completed", Failed: "failed"},
		Identity: func(r *http.Request) string {
			claimed, _ := parse(r.Header.Get("Authorization"))
			return claimed.key
		},
		Answer: s.answer, Reply: reply,
		Throttled: simulator.Refusal{
			Status: cmp.Or(o.ThrottleStatus, http.StatusTooManyRequests),
			Code:   "RequestRateLimitExceeded", Message: "Too many requests.", Reason: simulator.RefusedThrottled,
		},
	})
	return s
}

func (s *Server) answer(r *http.Request, _ []byte, a simulator.Arrival) (any, *simulator.Refusal) {
	if r.Method != http.MethodGet || r.URL.Path != chinaPath && r.URL.Path != abroadPath {
		return nil, simulator.NoRoute(http.StatusNotFound, "InvalidVersion", "The API version specified was invalid.")
	}
	owner, refused := s.authenticate(r, a.At)
	if refused != nil {
		return nil, refused
	}
	q, problem := parseQuestion(r.URL, a.At)
	if problem != "" {
		return nil, simulator.Invalid("InvalidHTTPRequest", problem)
	}
	if q.id != "" {
		return s.answerTask(owner, &q, a.At)
	}
	return s.page(owner, &q, a.At), nil
}

// answerTask answers with all rows of a task. A refresh is none of those that are known
// here.
func (s *Server) answerTask(owner string, q *question, now time.Time) (any, *simulator.Refusal) {
	l := listing{Details: []detail{}}
	for _, task := range s.Tasks(simulator.Wanted{Owner: owner, ID: q.id, Now: now}) {
		if !task.Purge {
			l.Details = simulator.Show(s.Rows(task, now), func(r simulator.Row) detail { return s.detail(&r, q) })
			return l, nil
		}
	}
	switch s.options.UnknownTask {
	case UnknownTaskNotFound:
		return nil, &simulator.Refusal{Status: http.StatusNotFound, Code: "NoSuchTask", Message: "The specified task does not exist."}
	case UnknownTaskInvalid:
		return nil, simulator.Invalid("InvalidParameter", "The task "+q.id+" is not valid.")
	case UnknownTaskEmpty:
	}
	return l, nil
}

func reply(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
	id := a.ID()
	if refused != nil {
		answer = struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			RequestID string `json:"requestId"`
		}{refused.Code, refused.Message, id}
	}
	return simulator.Reply{
		Header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}, "X-Bce-Request-Id": {id}}, Body: answer,
	}
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
