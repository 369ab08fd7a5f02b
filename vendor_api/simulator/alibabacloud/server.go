package alibabacloud

import (
	"cmp"
	"fmt"
	"math"
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
	nonces  simulator.Once

	mu    sync.Mutex
	asked map[string]time.Time // when a task was asked for last, where that counts
}

// New returns a simulator without tasks.
func New(o Options) *Server {
	// What could be sent again must not be taken again.
	s := &Server{options: o, product: o.product(), nonces: simulator.Once{Within: 2 * skew}, asked: map[string]time.Time{}}
	s.options.CutRows = cmp.Or(o.CutRows, math.MaxInt)
	throttled := simulator.Refusal{
		Status: http.StatusServiceUnavailable, Code: "Throttling", Message: "Request was denied due to request throttling.",
		Reason: simulator.RefusedThrottled,
	}
	if o.ThrottleStatus != 0 {
		throttled.Status, throttled.Code = o.ThrottleStatus, "Throttling.User"
	}
	s.Server = simulator.NewServer(simulator.Vendor{
		Now: o.Now, Quota: o.Quota, Latency: o.Latency, Kept: lookBack,
		Vocabulary: simulator.Vocabulary{
			Waiting: "Pending", Running: wordRefreshing, Succeeded: wordComplete, Failed: wordFailed,
			Others: map[string]prefetch.Status{"timeout": prefetch.Failed, "canceled": prefetch.Failed},
		},
		Identity: s.identity, Answer: s.answer, Throttled: throttled, Reply: s.reply,
	})
	return s
}

// identity is the account of the access key that a call claims to be of.
func (s *Server) identity(r *http.Request) string {
	if claim, ok := simulator.ParseSignature(r.Header.Get("Authorization"), acs3); ok {
		return s.account(claim["Credential"])
	}
	return s.account(r.URL.Query().Get("AccessKeyId"))
}

func (s *Server) account(accessKey string) string {
	if account, ok := s.options.Accounts[accessKey]; ok {
		return account
	}
	return accessKey
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) (any, *simulator.Refusal) {
	q := readSigned(r, body)
	if refused := s.authenticate(q, a.At); refused != nil {
		return nil, refused
	}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return nil, simulator.NoRoute(http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "This http method is not supported.")
	case r.URL.Path != "/" || q.version != s.product.version:
		return nil, simulator.NoRoute(http.StatusNotFound, "InvalidVersion", "Specified parameter Version is not valid.")
	case q.action == s.product.list:
		return s.list(q, a)
	case q.action == s.product.byID:
		return s.byID(q, a)
	default:
		return nil, simulator.NoRoute(http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found.")
	}
}

func (s *Server) reply(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
	id := requestID(a)
	header := http.Header{"Content-Type": {"application/json;charset=utf-8"}, "X-Acs-Request-Id": {id}}
	if a.Over {
		const roundUp = time.Millisecond - 1 // who obeys must not come too early
		header.Set("X-Ratelimit-User-Api", fmt.Sprintf("Limit:%d,Remain:0,TimeLeft:%d,Reset:%d",
			s.options.Quota.Calls, (a.Wait+roundUp).Milliseconds(), a.At.Add(a.Wait).UnixMilli()))
	}
	if refused != nil {
		answer = struct {
			RequestID string `json:"RequestId"`
			HostID    string `json:"HostId"`
			Code      string
			Message   string
			Recommend string
		}{id, s.product.host, refused.Code, refused.Message, "https://api.alibabacloud.com/troubleshoot?q=" + refused.Code}
	}
	return simulator.Reply{Header: header, Body: answer}
}

func requestID(a simulator.Arrival) string { return strings.ToUpper(a.ID()) }
