package tencentcloud

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
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

	// LookBack is how long rows are kept, and how far back a window may start; 0 means
	// 7 days (EdgeOne) or 30 (CDN).
	LookBack time.Duration
	// MaxSpan is the longest window; 0 means 7 days (EdgeOne) or 1 (CDN).
	MaxSpan time.Duration
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
	// running, succeeded, failed and invalid are the words for a status; also are other
	// words for failed.
	running, succeeded, failed, invalid string
	also                                []string
	lookBack, maxSpan                   time.Duration
	maxLimit                            int
	// parameter is the code of a parameter that cannot be used, and tooOld that of a
	// window which begins too early.
	parameter, tooOld string
	// parse reads a request, and show makes the rows of an answer.
	parse func(s *Server, body []byte, now time.Time) (question, *refusal)
	show  func(rows []found) any
}

const day = 24 * time.Hour

// NewEdgeOne returns EdgeOne's DescribePrefetchTasks without tasks.
func NewEdgeOne(o Options) *Server {
	const days, rows = 7, 1000
	return newServer(o, api{
		service: "teo", version: "2022-09-01", action: "DescribePrefetchTasks",
		running: "processing", succeeded: "success", failed: "failed", invalid: "invalid", also: []string{"timeout", "canceled"},
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
		service: "cdn", version: "2018-06-06", action: "DescribePushTasks",
		running: "process", succeeded: "done", failed: "fail", invalid: "invalid",
		lookBack: days * day, maxSpan: day, maxLimit: rows,
		parameter: "InvalidParameter.CdnParamError", tooOld: "InvalidParameter.CdnStatInvalidDate",
		parse: (*Server).parseCDN, show: cdnRows,
	})
}

func newServer(o Options, a api) *Server {
	o.SecretKeys, o.Tokens, o.Zones = maps.Clone(o.SecretKeys), maps.Clone(o.Tokens), slices.Clone(o.Zones)
	if o.LookBack == 0 {
		o.LookBack = a.lookBack
	}
	if o.MaxSpan == 0 {
		o.MaxSpan = a.maxSpan
	}
	if o.MaxLimit == 0 {
		o.MaxLimit = a.maxLimit
	}
	v := simulator.Vocabulary{Word: a.word, Status: a.status}
	return &Server{options: o, api: a, Server: simulator.NewServer(o.Now, o.Quota, o.Latency, v)}
}

// Submit gives a task to the vendor, in place of an earlier one of the same ID. At
// EdgeOne its Owner is a zone; at CDN it is the account's, whatever its Owner says.
func (s *Server) Submit(task simulator.Task) {
	if len(s.options.Zones) == 0 {
		task.Owner = ""
	}
	s.Server.Submit(task)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, simulator.Call{Identity: "account", Counted: true, Answer: s.answer, Throttled: s.throttled})
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) simulator.Reply {
	route := func(code, message string) simulator.Reply {
		return refusal{code: code, message: message, reason: simulator.RefusedRoute}.reply(a)
	}
	switch {
	case r.URL.Path != "/":
		return route("InvalidAction", "The request has no such path.")
	case r.Method != http.MethodPost:
		return route("UnsupportedProtocol", "The method is not supported.")
	case r.Header.Get("Content-Type") != "application/json":
		return route("UnsupportedProtocol", "The content type is not supported.")
	case r.Header.Get("X-Tc-Version") != s.api.version:
		return route("NoSuchVersion", "The version does not exist.")
	case r.Header.Get("X-Tc-Action") != s.api.action:
		return route("InvalidAction", "The action does not exist.")
	}
	if refused := s.authenticate(r, body, a.At); refused != nil {
		return refused.reply(a)
	}
	q, refused := s.api.parse(s, body, a.At)
	if refused != nil {
		return refused.reply(a)
	}
	count, rows := s.search(&q, a.At)
	return s.list(count, rows, a)
}

// list is a success. Only the product's own list is in it.
func (s *Server) list(count int, rows []found, a simulator.Arrival) simulator.Reply {
	total, list := any(count), s.api.show(rows)
	if s.options.NullCount {
		total = nil
		if len(rows) == 0 {
			list = nil
		}
	}
	key := map[string]string{"teo": "Tasks", "cdn": "PushLogs"}[s.api.service]
	return newReply(http.StatusOK, map[string]any{"TotalCount": total, key: list, "RequestId": requestID(a)})
}

// throttled is the vendor's own text, as an event of a cluster has it.
func (s *Server) throttled(a simulator.Arrival) simulator.Reply {
	const perSecond = 20
	reply := refusal{
		code: "RequestLimitExceeded", reason: simulator.RefusedThrottled,
		message: fmt.Sprintf("Your current request times equals to `%d` in a second, which exceeds the frequency limit `%d` for a second. "+
			"Please reduce the frequency of calls.", perSecond+1, perSecond),
	}.reply(a)
	if s.options.ThrottleStatus != 0 {
		reply.Status = s.options.ThrottleStatus
	}
	return reply
}

// refusal is an error in the vendor's form, which comes under HTTP 200.
type refusal struct {
	code, message string
	// reason is the key of Stats.Refused; empty for the code.
	reason string
}

func (e refusal) reply(a simulator.Arrival) simulator.Reply {
	reply := newReply(http.StatusOK, map[string]any{
		"Error": map[string]string{"Code": e.code, "Message": e.message}, "RequestId": requestID(a),
	})
	reply.Refused = e.reason
	if e.reason == "" {
		reply.Refused = e.code
	}
	return reply
}

func requestID(a simulator.Arrival) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", a.Number, a.At.UnixMilli())
}

func newReply(status int, response map[string]any) simulator.Reply {
	return simulator.Reply{
		Status: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: simulator.EncodeJSON(map[string]any{"Response": response}),
	}
}

// word is the word for a status; there is none for what waits.
func (a *api) word(s prefetch.Status) string {
	switch s {
	case prefetch.Waiting, prefetch.Running:
		return a.running
	case prefetch.Succeeded:
		return a.succeeded
	case prefetch.Failed:
		return a.failed
	case prefetch.Unknown:
	}
	return ""
}

// status is what a word means, in any letter case: CDN's example has "Done".
func (a *api) status(word string) prefetch.Status {
	word = strings.ToLower(strings.TrimSpace(word))
	switch {
	case word == a.running:
		return prefetch.Running
	case word == a.succeeded:
		return prefetch.Succeeded
	case word == a.failed, word == a.invalid, slices.Contains(a.also, word):
		return prefetch.Failed
	default:
		return prefetch.Unknown
	}
}

// words are those that a question can be limited to.
func (a *api) words() []string {
	return append([]string{a.running, a.succeeded, a.failed, a.invalid}, a.also...)
}
