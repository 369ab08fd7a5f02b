package simulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const iamURL = "https://iam.cn-north-4.myhuaweicloud.com/v3/auth/tokens"

func newIAM(now func() time.Time) *simulator.Huaweicloud {
	s := simulator.NewHuaweicloud(simulator.HuaweicloudOptions{
		Now:          now,
		Projects:     []string{project, "ffff"},
		IAMUsers:     map[string]string{"corp/ops": "p\"w"},
		StaticTokens: []string{"static"},
		TokenLife:    time.Hour,
		Quota:        simulator.Quota{Calls: 100, Per: time.Minute},
	})
	s.Submit(simulator.Task{ID: "t", Owner: project, URLs: urls(1, simulator.URLPlan{})})
	return s
}

func queryWithToken(t *testing.T, s *simulator.Huaweicloud, token string) answer {
	t.Helper()
	return send(t, s, newRequest(t,
		"GET https://"+vodHost+"/v1.0/"+project+"/asset/preheating?task_id=t", "", map[string]string{"X-Auth-Token": token}))
}

func issue(t *testing.T, s *simulator.Huaweicloud, scope string) answer {
	t.Helper()
	return send(t, s, newRequest(t, "POST "+iamURL, tokenRequest("corp", "ops", "p\"w", scope), nil))
}

func TestIAMToken(t *testing.T) {
	t.Parallel()
	now := newClock(epoch())
	s := newIAM(now.Now)
	got := issue(t, s, `{"project":{"id":"`+project+`"}}`)
	if got.status != http.StatusCreated {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	var body struct {
		Token struct {
			Methods   []string  `json:"methods"`
			ExpiresAt time.Time `json:"expires_at"`
			IssuedAt  time.Time `json:"issued_at"`
		} `json:"token"`
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	if !body.Token.IssuedAt.Equal(epoch()) || !body.Token.ExpiresAt.Equal(epoch().Add(time.Hour)) {
		t.Errorf("times %v", body.Token)
	}
	token := got.header.Get("X-Subject-Token")
	if strings.Contains(got.body, token) {
		t.Error("the token is in the body, too")
	}
	if got := queryWithToken(t, s, token); got.status != http.StatusAccepted {
		t.Errorf("query: %d %s", got.status, got.body)
	}
	now.Add(time.Hour - 1)
	if got := queryWithToken(t, s, token); got.status != http.StatusAccepted {
		t.Errorf("just before the end: %d %s", got.status, got.body)
	}
	now.Add(1)
	checkVODError(t, queryWithToken(t, s, token), vodWant{http.StatusUnauthorized, "APIGW.0301"}, "decrypt token fail")

	stats := s.Stats()
	if stats.TokensIssued != 1 || stats.Calls != 3 || stats.ByIdentity[project] != 3 {
		t.Errorf("stats %+v", stats)
	}
	if again := issue(t, s, `{"project":{"id":"`+project+`"}}`).header.Get("X-Subject-Token"); again == token {
		t.Error("the same token twice")
	}
}

func TestIAMScope(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scope string
		status      int
	}{
		{"the project", `{"project":{"id":"` + project + `"}}`, http.StatusAccepted},
		{"the region's project", `{"project":{"name":"cn-north-4"}}`, http.StatusAccepted},
		{"another project", `{"project":{"id":"ffff"}}`, http.StatusForbidden},
		{"a domain", `{"domain":{"name":"corp"}}`, http.StatusForbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newIAM(epoch)
			token := issue(t, s, test.scope).header.Get("X-Subject-Token")
			got := queryWithToken(t, s, token)
			if got.status != test.status {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if test.status == http.StatusForbidden {
				checkVODError(t, got, vodWant{http.StatusForbidden, "VOD.10057"}, "")
			}
		})
	}
}

func TestIAMRefuses(t *testing.T) {
	t.Parallel()
	scope := `{"project":{"id":"` + project + `"}}`
	tests := []struct {
		name, method, body string
		status             int
	}{
		{"password", http.MethodPost, tokenRequest("corp", "ops", "wrong", scope), 401},
		{"user", http.MethodPost, tokenRequest("corp", "nobody", "", scope), 401},
		{"domain", http.MethodPost, tokenRequest("other", "ops", "p\"w", scope), 401},
		{"project", http.MethodPost, tokenRequest("corp", "ops", "p\"w", `{"project":{"id":"none"}}`), 401},
		{"method of identity", http.MethodPost, strings.Replace(tokenRequest("corp", "ops", "p\"w", scope), `["password"]`, `["totp"]`, 1), 400},
		{"no JSON", http.MethodPost, "auth=me", 400},
		{"HTTP method", http.MethodGet, "", 405},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newIAM(epoch)
			got := send(t, s, newRequest(t, test.method+" "+iamURL, test.body, nil))
			if got.status != test.status || got.header.Get("X-Subject-Token") != "" {
				t.Errorf("got %d %s", got.status, got.body)
			}
			var body struct {
				Error struct {
					Code    int    `json:"code"`
					Message string `json:"message"`
				} `json:"error"`
			}
			if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Error.Code != test.status || body.Error.Message == "" {
				t.Errorf("body %s: %v", got.body, err)
			}
			if stats := s.Stats(); stats.TokensIssued != 0 || stats.Calls != 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	s := newIAM(epoch)
	token := issue(t, s, `{"project":{"id":"`+project+`"}}`).header.Get("X-Subject-Token")
	for _, accepted := range []string{token, "static"} {
		if got := queryWithToken(t, s, accepted); got.status != http.StatusAccepted {
			t.Errorf("before: %d %s", got.status, got.body)
		}
	}
	s.RevokeTokens()
	for _, revoked := range []string{token, "static"} {
		checkVODError(t, queryWithToken(t, s, revoked), vodWant{http.StatusUnauthorized, "APIGW.0301"}, "decrypt token fail")
	}
	renewed := issue(t, s, `{"project":{"id":"`+project+`"}}`).header.Get("X-Subject-Token")
	if got := queryWithToken(t, s, renewed); got.status != http.StatusAccepted {
		t.Errorf("renewed: %d %s", got.status, got.body)
	}
}
