package huaweicloud

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	iamPath = "/v3/auth/tokens"
	// iamTime is the form of a token's times, in UTC.
	iamTime = "2006-01-02T15:04:05.000000Z"
)

// iamRequest is the part of a token request that password authentication uses.
type iamRequest struct {
	Auth struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password struct {
				User struct {
					Name     string `json:"name"`
					Password string `json:"password"`
					Domain   struct {
						Name string `json:"name"`
					} `json:"domain"`
				} `json:"user"`
			} `json:"password"`
		} `json:"identity"`
		Scope struct {
			Project *iamProject `json:"project"`
		} `json:"scope"`
	} `json:"auth"`
}

// iamProject is named by its id, or by its name, which is the region's.
type iamProject struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// answerIAM issues a token for a password.
func (g *gate) answerIAM(r *http.Request, body []byte, a simulator.Arrival) simulator.Reply {
	if r.Method != http.MethodPost {
		return iamError(http.StatusMethodNotAllowed, "Method not allowed.", simulator.RefusedRoute, a)
	}
	var request iamRequest
	if err := json.Unmarshal(body, &request); err != nil {
		const message = "The request body is invalid."
		return iamError(http.StatusBadRequest, message, message, a)
	}
	auth := request.Auth
	if !slices.Equal(auth.Identity.Methods, []string{"password"}) {
		const message = "The authentication method is not supported."
		return iamError(http.StatusBadRequest, message, message, a)
	}
	user := auth.Identity.Password.User
	password, ok := g.users[user.Domain.Name+"/"+user.Name]
	if !ok || password != user.Password {
		return iamError(http.StatusUnauthorized, "The username or password is wrong.", simulator.RefusedAuth, a)
	}
	project := auth.Scope.Project
	if project == nil {
		// A token of a domain does not open a service of a project.
		project = &iamProject{}
	} else if project.ID != "" && g.projects != nil && !slices.Contains(g.projects, project.ID) {
		return iamError(http.StatusUnauthorized, "The project does not exist.", simulator.RefusedAuth, a)
	}
	token, expires := g.tokens.issue(*project, a.At)
	g.issued()
	return iamIssued(token, expires, *project, a)
}

// iamIssued is the answer of the page: the token is in a header, all that is
// told of it in the body.
func iamIssued(token string, expires time.Time, project iamProject, a simulator.Arrival) simulator.Reply {
	type described struct {
		Methods   []string   `json:"methods"`
		ExpiresAt string     `json:"expires_at"`
		IssuedAt  string     `json:"issued_at"`
		Project   iamProject `json:"project"`
	}
	answer := newReply(http.StatusCreated, a, struct {
		Token described `json:"token"`
	}{described{
		Methods:   []string{"password"},
		ExpiresAt: expires.UTC().Format(iamTime),
		IssuedAt:  a.At.UTC().Format(iamTime),
		Project:   project,
	}})
	answer.Header.Set("X-Subject-Token", token)
	return answer
}

func iamError(status int, message, reason string, a simulator.Arrival) simulator.Reply {
	type detail struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Title   string `json:"title"`
	}
	answer := newReply(status, a, struct {
		Error detail `json:"error"`
	}{detail{Code: status, Message: message, Title: http.StatusText(status)}})
	answer.Refused = reason
	return answer
}

// tokens are the values of X-Auth-Token that are accepted.
type tokens struct {
	life time.Duration

	mu     sync.Mutex
	static map[string]struct{}
	issued map[string]issuedToken
	number int
}

type issuedToken struct {
	project iamProject
	expires time.Time
}

func newTokens(static []string, life time.Duration) *tokens {
	t := &tokens{life: life, static: map[string]struct{}{}, issued: map[string]issuedToken{}}
	for _, token := range static {
		t.static[token] = struct{}{}
	}
	return t
}

// issue makes a token. It is not random: a simulated day must repeat itself.
func (t *tokens) issue(project iamProject, now time.Time) (token string, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.issued, func(_ string, old issuedToken) bool { return !now.Before(old.expires) })
	t.number++
	token = "MII" + simulator.HexSHA256(fmt.Appendf(nil, "simulated token %d", t.number))
	expires = now.Add(t.life)
	t.issued[token] = issuedToken{project: project, expires: expires}
	return token, expires
}

// check reports whether a token is accepted, and whether for that project. A
// project that was scoped by its name is taken to be the right one: the
// simulator knows no names.
func (t *tokens) check(token, project string, now time.Time) (valid, rightProject bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.static[token]; ok {
		return true, true
	}
	known, ok := t.issued[token]
	if !ok || !now.Before(known.expires) {
		return false, false
	}
	return true, known.project.ID == project || known.project.ID == "" && known.project.Name != ""
}

func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.static)
	clear(t.issued)
}
