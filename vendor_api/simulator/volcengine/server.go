package volcengine

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
	day = 24 * time.Hour
	// keeps is how far back rows can be asked for.
	keeps = 7 * day
	// lifeOfSignature is what X-Expires is where it is not sent.
	lifeOfSignature = 15 * time.Minute

	action  = "DescribeContentTasks"
	version = "2021-03-01"

	wordRunning  = "running"
	wordComplete = "complete"
	wordFailed   = "failed"
)

// Options are the settings of a [Server]. The zero value knows no access key, so it
// refuses every call.
type Options struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is enforced for each access key by itself. The page says 20 a second.
	Quota   simulator.Quota
	Latency simulator.Latency

	// AccessKeys holds the secret key of each access key.
	AccessKeys map[string]string
	// SecurityTokens holds the token of each access key that is a temporary one.
	SecurityTokens map[string]string
	// Region, where set, is the only one that signatures may name, as at BytePlus.
	Region string
	// Skew is how far X-Date may be off; 0 means 15 minutes, which X-Expires changes.
	Skew time.Duration

	// MaxPageSize is the largest PageSize, above which it is an invalid parameter; 0
	// means that there is none.
	MaxPageSize int
	// CapPageSize, if set, is the most rows that a page holds, without a word.
	CapPageSize int
	// OldNames are those of an older SDK: CreatedAt for CreateTime.
	OldNames bool
	// NullData: an answer without rows has no list.
	NullData bool
	// ErrorsUnder200: errors come with HTTP 200, as seen at BytePlus.
	ErrorsUnder200 bool
	// MixesRefreshes: answers hold refreshes too, whatever type is asked for.
	MixesRefreshes bool
}

// Server is DescribeContentTasks as an [http.Handler]. It is safe for concurrent use.
type Server struct {
	*simulator.Server

	options Options
}

// New returns a simulator without tasks.
func New(options Options) *Server {
	options.AccessKeys = maps.Clone(options.AccessKeys)
	options.SecurityTokens = maps.Clone(options.SecurityTokens)
	if options.Skew == 0 {
		options.Skew = lifeOfSignature
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
	s.Serve(w, r, simulator.Call{
		Identity:  claimedKey(r),
		Counted:   true,
		Answer:    s.answer,
		Throttled: s.throttled,
	})
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) simulator.Reply {
	query := r.URL.Query()
	if r.Method != http.MethodPost || r.URL.Path != "/" || query.Get("Action") != action || query.Get("Version") != version {
		return s.refuse(a, refusal{
			http.StatusNotFound, 100008, "InvalidActionOrVersion",
			"Could not find operation " + query.Get("Action") + " for version " + query.Get("Version") + ".", simulator.RefusedRoute,
		})
	}
	owner, refused := s.authenticate(r, body, a.At)
	if refused != nil {
		return s.refuse(a, *refused)
	}
	q, refused := s.parseQuestion(body, a.At)
	if refused != nil {
		return s.refuse(a, *refused)
	}
	total, rows := s.search(owner, q, a.At)
	result := listing{Total: total, PageNum: q.pageNum, PageSize: q.pageSize, Data: rows}
	if len(rows) == 0 && s.options.NullData {
		result.Data = nil
	}
	return newReply(http.StatusOK, a, metadata{}, &result)
}

func (s *Server) throttled(a simulator.Arrival) simulator.Reply {
	return s.refuse(a, refusal{
		http.StatusTooManyRequests, 100018, "FlowLimitExceeded",
		"Request was rejected because the request speed of this openAPI is beyond the current flow control limit.", simulator.RefusedThrottled,
	})
}

// refusal is an error in the vendor's form.
type refusal struct {
	status int
	// number is left out by the service's own errors.
	number        int
	code, message string
	// reason is the key of Stats.Refused.
	reason string
}

func invalid(name, message string) *refusal {
	code := "InvalidParameter"
	if name != "" {
		code += "." + name
	}
	return &refusal{status: http.StatusBadRequest, code: code, message: message, reason: code}
}

func (s *Server) refuse(a simulator.Arrival, e refusal) simulator.Reply {
	status := e.status
	if s.options.ErrorsUnder200 {
		status = http.StatusOK
	}
	reply := newReply(status, a, metadata{Error: &fault{e.number, e.code, e.message}}, nil)
	reply.Refused = e.reason
	return reply
}

type metadata struct {
	RequestID string `json:"RequestId"`
	Action    string `json:"Action"`
	Version   string `json:"Version"`
	Service   string `json:"Service"`
	Region    string `json:"Region"`
	Error     *fault `json:"Error,omitempty"`
}

type fault struct {
	CodeN   int    `json:"CodeN,omitempty"`
	Code    string `json:"Code"`
	Message string `json:"Message"`
}

type listing struct {
	Total    int   `json:"Total"`
	PageNum  int   `json:"PageNum"`
	PageSize int   `json:"PageSize"`
	Data     []row `json:"Data"`
}

// row is one URL.
type row struct {
	URL        string `json:"Url"`
	Status     string `json:"Status"`
	TaskType   string `json:"TaskType"`
	CreateTime int64  `json:"CreateTime,omitempty"`
	CreatedAt  int64  `json:"CreatedAt,omitempty"`
	TaskID     string `json:"TaskID"`
	Process    string `json:"Process"`
	Remark     string `json:"Remark"`
	Layer      string `json:"Layer"`
	Delete     bool   `json:"Delete"`
}

func newReply(status int, a simulator.Arrival, m metadata, result *listing) simulator.Reply {
	m.RequestID = fmt.Sprintf("%s%018X", a.At.UTC().Format("20060102150405"), a.Number)
	m.Action, m.Version, m.Service, m.Region = action, version, "CDN", "cn-north-1"
	header := http.Header{}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return simulator.Reply{Status: status, Header: header, Body: simulator.EncodeJSON(struct {
		Metadata metadata `json:"ResponseMetadata"`
		Result   *listing `json:"Result,omitempty"`
	}{m, result})}
}

func vocabulary() simulator.Vocabulary {
	return simulator.Vocabulary{Word: word, Status: status}
}

// word is what the vendor sends: it has none for a URL that waits.
func word(s prefetch.Status) string {
	switch s {
	case prefetch.Waiting, prefetch.Running:
		return wordRunning
	case prefetch.Succeeded:
		return wordComplete
	case prefetch.Failed:
		return wordFailed
	case prefetch.Unknown:
	}
	return ""
}

func status(word string) prefetch.Status {
	switch strings.ToLower(word) {
	case wordRunning:
		return prefetch.Running
	case wordComplete:
		return prefetch.Succeeded
	case wordFailed:
		return prefetch.Failed
	default:
		return prefetch.Unknown
	}
}
