package huaweicloud

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
)

const (
	cdnPath = "/v1.0/cdn/historytasks"

	cdnDay = 24 * time.Hour
	// cdnUnaided is how old a task may be to be found without its create_time.
	cdnUnaided         = 7 * cdnDay
	defaultCDNLookBack = 15 * cdnDay
)

// CDNOptions are the settings of a [CDN]. The zero value knows no credentials, so it
// refuses every call.
type CDNOptions struct {
	// Now is the vendor's clock; nil means time.Now.
	Now func() time.Time
	// Quota is the tenant's, for all of its keys and users together. The pages say 30
	// a second.
	Quota   simulator.Quota
	Latency simulator.Latency

	// DomainID is the id of the only account: the owner of the tasks that are shown. A
	// header X-Domain-Id that names another is refused.
	DomainID string
	// AccessKeys holds the secret key of each access key, SecurityTokens the security
	// token of each that is temporary.
	AccessKeys, SecurityTokens map[string]string
	// StaticTokens are accepted as X-Auth-Token; they do not expire.
	StaticTokens []string
	// IAMUsers holds the password of each "domain/username".
	IAMUsers map[string]string
	// TokenLife is how long an IAM token is valid; 0 means 24 h.
	TokenLife time.Duration
	// EnterpriseProjects, where set, are those that the callers may see: each call must
	// then name one of them, or all.
	EnterpriseProjects []string

	// LookBack is for how long tasks are kept; 0 means 15 days.
	LookBack time.Duration
	// CapPage, if set, is the most that a page holds, whatever page_size says.
	CapPage int
	// EarlyDone says task_done as soon as nothing is processed, even while URLs wait,
	// as the counts of the vendor's own samples have it.
	EarlyDone bool
	// ThrottleStatus is the HTTP status of a call over the quota; 0 means 429. The page
	// does not tell.
	ThrottleStatus int
}

// CDN is the history of refreshing and preheating tasks of Huawei Cloud CDN, and the
// token API of its IAM, as one [http.Handler]. It is safe for concurrent use.
type CDN struct {
	*simulator.Server

	options CDNOptions
	gate    gate
}

// NewCDN returns a simulator without tasks.
func NewCDN(options CDNOptions) *CDN {
	options.LookBack = cmp.Or(options.LookBack, defaultCDNLookBack)
	options.ThrottleStatus = cmp.Or(options.ThrottleStatus, http.StatusTooManyRequests)
	s := simulator.NewServer(options.Now, options.Quota, options.Latency, cdnVocabulary())
	return &CDN{Server: s, options: options, gate: gate{
		accessKeys: maps.Clone(options.AccessKeys), securityTokens: maps.Clone(options.SecurityTokens), users: maps.Clone(options.IAMUsers),
		tokens: newTokens(options.StaticTokens, cmp.Or(options.TokenLife, defaultTokenLife)), issued: s.TokenIssued,
	}}
}

// Submit gives a task to the vendor, in place of an earlier one of the same ID. Its
// creation is known to the millisecond.
func (s *CDN) Submit(task simulator.Task) {
	task = task.AtOnce()
	if task.Created.IsZero() {
		task.Created = s.Now()
	}
	task.Created = task.Created.Truncate(time.Millisecond)
	s.Server.Submit(task)
}

// RevokeTokens makes every token that is accepted now invalid.
func (s *CDN) RevokeTokens() { s.gate.tokens.revoke() }

// ServeHTTP implements [http.Handler].
func (s *CDN) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == iamPath {
		s.Serve(w, r, simulator.Call{Answer: s.gate.answerIAM})
		return
	}
	s.Serve(w, r, simulator.Call{
		Identity: s.options.DomainID, Counted: true, Answer: s.answer,
		Throttled: func(a simulator.Arrival) simulator.Reply {
			return overQuota(s.options.ThrottleStatus, s.options.Quota).reply(a)
		},
	})
}

func (s *CDN) answer(r *http.Request, body []byte, a simulator.Arrival) simulator.Reply {
	id, isDetail := detailOf(r.URL)
	if r.Method != http.MethodGet || !isDetail && r.URL.Path != cdnPath {
		return noSuchAPI().reply(a)
	}
	if refused := s.gate.authenticate(r, "", body, a.At); refused != nil {
		return refused.reply(a)
	}
	query := parameters{values: r.URL.Query()}
	if refused := s.permit(r, query.values.Get("enterprise_project_id")); refused != nil {
		return refused.reply(a)
	}
	page := query.page(s.options.CapPage)
	if !isDetail {
		return s.answerList(&query, page, a)
	}
	return s.answerDetail(id, &query, page, a)
}

// detailOf takes the task's id out of the path of its details.
func detailOf(u *url.URL) (id string, ok bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), cdnPath+"/")
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, "/detail")
	if !ok || rest == "" || strings.Contains(rest, "/") {
		return "", false
	}
	id, err := url.PathUnescape(rest)
	return id, err == nil
}

// permit returns nil for a call that may see the account and the enterprise project.
func (s *CDN) permit(r *http.Request, project string) *refusal {
	if named := r.Header.Get("X-Domain-Id"); named != "" && named != s.options.DomainID {
		return cdnError(http.StatusForbidden, "CDN.0004", "No permission.")
	}
	switch known := s.options.EnterpriseProjects; {
	case known == nil, strings.EqualFold(project, "all"), slices.Contains(known, project):
		return nil
	case project == "":
		return cdnError(http.StatusForbidden, "CDN.0021", "Fine-grained authentication failed.")
	default:
		return cdnError(http.StatusForbidden, "CDN.0020", "The enterprise project is not authorized.")
	}
}

// cdnError is an error of the CDN service. Many come under HTTP 200.
func cdnError(status int, code, message string) *refusal {
	return &refusal{status: status, code: code, message: message, reason: code, nested: true}
}

func cdnVocabulary() simulator.Vocabulary {
	return simulator.Vocabulary{Word: cdnWord, Status: cdnStatus}
}

func cdnWord(s prefetch.Status) string {
	if s == prefetch.Waiting {
		return "waiting"
	}
	return word(s)
}

// cdnStatus is what a documented word means. Only a URL that is refreshed after it was
// preheated is refreshing.
func cdnStatus(word string) prefetch.Status {
	switch strings.ToLower(word) {
	case "waiting":
		return prefetch.Waiting
	case "preheating", "refreshing":
		return prefetch.Running
	default:
		return status(word)
	}
}
