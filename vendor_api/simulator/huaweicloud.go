package simulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
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

// HuaweicloudOptions are the settings of a [Huaweicloud]. The zero value knows
// no credentials, so it refuses every call.
type HuaweicloudOptions struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is enforced for each project by itself. The page says 100 a minute.
	Quota   Quota
	Latency Latency

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

// Huaweicloud is the prefetch query of Huawei Cloud VOD and the token API of
// its IAM, as one [http.Handler]. It is safe for concurrent use.
type Huaweicloud struct {
	options HuaweicloudOptions
	server  *server
	tasks   *registry
	tokens  *tokens
}

// NewHuaweicloud returns a simulator without tasks.
func NewHuaweicloud(options HuaweicloudOptions) *Huaweicloud {
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
	return &Huaweicloud{
		options: options,
		server:  newServer(options.Now, options.Quota, options.Latency),
		tasks:   newRegistry(),
		tokens:  newTokens(options.StaticTokens, options.TokenLife),
	}
}

// Submit gives a task to the vendor, in place of an earlier one of the same ID.
func (s *Huaweicloud) Submit(task Task) {
	task.URLs = slices.Clone(task.URLs)
	for i := range task.URLs {
		task.URLs[i].Appears = 0 // this vendor shows every row at once
	}
	s.tasks.submit(task, s.server.now())
}

// Remove makes the vendor forget a task.
func (s *Huaweicloud) Remove(id string) { s.tasks.remove(id) }

// Counts is the truth about a task now: its URLs by the status that a client
// should report. This vendor has one word, processing, for what waits and what
// runs: both count as running.
func (s *Huaweicloud) Counts(id string) prefetch.Counts {
	task, ok := s.tasks.get(id)
	if !ok {
		return prefetch.Counts{}
	}
	return task.counts(s.server.now(), huaweicloudVocabulary())
}

// Settled is when the last URL of a task became final; false as long as that
// is not so.
func (s *Huaweicloud) Settled(id string) (time.Time, bool) {
	task, ok := s.tasks.get(id)
	if !ok {
		return time.Time{}, false
	}
	return task.settled(s.server.now(), huaweicloudVocabulary())
}

// Stats is what arrived so far.
func (s *Huaweicloud) Stats() Stats { return s.server.meter.snapshot() }

// Fault installs a function that may answer requests, IAM's included, in place
// of the vendor; nil removes it. Calls that it answers count against the quota.
func (s *Huaweicloud) Fault(f FaultFunc) { s.server.setFault(f) }

// RevokeTokens makes every token that is accepted now invalid, the static ones
// included, as a change of the user's password does.
func (s *Huaweicloud) RevokeTokens() { s.tokens.revoke() }

// ServeHTTP implements [http.Handler].
func (s *Huaweicloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == iamPath {
		s.server.serve(w, r, call{answer: s.answerIAM})
		return
	}
	project, _ := preheatingProject(r.URL.Path)
	s.server.serve(w, r, call{
		identity:  project,
		counted:   true,
		answer:    s.answer,
		throttled: s.throttled,
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

func (s *Huaweicloud) answer(r *http.Request, body []byte, a arrival) reply {
	project, ok := preheatingProject(r.URL.Path)
	if !ok || r.Method != http.MethodGet {
		return gatewayError(http.StatusNotFound, "APIGW.0101",
			"The API does not exist or has not been published in the environment", RefusedRoute).reply(a)
	}
	if refused := s.authenticate(r, project, body, a.at); refused != nil {
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
func (s *Huaweicloud) projectMatches(r *http.Request, project string) bool {
	if named := r.Header.Get("X-Project-Id"); named != "" && named != project {
		return false
	}
	return s.options.Projects == nil || slices.Contains(s.options.Projects, project)
}

func (s *Huaweicloud) answerTask(project, id string, a arrival) reply {
	answer := preheatingAnswer{Results: []preheatingResult{}}
	task, ok := s.tasks.get(id)
	if ok && task.Owner == project && !a.at.Before(task.Created) {
		for i := range task.URLs {
			word := task.URLs[i].wordAt(task.Created, a.at, huaweicloudVocabulary())
			answer.Results = append(answer.Results, preheatingResult{URL: task.URLs[i].URL, Status: word})
		}
	} else if s.options.UnknownTask == UnknownTaskError {
		return vodError(http.StatusBadRequest, "VOD.10062",
			"The media asset or resource does not exist.").reply(a)
	}
	return huaweicloudReply(s.options.SuccessStatus, a, answer)
}

func (s *Huaweicloud) throttled(a arrival) reply {
	message := fmt.Sprintf("The throttling threshold has been reached: policy user over ratelimit,limit:%d,time:%v",
		s.options.Quota.Calls, s.options.Quota.Per)
	return gatewayError(s.options.ThrottleStatus, "APIGW.0308", message, RefusedThrottled).reply(a)
}

// preheatingAnswer is the answer of the page, which has nothing else.
type preheatingAnswer struct {
	Results []preheatingResult `json:"preheating_results"`
}

type preheatingResult struct {
	URL    string `json:"url"`
	Status string `json:"status"`
}

// huaweicloudRefusal is an error in the vendor's form. The gateway's errors
// carry a request id in the body as well.
type huaweicloudRefusal struct {
	status        int
	code, message string
	// reason is the key of Stats.Refused.
	reason  string
	gateway bool
}

// vodError is an error of the VOD service itself.
func vodError(status int, code, message string) *huaweicloudRefusal {
	return &huaweicloudRefusal{status: status, code: code, message: message, reason: code}
}

// gatewayError is an error of the gateway in front of every service.
func gatewayError(status int, code, message, reason string) *huaweicloudRefusal {
	return &huaweicloudRefusal{status: status, code: code, message: message, reason: reason, gateway: true}
}

func wrongProject() *huaweicloudRefusal {
	return vodError(http.StatusForbidden, "VOD.10057", "The tenant or project ID check failed.")
}

func (e *huaweicloudRefusal) reply(a arrival) reply {
	body := struct {
		Code      string `json:"error_code"`
		Message   string `json:"error_msg"`
		RequestID string `json:"request_id,omitempty"`
	}{Code: e.code, Message: e.message}
	if e.gateway {
		body.RequestID = requestID(a)
	}
	answer := huaweicloudReply(e.status, a, body)
	answer.refused = e.reason
	return answer
}

func huaweicloudReply(status int, a arrival, body any) reply {
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("X-Request-ID", requestID(a))
	return reply{status: status, header: header, body: encode(body)}
}

func requestID(a arrival) string { return fmt.Sprintf("%032x", a.number) }

func huaweicloudVocabulary() vocabulary {
	return vocabulary{word: huaweicloudWord, status: huaweicloudStatus}
}

func huaweicloudWord(s prefetch.Status) string {
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

// huaweicloudStatus is what a documented word means, in any letter case: the
// SDK's constants are upper case, the pages' examples lower.
func huaweicloudStatus(word string) prefetch.Status {
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
