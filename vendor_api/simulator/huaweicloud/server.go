package huaweicloud

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

const defaultTokenLife = 24 * time.Hour

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

	// Projects are the project ids that exist; nil means that all do.
	Projects []string
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
	// TokenLife is how long an IAM token is valid; 0 means 24 h.
	TokenLife time.Duration

	// SuccessStatus is the HTTP status of an answer: 202 on older pages, 200 on
	// newer ones; 0 means 202.
	SuccessStatus int
	UnknownTask   UnknownTask
	// ThrottleStatus is the HTTP status of a call over the quota; 0 means 429.
	ThrottleStatus int
}

// Server is the prefetch query of Huawei Cloud VOD and the token API of
// its IAM, as one [http.Handler]. It is safe for concurrent use.
type Server struct {
	*simulator.Server

	options Options
	gate    gate
}

// New returns a simulator without tasks.
func New(options Options) *Server {
	options.Projects = slices.Clone(options.Projects)
	options.AccessKeys = maps.Clone(options.AccessKeys)
	options.SecurityTokens = maps.Clone(options.SecurityTokens)
	options.IAMUsers = maps.Clone(options.IAMUsers)
	if options.TokenLife == 0 {
		options.TokenLife = defaultTokenLife
	}
	if options.SuccessStatus == 0 {
		options.SuccessStatus = http.StatusAccepted
	}
	if options.ThrottleStatus == 0 {
		options.ThrottleStatus = http.StatusTooManyRequests
	}
	s := simulator.NewServer(options.Now, options.Quota, options.Latency, vocabulary())
	return &Server{options: options, Server: s, gate: gate{
		accessKeys: options.AccessKeys, securityTokens: options.SecurityTokens, users: options.IAMUsers, projects: options.Projects,
		tokens: newTokens(options.StaticTokens, options.TokenLife), issued: s.TokenIssued,
	}}
}

// Submit gives a task to the vendor, in place of an earlier one of the same ID.
func (s *Server) Submit(task simulator.Task) {
	s.Server.Submit(task.AtOnce())
}

// RevokeTokens makes every token that is accepted now invalid, the static ones
// included, as a change of the user's password does.
func (s *Server) RevokeTokens() { s.gate.tokens.revoke() }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == iamPath {
		s.Serve(w, r, simulator.Call{Answer: s.gate.answerIAM})
		return
	}
	project, _ := preheatingProject(r.URL.Path)
	s.Serve(w, r, simulator.Call{
		Identity:  project,
		Counted:   true,
		Answer:    s.answer,
		Throttled: s.throttled,
	})
}

// preheatingProject takes the project id out of the query's path.
func preheatingProject(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/v1.0/")
	if !ok {
		return "", false
	}
	project, ok := strings.CutSuffix(rest, "/asset/preheating")
	if !ok || project == "" || strings.Contains(project, "/") {
		return "", false
	}
	return project, true
}

func (s *Server) answer(r *http.Request, body []byte, a simulator.Arrival) simulator.Reply {
	project, ok := preheatingProject(r.URL.Path)
	if !ok || r.Method != http.MethodGet {
		return noSuchAPI().reply(a)
	}
	if refused := s.gate.authenticate(r, project, body, a.At); refused != nil {
		return refused.reply(a)
	}
	if !s.projectMatches(r, project) {
		return wrongProject().reply(a)
	}
	id := r.URL.Query().Get("task_id")
	if id == "" {
		return vodError(http.StatusBadRequest, "VOD.10053",
			"The request parameter is illegal, illegal field: {task_id}.").reply(a)
	}
	return s.answerTask(project, id, a)
}

// projectMatches reports whether the project exists, and is the one of the
// X-Project-Id header where that is sent.
func (s *Server) projectMatches(r *http.Request, project string) bool {
	if named := r.Header.Get("X-Project-Id"); named != "" && named != project {
		return false
	}
	return s.options.Projects == nil || slices.Contains(s.options.Projects, project)
}

