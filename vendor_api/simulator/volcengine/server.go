package volcengine

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	day = 24 * time.Hour
	// keeps is how far back rows can be asked for.
	keeps = 7 * day
	// lifeOfSignature is what X-Expires is where it is not sent. It is not read here.
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
	// Skew is how far X-Date may be off; 0 means 15 minutes.
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

// New returns a simulator without tasks. The owner of a task is an access key.
func New(o Options) *Server {
	o.Skew = cmp.Or(o.Skew, lifeOfSignature)
	o.MaxPageSize, o.CapPageSize = cmp.Or(o.MaxPageSize, math.MaxInt), cmp.Or(o.CapPageSize, math.MaxInt)
	s := &Server{options: o}
	s.Server = simulator.NewServer(simulator.Vendor{
		Now: o.Now, Quota: o.Quota, Latency: o.Latency,
		// It has no word for a URL that waits.
		Vocabulary: simulator.Vocabulary{Waiting: wordRunning, Running: wordRunning, Succeeded: wordComplete, Failed: wordFailed},
		Identity: func(r *http.Request) string {
			claim, _ := simulator.ParseSignature(r.Header.Get("Authorization"), scheme)
			key, _, _ := strings.Cut(claim["Credential"], "/")
			return key
		},
		Answer: s.answer, Reply: s.reply,
		Throttled: simulator.Refusal{
			Status: http.StatusTooManyRequests, Code: "FlowLimitExceeded", Reason: simulator.RefusedThrottled,
			Message: "Request was rejected because the request speed of this openAPI is beyond the current flow control limit.",
		},
	})
	return s
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) (any, *simulator.Refusal) {
	query := r.URL.Query()
	if r.Method != http.MethodPost || r.URL.Path != "/" || query.Get("Action") != action || query.Get("Version") != version {
		return nil, simulator.NoRoute(http.StatusNotFound, "InvalidActionOrVersion",
			"Could not find operation "+query.Get("Action")+" for version "+query.Get("Version")+".")
	}
	owner, refused := s.authenticate(r, body, a.At)
	if refused != nil {
		return nil, refused
	}
	q, refused := s.parseQuestion(body, a.At)
	if refused != nil {
		return nil, refused
	}
	return s.search(owner, &q, a.At), nil
}

// numbers are those of the errors that have one. The service's own have none.
func numbers() map[string]int {
	return map[string]int{
		"MissingParameter": 100002, "MissingAuthenticationToken": 100003, "MissingSignature": 100005, "InvalidTimestamp": 100006,
		"InvalidActionOrVersion": 100008, "InvalidAccessKey": 100009, "SignatureDoesNotMatch": 100010, "FlowLimitExceeded": 100018,
	}
}

func (s *Server) reply(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
	m := metadata{
		RequestID: fmt.Sprintf("%s%018X", a.At.UTC().Format("20060102150405"), a.Number),
		Action:    action, Version: version, Service: "CDN", Region: "cn-north-1",
	}
	reply := simulator.Reply{Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	if refused != nil {
		m.Error = &fault{numbers()[refused.Code], refused.Code, refused.Message}
		if s.options.ErrorsUnder200 {
			reply.Status = http.StatusOK
		}
	}
	reply.Body = struct {
		Metadata metadata `json:"ResponseMetadata"`
		Result   any      `json:"Result,omitempty"`
	}{m, answer}
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
