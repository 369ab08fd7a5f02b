package huaweicloud

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
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

func isIAM(r *http.Request) bool { return r.URL.Path == iamPath }

// answerIAM issues a token for a password.
func (g *gate) answerIAM(r *http.Request, body []byte, now time.Time) (any, *simulator.Refusal) {
	if r.Method != http.MethodPost {
		return nil, simulator.NoRoute(http.StatusMethodNotAllowed, "", "Method not allowed.")
	}
	var request iamRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, simulator.Invalid("", "The request body is invalid.")
	}
	auth := request.Auth
	if !slices.Equal(auth.Identity.Methods, []string{"password"}) {
		return nil, simulator.Invalid("", "The authentication method is not supported.")
	}
	user := auth.Identity.Password.User
	password, ok := g.users[user.Domain.Name+"/"+user.Name]
	if !ok || password != user.Password {
		return nil, simulator.Denied(http.StatusUnauthorized, "", "The username or password is wrong.")
	}
	return g.issue(auth.Scope.Project, now), nil
}

// replyIAM has the token in a header, as the page has it, and all that is told of it in
// the body.
func replyIAM(answer any, refused *simulator.Refusal, a simulator.Arrival) simulator.Reply {
	if refused != nil {
		type detail struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Title   string `json:"title"`
		}
		return newReply(a, map[string]detail{"error": {refused.Status, refused.Message, http.StatusText(refused.Status)}})
	}
	type described struct {
		Methods   []string   `json:"methods"`
		ExpiresAt string     `json:"expires_at"`
		IssuedAt  string     `json:"issued_at"`
		Project   iamProject `json:"project"`
	}
	t, _ := answer.(token)
	reply := newReply(a, map[string]described{"token": {
		Methods: []string{"password"}, ExpiresAt: t.expires.UTC().Format(iamTime), IssuedAt: a.At.UTC().Format(iamTime), Project: t.project,
	}})
	reply.Status = http.StatusCreated
	reply.Header.Set("X-Subject-Token", t.value)
	return reply
}

// token is one that was issued, or a static one, which does not expire and opens every
// project.
type token struct {
	value   string
	static  bool
	project iamProject
	expires time.Time
}

// opens reports whether a token is for a project. One that was scoped by the project's
// name is taken to be: the simulator knows no names.
func (t *token) opens(project string) bool {
	return t.static || t.project.ID == project || t.project.ID == "" && t.project.Name != ""
}

// issue makes a token. It is not random: a simulated day must repeat itself. One of a
// domain, which has no project, does not open a service of a project.
func (g *gate) issue(project *iamProject, now time.Time) token {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.tokens, func(_ string, old token) bool { return old.over(now) })
	g.issued++
	t := token{value: "MII" + simulator.HexSHA256(fmt.Appendf(nil, "simulated token %d", g.issued)), expires: now.Add(tokenLife)}
	if project != nil {
		t.project = *project
	}
	g.tokens[t.value] = t
	return t
}

func (t *token) over(now time.Time) bool { return !t.static && !now.Before(t.expires) }

// token is the one of that value, if it is accepted.
func (g *gate) token(value string, now time.Time) (t token, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok = g.tokens[value]
	return t, ok && !t.over(now)
}

// RevokeTokens makes every token that is accepted now invalid, the static ones
// included, as a change of the user's password does.
func (g *gate) RevokeTokens() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.tokens)
}
