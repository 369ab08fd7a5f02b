package tencentcloud

import (
	"cmp"
	"math"
	"net/http"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

// Options are the settings of a [Server]. The zero value knows no key, so it refuses
// every call.
type Options struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is what the account has, whatever its keys: the pages say 20 a second.
	Quota   simulator.Quota
	Latency simulator.Latency

	// SecretKeys holds the secret key of each secret id, and Tokens the token of those
	// that are temporary.
	SecretKeys, Tokens map[string]string
	// Zones are the account's, each the Owner of its tasks (EdgeOne).
	Zones []string

	// MaxLimit is the largest Limit, above which a request is refused; 0 means 1000
	// (EdgeOne) or 100 (CDN).
	MaxLimit int
	// CapLimit, if set, is the most rows that a page holds: a larger Limit is lowered
	// without a word.
	CapLimit int
	// NullCount leaves out TotalCount, and the list where it has no rows.
	NullCount bool
	// ThrottleStatus is the HTTP status of a call over the quota; 0 means 200.
	ThrottleStatus int
}

// Server is one action of Tencent Cloud's API, and one account, as an [http.Handler].
// It is safe for concurrent use.
type Server struct {
	*simulator.Server

	options Options
	api     api
}

// api is the action that a server has.
type api struct {
	service, version, action string
	// key is that of the list of rows.
	key string
	// words are those for a status: none for a URL that waits. filters are those that a
	// question can be limited to.
	words   simulator.Vocabulary
	filters []string
	// timeForm is that of the times of a question, those of China where it has no zone.
	timeForm string
	// lookBack is how long rows are kept, and how far back a window may start, and
	// maxSpan the longest window.
	lookBack, maxSpan time.Duration
	maxLimit          int
	// parameter is the code of a parameter that cannot be used, and tooOld that of a
	// window which begins too early.
	parameter, tooOld string
	// parse reads a request, and show makes the rows of an answer.
	parse func(s *Server, body []byte, now time.Time) (question, *simulator.Refusal)
	show  func(rows []simulator.Row) any
}

const (
	day = 24 * time.Hour

	// wordInvalid is that of a URL which failed since it cannot be fetched.
	wordInvalid = "invalid"
)

// NewEdgeOne returns EdgeOne's DescribePrefetchTasks without tasks.
func NewEdgeOne(o Options) *Server {
	const days, rows = 7, 1000
	return newServer(o, api{
		service: "teo", version: "2022-09-01", action: "DescribePrefetchTasks", key: "Tasks",
		words: simulator.Vocabulary{
			Waiting: "processing", Running: "processing", Succeeded: "success", Failed: "failed",
			Others: map[string]prefetch.Status{wordInvalid: prefetch.Failed, "timeout": prefetch.Failed, "canceled": prefetch.Failed},
		},
		filters: []string{"processing", "success", "failed", wordInvalid, "timeout", "canceled"}, timeForm: time.RFC3339,
		lookBack: days * day, maxSpan: days * day, maxLimit: rows,
		parameter: "InvalidParameter.ParameterError", tooOld: "LimitExceeded.QueryTimeLimitExceeded",
		parse: (*Server).parseEdgeOne, show: edgeOneRows,
	})
}

// NewCDN returns CDN's DescribePushTasks without tasks. Purges have an API of their
// own.
func NewCDN(o Options) *Server {
	const days, rows = 30, 100
	return newServer(o, api{
		service: "cdn", version: "2018-06-06", action: "DescribePushTasks", key: "PushLogs",
		words: simulator.Vocabulary{
			Waiting: "process", Running: "process", Succeeded: "done", Failed: "fail",
			Others: map[string]prefetch.Status{wordInvalid: prefetch.Failed},
		},
		filters: []string{"process", "done", "fail", wordInvalid}, timeForm: cdnTime,
		lookBack: days * day, maxSpan: day, maxLimit: rows,
		parameter: "InvalidParameter.CdnParamError", tooOld: "InvalidParameter.CdnStatInvalidDate",
		parse: (*Server).parseCDN, show: cdnRows,
	})
}

func newServer(o Options, a api) *Server {
	o.MaxLimit, o.CapLimit = cmp.Or(o.MaxLimit, a.maxLimit), cmp.Or(o.CapLimit, math.MaxInt)
	s := &Server{options: o, api: a}
	s.Server = simulator.NewServer(simulator.Vendor{
		Now: o.Now, Quota: o.Quota, Latency: o.Latency, Kept: a.lookBack, Vocabulary: a.words,
		Identity: func(*http.Request) string { return "account" },
		Answer:   s.answer, Reply: reply,
		// The vendor's own text, as an event of a cluster has it.
		Throttled: simulator.Refusal{
			Status: o.ThrottleStatus, Code: "RequestLimitExceeded", Reason: simulator.RefusedThrottled,
			Message: "Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second. " +
				"Please reduce the frequency of calls.",
		},
	})
	return s
}

// Submit gives a task to the vendor, in place of an earlier one of the same ID. At
// EdgeOne its Owner is a zone; at CDN it is the account's, whatever its Owner says.
func (s *Server) Submit(task simulator.Task) {
	if len(s.options.Zones) == 0 {
		task.Owner = ""
	}
	s.Server.Submit(task)
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) (any, *simulator.Refusal) {
	switch {
	case r.URL.Path != "/":
		return nil, simulator.NoRoute(0, "InvalidAction", "The request has no such path.")
	case r.Method != http.MethodPost:
		return nil, simulator.NoRoute(0, "UnsupportedProtocol", "The method is not supported.")
	case r.Header.Get("Content-Type") != "application/json":
		return nil, simulator.NoRoute(0, "UnsupportedProtocol", "The content type is not supported.")
	case r.Header.Get("X-Tc-Version") != s.api.version:
		return nil, simulator.NoRoute(0, "NoSuchVersion", "The version does not exist.")
	case r.Header.Get("X-Tc-Action") != s.api.action:
		return nil, simulator.NoRoute(0, "InvalidAction", "The action does not exist.")
	}
	if refused := s.authenticate(r, body, a.At); refused != nil {
		return nil, refused
	}
	q, refused := s.api.parse(s, body, a.At)
	if refused != nil {
		return nil, refused
	}
	count, rows := s.search(&q, a.At)
	// Only the product's own list is in it.
	answer := map[string]any{"TotalCount": count, s.api.key: s.api.show(rows)}
	if s.options.NullCount {
		answer["TotalCount"] = nil
		if len(rows) == 0 {
			answer[s.api.key] = nil
		}
	}
	return answer, nil
}

// reply has errors under HTTP 200.
func reply(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
	response, _ := answer.(map[string]any)
	if refused != nil {
		response = map[string]any{"Error": map[string]string{"Code": refused.Code, "Message": refused.Message}}
	}
	response["RequestId"] = a.ID()
	return simulator.Reply{Header: http.Header{"Content-Type": {"application/json"}}, Body: map[string]any{"Response": response}}
}
