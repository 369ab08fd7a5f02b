package huaweicloud

import (
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
	cdnUnaided = 7 * cdnDay
	// cdnLookBack is for how long tasks are kept.
	cdnLookBack = 15 * cdnDay
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
	// EnterpriseProjects, where set, are those that the callers may see: each call must
	// then name one of them, or all.
	EnterpriseProjects []string

	// CapPage, if set, is the most that a page holds, whatever page_size says.
	CapPage int
	// EarlyDone says task_done as soon as nothing is processed, even while URLs wait,
	// as the counts of the vendor's own samples have it.
	EarlyDone bool
}

// CDN is the history of refreshing and preheating tasks of Huawei Cloud CDN, and the
// token API of its IAM, as one [http.Handler]. It is safe for concurrent use.
type CDN struct {
	*simulator.Server
	*gate

	options CDNOptions
}

// NewCDN returns a simulator without tasks.
func NewCDN(o CDNOptions) *CDN {
	s := &CDN{options: o, gate: newGate(o.AccessKeys, o.SecurityTokens, o.IAMUsers, o.StaticTokens)}
	words := vocabulary()
	words.Waiting = wordWaiting
	// Only a URL that is refreshed after it was preheated is refreshing.
	words.Others = map[string]prefetch.Status{"preheating": prefetch.Running, wordRefreshing: prefetch.Running}
	s.Server = simulator.NewServer(simulator.Vendor{
		Now: o.Now, Quota: o.Quota, Latency: o.Latency, Kept: cdnLookBack, Vocabulary: words,
		Identity: func(*http.Request) string { return o.DomainID },
		Free:     isIAM, Answer: s.answer, Throttled: overQuota(o.Quota), Reply: reply,
	})
	return s
}

func (s *CDN) answer(r *http.Request, body []byte, a simulator.Arrival) (any, *simulator.Refusal) {
	if isIAM(r) {
		return s.answerIAM(r, body, a.At)
	}
	id, isDetail := detailOf(r.URL)
	if r.Method != http.MethodGet || !isDetail && r.URL.Path != cdnPath {
		return nil, noSuchAPI()
	}
	if refused := s.authenticate(r, "", body, a.At); refused != nil {
		return nil, refused
	}
	query := parameters{values: r.URL.Query()}
	if refused := s.permit(r, query.values.Get("enterprise_project_id")); refused != nil {
		return nil, refused
	}
	page := query.page(s.options.CapPage)
	if !isDetail {
		return s.answerList(&query, page, a.At)
	}
	return s.answerDetail(id, &query, page, a.At)
}

// detailOf takes the task's id out of the path of its details.
func detailOf(u *url.URL) (id string, ok bool) {
	escaped, ok := between(cdnPath+"/", u.EscapedPath(), "/detail")
	id, err := url.PathUnescape(escaped)
	return id, ok && err == nil
}

// permit returns nil for a call that may see the account and the enterprise project.
func (s *CDN) permit(r *http.Request, project string) *simulator.Refusal {
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
func cdnError(status int, code, message string) *simulator.Refusal {
	return &simulator.Refusal{Status: status, Code: code, Message: message}
}
