package huaweicloud

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	// tokenLife is how long an IAM token is valid.
	tokenLife = 24 * time.Hour

	wordRunning = "processing"
	wordFailed  = "failed"
)

// UnknownTask is how the vendor answers for a task id that it does not know,
// which its pages do not tell.
type UnknownTask uint8

const (
	// UnknownTaskError answers HTTP 400 with VOD.10062, "media asset or
	// resource does not exist".
	UnknownTaskError UnknownTask = iota
	// UnknownTaskEmpty answers with an empty list.
	UnknownTaskEmpty
)

// Options are the settings of a [Server]. The zero value knows
// no credentials, so it refuses every call.
type Options struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is enforced for each project by itself. The page says 100 a minute.
	Quota   simulator.Quota
	Latency simulator.Latency

	// AccessKeys holds the secret key of each access key.
	AccessKeys map[string]string
	// SecurityTokens holds the security token of each access key that is a
	// temporary one.
	SecurityTokens map[string]string
	// StaticTokens are accepted as X-Auth-Token for every project, as if IAM
	// had issued them elsewhere; they do not expire.
	StaticTokens []string
	// IAMUsers holds the password of each "domain/username".
	IAMUsers map[string]string

	UnknownTask UnknownTask
}

// Server is the prefetch query of Huawei Cloud VOD and the token API of
// its IAM, as one [http.Handler]. Every project exists. It is safe for concurrent use.
type Server struct {
	*simulator.Server
	*gate

	options Options
}

// New returns a simulator without tasks.
func New(o Options) *Server {
	s := &Server{options: o, gate: newGate(o.AccessKeys, o.SecurityTokens, o.IAMUsers, o.StaticTokens)}
	s.Server = simulator.NewServer(simulator.Vendor{
		Now: o.Now, Quota: o.Quota, Latency: o.Latency, Vocabulary: vocabulary(),
		Identity: func(r *http.Request) string {
			project, _ := preheatingProject(r.URL.Path)
			return project
		},
		Free: isIAM, Answer: s.answer, Throttled: overQuota(o.Quota),
		Reply: func(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
			r := reply(answer, refused, a)
			if _, found := answer.(preheatingAnswer); found {
				r.Status = http.StatusAccepted // on older pages; newer ones have 200
			}
			return r
		},
	})
	return s
}

// preheatingProject takes the project id out of the query's path.
func preheatingProject(path string) (string, bool) {
	return between("/v1.0/", path, "/asset/preheating")
}

// between is the one segment of a path that stands between two parts of it.
func between(before, path, after string) (segment string, ok bool) {
	rest, begins := strings.CutPrefix(path, before)
	segment, ends := strings.CutSuffix(rest, after)
	if !begins || !ends || segment == "" || strings.Contains(segment, "/") {
		return "", false
	}
	return segment, true
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) (any, *simulator.Refusal) {
	if isIAM(r) {
		return s.answerIAM(r, body, a.At)
	}
	project, ok := preheatingProject(r.URL.Path)
	if !ok || r.Method != http.MethodGet {
		return nil, noSuchAPI()
	}
	if refused := s.authenticate(r, project, body, a.At); refused != nil {
		return nil, refused
	}
	if named := r.Header.Get("X-Project-Id"); named != "" && named != project {
		return nil, wrongProject()
	}
	id := r.URL.Query().Get("task_id")
	if id == "" {
		return nil, simulator.Invalid("VOD.10053", "The request parameter is illegal, illegal field: {task_id}.")
	}
	tasks := s.Tasks(simulator.Wanted{Owner: project, ID: id, Now: a.At})
	if len(tasks) == 0 && s.options.UnknownTask == UnknownTaskError {
		return nil, simulator.Invalid("VOD.10062", "The media asset or resource does not exist.")
	}
	answer := preheatingAnswer{Results: []preheatingResult{}}
	for _, task := range tasks {
		answer.Results = simulator.Show(s.Rows(task, a.At), func(r simulator.Row) preheatingResult {
			return preheatingResult{URL: r.Plan.URL, Status: r.Word}
		})
	}
	return answer, nil
}

func overQuota(q simulator.Quota) simulator.Refusal {
	return simulator.Refusal{
		Status: http.StatusTooManyRequests, Code: "APIGW.0308", Reason: simulator.RefusedThrottled,
		Message: fmt.Sprintf("The throttling threshold has been reached: policy user over ratelimit,limit:%d,time:%v", q.Calls, q.Per),
	}
}

func noSuchAPI() *simulator.Refusal {
	return simulator.NoRoute(http.StatusNotFound, "APIGW.0101", "The API does not exist or has not been published in the environment")
}

// preheatingAnswer is the answer of the page, which has nothing else.
type preheatingAnswer struct {
	Results []preheatingResult `json:"preheating_results"`
}

type preheatingResult struct {
	URL    string `json:"url"`
	Status string `json:"status"`
}

func wrongProject() *simulator.Refusal {
	return &simulator.Refusal{Status: http.StatusForbidden, Code: "VOD.10057", Message: "The tenant or project ID check failed."}
}

// reply has the errors of the gateway in front of every service, which carry a request
// id in the body as well, those of CDN, which are within an object, and those of VOD.
func reply(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
	_, issued := answer.(token)
	switch {
	case issued || refused != nil && refused.Code == "":
		return replyIAM(answer, refused, a)
	case refused == nil:
		return newReply(a, answer)
	}
	type told struct {
		Code      string `json:"error_code"`
		Message   string `json:"error_msg"`
		RequestID string `json:"request_id,omitempty"`
	}
	body := told{Code: refused.Code, Message: refused.Message}
	switch service, _, _ := strings.Cut(refused.Code, "."); service {
	case "APIGW":
		body.RequestID = requestID(a)
	case "CDN":
		return newReply(a, map[string]told{"error": body})
	}
	return newReply(a, body)
}

func newReply(a simulator.Arrival, body any) simulator.Reply {
	return simulator.Reply{Header: http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {requestID(a)}}, Body: body}
}

func requestID(a simulator.Arrival) string { return fmt.Sprintf("%032x", a.Number) }

// vocabulary is what the services have in common; VOD has no word for what waits.
func vocabulary() simulator.Vocabulary {
	return simulator.Vocabulary{Waiting: wordRunning, Running: wordRunning, Succeeded: "succeed", Failed: wordFailed}
}
