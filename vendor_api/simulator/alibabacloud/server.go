package alibabacloud

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	// lookBack is how far back tasks are shown, and a window may start.
	lookBack = 3 * 24 * time.Hour

	wordComplete   = "Complete"
	wordRefreshing = "Refreshing"
	wordFailed     = "Failed"
	wordPending    = "Pending"

	// originFailed is the usual Description of a URL that failed.
	originFailed = "Origin Return StatusCode 5XX"
)

// Options are the settings of a [Server]. The zero value is CDN and knows no key, so
// it refuses every call.
type Options struct {
	// DCDN: the server is DCDN's, which differs in its names and its largest page.
	DCDN bool
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is enforced for each account, over all of its calls. The pages have 5
	// calls a second for the list and 30 for tasks by their ids.
	Quota   simulator.Quota
	Latency simulator.Latency

	// AccessKeys holds the secret of each access key id, and SecurityTokens the token
	// of those that have one.
	AccessKeys, SecurityTokens map[string]string
	// Accounts is the account that an access key belongs to: the owner of its tasks,
	// whose keys share its quota. Without one it is the access key id.
	Accounts map[string]string

	// CutRows, if set, is the most rows that an answer by id has; TotalCount tells of
	// all. The pages do not say whether there is a limit.
	CutRows int
	// RefuseUnknown answers a question with an id that nobody has by
	// InvalidTaskId.Malformed, in place of leaving it out.
	RefuseUnknown bool
	// Stale shows each task as it was when it was asked for last: the vendor brings it
	// up to date when it is asked.
	Stale bool
	// ThrottleStatus is the HTTP status of a call over the quota; 0 means 503, which
	// CDN's page has. Others have 400.
	ThrottleStatus int
}

// product is what differs between the two.
type product struct {
	version, list, byID, key, host string
	maxPage                        int
	types                          []string
}

func (o *Options) product() product {
	types := []string{"file", "directory", "regex", "preload"}
	if o.DCDN {
		return product{
			version: "2018-01-15", list: "DescribeDcdnRefreshTasks", byID: "DescribeDcdnRefreshTaskById",
			key: "Task", host: "dcdn.aliyuncs.com", maxPage: 50, types: types,
		}
	}
	return product{
		version: "2018-05-10", list: "DescribeRefreshTasks", byID: "DescribeRefreshTaskById",
		key: "CDNTask", host: "cdn.aliyuncs.com", maxPage: 100, types: append(types, "block", "unblock"),
	}
}

// Server is the API of one product as an [http.Handler]. It is safe for concurrent use.
type Server struct {
	*simulator.Server

	options Options
	product product
	nonces  nonces

	mu    sync.Mutex
	asked map[string]time.Time // when a task was asked for last, where that counts
}

// New returns a simulator without tasks.
func New(options Options) *Server {
	options.AccessKeys = maps.Clone(options.AccessKeys)
	options.SecurityTokens = maps.Clone(options.SecurityTokens)
	options.Accounts = maps.Clone(options.Accounts)
	return &Server{
		Server:  simulator.NewServer(options.Now, options.Quota, options.Latency, vocabulary()),
		options: options,
		product: options.product(),
		nonces:  nonces{seen: map[string]time.Time{}},
		asked:   map[string]time.Time{},
	}
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, simulator.Call{
		Identity: s.account(claimedKey(r)), Counted: true, Answer: s.answer, Throttled: s.throttled,
	})
}

// claimedKey is the access key that a call claims to be of.
func claimedKey(r *http.Request) string {
	if claim, ok := simulator.ParseSignature(r.Header.Get("Authorization"), acs3); ok {
		return claim["Credential"]
	}
	return r.URL.Query().Get("AccessKeyId")
}

func (s *Server) account(accessKey string) string {
	if account, ok := s.options.Accounts[accessKey]; ok {
		return account
	}
	return accessKey
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) simulator.Reply {
	q := readSigned(r, body)
	refused := s.authenticate(q, a.At)
	var answer any
	switch {
	case refused != nil:
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		refused = &refusal{http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "This http method is not supported.", simulator.RefusedRoute}
	case r.URL.Path != "/" || q.version != s.product.version:
		refused = &refusal{http.StatusNotFound, "InvalidVersion", "Specified parameter Version is not valid.", simulator.RefusedRoute}
	case q.action == s.product.list:
		answer, refused = s.list(q, a)
	case q.action == s.product.byID:
		answer, refused = s.byID(q, a)
	default:
		refused = &refusal{http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found.", simulator.RefusedRoute}
	}
	if refused != nil {
		return s.refuse(*refused, a)
	}
	return reply(http.StatusOK, a, answer)
}

func (s *Server) throttled(a simulator.Arrival) simulator.Reply {
	status, code := http.StatusServiceUnavailable, "Throttling"
	if s.options.ThrottleStatus != 0 {
		status, code = s.options.ThrottleStatus, "Throttling.User"
	}
	answer := s.refuse(refusal{status, code, "Request was denied due to request throttling.", simulator.RefusedThrottled}, a)
	const roundUp = time.Millisecond - 1 // who obeys must not come too early
	left := (a.Wait + roundUp).Milliseconds()
	answer.Header.Set("X-Ratelimit-User-Api", fmt.Sprintf("Limit:%d,Remain:0,TimeLeft:%d,Reset:%d",
		s.options.Quota.Calls, left, a.At.Add(a.Wait).UnixMilli()))
	return answer
}

// refusal is an error in the vendor's form.
type refusal struct {
	status        int
	code, message string
	// reason is the key of Stats.Refused.
	reason string
}

// invalid is one of the errors that the pages list.
func invalid(code, message string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, message: message, reason: code}
}

func (s *Server) refuse(e refusal, a simulator.Arrival) simulator.Reply {
	answer := reply(e.status, a, struct {
		RequestID string `json:"RequestId"`
		HostID    string `json:"HostId"`
		Code      string
		Message   string
		Recommend string
	}{requestID(a), s.product.host, e.code, e.message, "https://api.alibabacloud.com/troubleshoot?q=" + e.code})
	answer.Refused = e.reason
	return answer
}

func requestID(a simulator.Arrival) string {
	return fmt.Sprintf("%08X-0000-4000-8000-%012X", a.Number, a.At.UnixMilli())
}

func reply(status int, a simulator.Arrival, body any) simulator.Reply {
	header := http.Header{}
	header.Set("Content-Type", "application/json;charset=utf-8")
	header.Set("X-Acs-Request-Id", requestID(a))
	return simulator.Reply{Status: status, Header: header, Body: simulator.EncodeJSON(body)}
}

func vocabulary() simulator.Vocabulary {
	return simulator.Vocabulary{Word: word, Status: status}
}

func word(s prefetch.Status) string {
	switch s {
	case prefetch.Waiting:
		return wordPending
	case prefetch.Running:
		return wordRefreshing
	case prefetch.Succeeded:
		return wordComplete
	case prefetch.Failed:
		return wordFailed
	case prefetch.Unknown:
	}
	return ""
}

// status is what a word of the pages means, in letters of any case.
func status(word string) prefetch.Status {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "pending":
		return prefetch.Waiting
	case "refreshing":
		return prefetch.Running
	case "complete":
		return prefetch.Succeeded
	case "failed", "timeout", "canceled":
		return prefetch.Failed
	default:
		return prefetch.Unknown
	}
}
