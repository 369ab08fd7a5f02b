package cdnetworks

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"strconv"
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
	used    simulator.Once
}

// New returns a simulator without tasks.
func New(o Options) *Server {
	o.LookBack = cmp.Or(o.LookBack, defaultLookBack)
	o.MaxPageSize, o.CapPageSize = cmp.Or(o.MaxPageSize, math.MaxInt), cmp.Or(o.CapPageSize, math.MaxInt)
	s := &Server{options: o, used: simulator.Once{Within: skew}}
	s.Server = simulator.NewServer(simulator.Vendor{
		Now: o.Now, Quota: o.Quota, Latency: o.Latency, Kept: o.LookBack,
		Vocabulary: simulator.Vocabulary{
			Waiting: wordWait, Running: wordRun, Succeeded: wordSuccess, Failed: wordFailure,
			Others: map[string]prefetch.Status{wordInit: prefetch.Waiting},
		},
		Identity: identity, Answer: s.answer, Reply: reply,
		Throttled: simulator.Refusal{
			Status: o.ThrottleStatus, Message: "request is too frequent", Reason: simulator.RefusedThrottled,
		},
	})
	return s
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) (any, *simulator.Refusal) {
	switch {
	case r.URL.Path != apiPath:
		return nil, simulator.NoRoute(http.StatusNotFound, "", "no such API")
	case r.Method != http.MethodPost:
		return nil, simulator.NoRoute(http.StatusMethodNotAllowed, "", "method not allowed")
	}
	owner, refused := s.authenticate(r, body, a.At)
	if refused != nil {
		return nil, refused
	}
	location := simulator.China()
	if !s.options.IgnoreTimeZone {
		location = requestedZone(r.Header.Get("X-Time-Zone"))
	}
	question, problem := s.parseQuestion(body, location, a.At)
	if problem != "" {
		return nil, &simulator.Refusal{Message: problem}
	}
	return s.search(owner, &question, a.At), nil
}

// reply has Retry-After for a call over the quota that is refused by its status.
func reply(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
	header := http.Header{
		"Content-Type":     {contentType},
		"X-Cnc-Request-Id": {fmt.Sprintf("%08x-0000-0000_%d", a.Number, a.At.UnixMilli())},
	}
	if refused == nil {
		return simulator.Reply{Header: header, Body: answer}
	}
	if a.Over && refused.Status != 0 {
		const roundUp = time.Second - 1 // who obeys must not come too early
		header.Set("Retry-After", strconv.Itoa(int((a.Wait+roundUp)/time.Second)))
	}
	return simulator.Reply{Header: header, Body: struct {
		Code    int    `json:"Code"`
		Message string `json:"message"`
	}{Message: refused.Message}}
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