func (s *Server) answerTask(project, id string, a simulator.Arrival) simulator.Reply {
	answer := preheatingAnswer{Results: []preheatingResult{}}
	task, ok := s.Task(id)
	if ok && task.Owner == project && !a.At.Before(task.Created) {
		for i := range task.URLs {
			word := task.URLs[i].WordAt(task.Created, a.At, vocabulary())
			answer.Results = append(answer.Results, preheatingResult{URL: task.URLs[i].URL, Status: word})
		}
	} else if s.options.UnknownTask == UnknownTaskError {
		return vodError(http.StatusBadRequest, "VOD.10062",
			"The media asset or resource does not exist.").reply(a)
	}
	return newReply(s.options.SuccessStatus, a, answer)
}

func (s *Server) throttled(a simulator.Arrival) simulator.Reply {
	return overQuota(s.options.ThrottleStatus, s.options.Quota).reply(a)
}

func overQuota(status int, q simulator.Quota) *refusal {
	return gatewayError(status, "APIGW.0308", fmt.Sprintf(
		"The throttling threshold has been reached: policy user over ratelimit,limit:%d,time:%v", q.Calls, q.Per), simulator.RefusedThrottled)
}

func noSuchAPI() *refusal {
	return gatewayError(http.StatusNotFound, "APIGW.0101",
		"The API does not exist or has not been published in the environment", simulator.RefusedRoute)
}

// preheatingAnswer is the answer of the page, which has nothing else.
type preheatingAnswer struct {
	Results []preheatingResult `json:"preheating_results"`
}

type preheatingResult struct {
	URL    string `json:"url"`
	Status string `json:"status"`
}

// refusal is an error in the vendor's form. The gateway's errors
// carry a request id in the body as well.
type refusal struct {
	status        int
	code, message string
	// reason is the key of Stats.Refused.
	reason  string
	gateway bool
	// nested: the body is within an object "error".
	nested bool
}

// vodError is an error of the VOD service itself.
func vodError(status int, code, message string) *refusal {
	return &refusal{status: status, code: code, message: message, reason: code}
}

// gatewayError is an error of the gateway in front of every service.
func gatewayError(status int, code, message, reason string) *refusal {
	return &refusal{status: status, code: code, message: message, reason: reason, gateway: true}
}

func wrongProject() *refusal {
	return vodError(http.StatusForbidden, "VOD.10057", "The tenant or project ID check failed.")
}

// errorBody is an error as it is told.
type errorBody struct {
	Code      string `json:"error_code"`
	Message   string `json:"error_msg"`
	RequestID string `json:"request_id,omitempty"`
}

func (e *refusal) reply(a simulator.Arrival) simulator.Reply {
	body := errorBody{Code: e.code, Message: e.message}
	if e.gateway {
		body.RequestID = requestID(a)
	}
	answer := newReply(e.status, a, body)
	if e.nested {
		answer = newReply(e.status, a, map[string]errorBody{"error": body})
	}
	answer.Refused = e.reason
	return answer
}

func newReply(status int, a simulator.Arrival, body any) simulator.Reply {
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("X-Request-ID", requestID(a))
	return simulator.Reply{Status: status, Header: header, Body: simulator.EncodeJSON(body)}
}

func requestID(a simulator.Arrival) string { return fmt.Sprintf("%032x", a.Number) }

func vocabulary() simulator.Vocabulary {
	return simulator.Vocabulary{Word: word, Status: status}
}

func word(s prefetch.Status) string {
	switch s {
	case prefetch.Waiting, prefetch.Running:
		return "processing"
	case prefetch.Succeeded:
		return "succeed"
	case prefetch.Failed:
		return "failed"
	case prefetch.Unknown:
	}
	return ""
}

// status is what a documented word means, in any letter case: the
// SDK's constants are upper case, the pages' examples lower.
func status(word string) prefetch.Status {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "processing":
		return prefetch.Running
	case "succeed":
		return prefetch.Succeeded
	case "failed":
		return prefetch.Failed
	default:
		return prefetch.Unknown
	}
}
