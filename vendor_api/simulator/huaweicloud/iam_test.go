package huaweicloud_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

func newIAM(now func() time.Time) *simhuaweicloud.Server {
	s := simhuaweicloud.New(simhuaweicloud.Options{
		Now:          now,
		IAMUsers:     map[string]string{"corp/ops": "p\"w"},
		StaticTokens: []string{"static"},
		Quota:        simulator.Quota{Calls: 100, Per: time.Minute},
	})
	s.Submit(simulator.Task{ID: "t", Owner: simulatortest.Project, URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	return s
}

func queryWithToken(t *testing.T, s *simhuaweicloud.Server, token string) simulatortest.Answer {
	t.Helper()
	return simulatortest.Send(t, s, simulatortest.NewRequest(t,
		"GET https://"+simulatortest.VODHost+"/v1.0/"+simulatortest.Project+"/asset/preheating?task_id=t", "", map[string]string{"X-Auth-Token": token}))
}

func issue(t *testing.T, s *simhuaweicloud.Server, scope string) simulatortest.Answer {
	t.Helper()
	return simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.IAMURL, tokenRequest("corp", "ops", "p\"w", scope), nil))
}

func TestIAMToken(t *testing.T) {
	t.Parallel()
	now := simulatortest.NewClock(simulatortest.Epoch())
	s := newIAM(now.Now)
	got := issue(t, s, `{"project":{"id":"`+simulatortest.Project+`"}}`)
	if got.Status != http.StatusCreated {
		t.Fatalf("status %d: %s", got.Status, got.Body)
	}
	var body struct {
		Token struct {
			Methods   []string  `json:"methods"`
			ExpiresAt time.Time `json:"expires_at"`
			IssuedAt  time.Time `json:"issued_at"`
		} `json:"token"`
	}
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
		t.Fatal(err)
	}
	if !body.Token.IssuedAt.Equal(simulatortest.Epoch()) || !body.Token.ExpiresAt.Equal(simulatortest.Epoch().Add(24*time.Hour)) {
		t.Errorf("times %v", body.Token)
	}
	token := got.Header.Get("X-Subject-Token")
	if strings.Contains(got.Body, token) {
		t.Error("the token is in the body, too")
	}
	if got := queryWithToken(t, s, token); got.Status != http.StatusAccepted {
		t.Errorf("query: %d %s", got.Status, got.Body)
	}
	now.Add(24*time.Hour - 1)
	if got := queryWithToken(t, s, token); got.Status != http.StatusAccepted {
		t.Errorf("just before the end: %d %s", got.Status, got.Body)
	}
	now.Add(1)
	checkVODError(t, queryWithToken(t, s, token), vodWant{http.StatusUnauthorized, "APIGW.0301"}, "decrypt token fail")

	stats := s.Stats()
	if stats.Calls != 3 || stats.ByIdentity[simulatortest.Project] != 3 {
		t.Errorf("stats %+v", stats)
	}
	if again := issue(t, s, `{"project":{"id":"`+simulatortest.Project+`"}}`).Header.Get("X-Subject-Token"); again == token {
		t.Error("the same token twice")
	}
}

func TestIAMScope(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scope string
		status      int
	}{
		{"the project", `{"project":{"id":"` + simulatortest.Project + `"}}`, http.StatusAccepted},
		{"the region's project", `{"project":{"name":"cn-north-4"}}`, http.StatusAccepted},
		{"another project", `{"project":{"id":"ffff"}}`, http.StatusForbidden},
		{"a domain", `{"domain":{"name":"corp"}}`, http.StatusForbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newIAM(simulatortest.Epoch)
			token := issue(t, s, test.scope).Header.Get("X-Subject-Token")
			got := queryWithToken(t, s, token)
			if got.Status != test.status {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
			if test.status == http.StatusForbidden {
				checkVODError(t, got, vodWant{http.StatusForbidden, "VOD.10057"}, "")
			}
		})
	}
}

func TestIAMRefuses(t *testing.T) {
	t.Parallel()
	scope := `{"project":{"id":"` + simulatortest.Project + `"}}`
	tests := []struct {
		name, method, body string
		status             int
	}{
		{"password", http.MethodPost, tokenRequest("corp", "ops", "wrong", scope), 401},
		{"user", http.MethodPost, tokenRequest("corp", "nobody", "", scope), 401},
		{"domain", http.MethodPost, tokenRequest("other", "ops", "p\"w", scope), 401},
		{"method of identity", http.MethodPost, strings.Replace(tokenRequest("corp", "ops", "p\"w", scope), `["password"]`, `["totp"]`, 1), 400},
		{"no JSON", http.MethodPost, "auth=me", 400},
		{"HTTP method", http.MethodGet, "", 405},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newIAM(simulatortest.Epoch)
			got := simulatortest.Send(t, s, simulatortest.NewRequest(t, test.method+" "+simulatortest.IAMURL, test.body, nil))
			if got.Status != test.status || got.Header.Get("X-Subject-Token") != "" {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
			var body struct {
				Error struct {
					Code    int    `json:"code"`
					Message string `json:"message"`
				} `json:"error"`
			}
			if err := json.Unmarshal([]byte(got.Body), &body); err != nil || body.Error.Code != test.status || body.Error.Message == "" {
				t.Errorf("body %s: %v", got.Body, err)
			}
			if stats := s.Stats(); stats.Calls != 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	s := newIAM(simulatortest.Epoch)
	token := issue(t, s, `{"project":{"id":"`+simulatortest.Project+`"}}`).Header.Get("X-Subject-Token")
	for _, accepted := range []string{token, "static"} {
		if got := queryWithToken(t, s, accepted); got.Status != http.StatusAccepted {
			t.Errorf("before: %d %s", got.Status, got.Body)
		}
	}
	s.RevokeTokens()
	for _, revoked := range []string{token, "static"} {
		checkVODError(t, queryWithToken(t, s, revoked), vodWant{http.StatusUnauthorized, "APIGW.0301"}, "decrypt token fail")
	}
	renewed := issue(t, s, `{"project":{"id":"`+simulatortest.Project+`"}}`).Header.Get("X-Subject-Token")
	if got := queryWithToken(t, s, renewed); got.Status != http.StatusAccepted {
		t.Errorf("renewed: %d %s", got.Status, got.Body)
	}
}
