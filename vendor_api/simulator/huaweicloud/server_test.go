package huaweicloud_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// vectorTask needs escaping of every kind.
const vectorTask = "a b/+é"

func vectorVOD(now func() time.Time, temporary bool) *simhuaweicloud.Server {
	options := simhuaweicloud.Options{Now: now, AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"}}
	if temporary {
		options.SecurityTokens = map[string]string{"AKEXAMPLE": "TOKEN"}
	}
	s := simhuaweicloud.New(options)
	s.Submit(simulator.Task{ID: vectorTask, Owner: simulatortest.Project, Created: simulatortest.Epoch().Add(-time.Hour), URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	return s
}

// The vectors come from the vendor's SDK and from an independent signer, which
// agree; each tampering changes one thing of them.
func TestSignature(t *testing.T) {
	t.Parallel()
	const (
		path   = "/v1.0/" + simulatortest.Project + "/asset/preheating"
		query  = "?task_id=a%20b%2F%2B%C3%A9"
		plain  = "bf04e1cb90db0dce4b9d76dd274418d57fd6c96afacfef00af1383cfad58258b"
		temp   = "555d47ac27caed43e6ce13be12592231a041d4f5073ac66d218e7580ea3a17f2"
		hosted = "ea6a148aa9bc97b537db009184c4121a886d4f584ec0c61361faf904c2813943"
	)
	authorization := func(signed, signature string) string {
		return "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=" + signed + ", Signature=" + signature
	}
	vector := map[string]string{"X-Sdk-Date": "20260101T000000Z", "Authorization": authorization("x-sdk-date", plain)}
	withToken := map[string]string{
		"X-Project-Id": simulatortest.Project, "X-Security-Token": "TOKEN",
		"Authorization": authorization("x-project-id;x-sdk-date;x-security-token", temp),
	}
	withHost := map[string]string{"Host": simulatortest.VODHost, "Authorization": authorization("host;x-sdk-date", hosted)}
	tests := []struct {
		name      string
		temporary bool
		change    map[string]string
		target    string
		body      string
		offset    time.Duration
		code      string // empty if it must be answered
		detail    string
	}{
		{name: "vector"},
		{name: "vector with security token", temporary: true, change: withToken},
		{name: "vector with host", change: withHost},
		{name: "query escaped otherwise", target: path + "?task_id=a+b/%2b%c3%a9"},
		{name: "late", offset: 15 * time.Minute},
		{name: "too late", offset: 15*time.Minute + time.Second, code: "APIGW.0303", detail: "20260101T001501Z"},
		{name: "too early", offset: -15*time.Minute - time.Second, code: "APIGW.0303"},
		{name: "task", target: path + "?task_id=other", code: "APIGW.0301", detail: "aksk signature"},
		{name: "more query", target: path + query + "&x=", code: "APIGW.0301", detail: "aksk signature"},
		{name: "query with a semicolon", target: path + query + "&a;b", code: "APIGW.0301", detail: "cannot be verified"},
		{name: "project", target: "/v1.0/ffff/asset/preheating" + query, code: "APIGW.0301", detail: "aksk signature"},
		{name: "body", body: "{}", code: "APIGW.0301", detail: "aksk signature"},
		{name: "date", change: map[string]string{"X-Sdk-Date": "20260101T000001Z"}, code: "APIGW.0301", detail: "aksk signature"},
		{name: "date in ISO form", change: map[string]string{"X-Sdk-Date": "2026-01-01T00:00:00Z"}, code: "APIGW.0301", detail: "x-sdk-date"},
		{
			name: "host", change: map[string]string{"Host": "example.com", "Authorization": withHost["Authorization"]},
			code: "APIGW.0301", detail: "aksk signature",
		},
		{
			name: "date not signed", change: map[string]string{"Host": simulatortest.VODHost, "Authorization": authorization("host", hosted)},
			code: "APIGW.0301", detail: "contain x-sdk-date",
		},
		{
			name: "headers not sorted", change: map[string]string{"Host": simulatortest.VODHost, "Authorization": authorization("x-sdk-date;host", hosted)},
			code: "APIGW.0301", detail: "sorted",
		},
		{
			name:   "access key",
			change: map[string]string{"Authorization": strings.Replace(vector["Authorization"], "AKEXAMPLE", "AKOTHER", 1)},
			code:   "APIGW.0301", detail: "verify ak fail",
		},
		{name: "scheme", change: map[string]string{"Authorization": "Bearer x"}, code: "APIGW.0301", detail: "malformed"},
		{name: "temporary key without its token", temporary: true, code: "APIGW.0301", detail: "security token"},
		{
			name: "temporary key with another token", temporary: true,
			change: simulatortest.Changed(withToken, map[string]string{"X-Security-Token": "OTHER"}),
			code:   "APIGW.0301", detail: "security token",
		},
		{
			name: "security token not signed", temporary: true,
			change: map[string]string{"X-Security-Token": "TOKEN"},
			code:   "APIGW.0301", detail: "security token",
		},
		{
			name: "project header of another project", temporary: true,
			change: simulatortest.Changed(withToken, map[string]string{"X-Project-Id": "ffff"}),
			code:   "APIGW.0301", detail: "aksk signature",
		},
		{name: "unsigned simulatortest.Project header of another project", change: map[string]string{"X-Project-Id": "ffff"}, code: "VOD.10057"},
		{name: "no credentials", change: map[string]string{"Authorization": ""}, code: "APIGW.0301", detail: "x-auth-token not found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := vectorVOD(func() time.Time { return simulatortest.Epoch().Add(test.offset) }, test.temporary)
			target := test.target
			if target == "" {
				target = path + query
			}
			got := simulatortest.Send(t, s, simulatortest.NewRequest(t, "GET https://"+simulatortest.VODHost+target, test.body, simulatortest.Changed(vector, test.change)))
			if test.code == "" {
				want := `{"preheating_results":[{"url":"https://example.com/0.mp4","status":"succeed"}]}` + "\n"
				if got.Status != http.StatusAccepted || got.Body != want {
					t.Errorf("got %d %s", got.Status, got.Body)
				}
				return
			}
			status := http.StatusUnauthorized
			if strings.HasPrefix(test.code, "VOD.") {
				status = http.StatusForbidden
			}
			checkVODError(t, got, vodWant{status, test.code}, test.detail)
		})
	}
}

// Parameters are signed in the order of their names and values, and so are the
// values of a header that came more than once.
func TestCanonicalOrder(t *testing.T) {
	t.Parallel()
	const path = "/v1.0/" + simulatortest.Project + "/asset/preheating"
	canonical := "GET\n" + path + "/\n" + "B=&a=x&b=1&b=2&task_id=t\n" +
		"x-a:1\nx-a:2\nx-sdk-date:20260101T000000Z\n\nx-a;x-sdk-date\n" + simulatortest.HexSum("")
	signature := simulatortest.HexMAC("SKEXAMPLE", "SDK-HMAC-SHA256\n20260101T000000Z\n"+simulatortest.HexSum(canonical))
	req := simulatortest.NewRequest(t, "GET https://"+simulatortest.VODHost+path+"?b=2&task_id=t&b=1&a=x&B", "", map[string]string{
		"X-Sdk-Date":    "20260101T000000Z",
		"Authorization": "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=x-a;x-sdk-date, Signature=" + signature,
	})
	req.Header["X-A"] = []string{"2", "1"}
	s := vectorVOD(simulatortest.Epoch, false)
	// The task is not known, so the signature was accepted.
	checkVODError(t, simulatortest.Send(t, s, req), vodWant{http.StatusBadRequest, "VOD.10062"}, "")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const base = "https://" + simulatortest.VODHost + "/v1.0/" + simulatortest.Project
	tests := []struct {
		name   string
		method string
		url    string
		status int
		code   string
	}{
		{name: "no task id", url: base + "/asset/preheating", status: 400, code: "VOD.10053"},
		{name: "unknown task", url: base + "/asset/preheating?task_id=x", status: 400, code: "VOD.10062"},
		{name: "task of another project", url: base + "/asset/preheating?task_id=foreign", status: 400, code: "VOD.10062"},
		{name: "task of the future", url: base + "/asset/preheating?task_id=future", status: 400, code: "VOD.10062"},
		{name: "create", method: http.MethodPost, url: base + "/asset/preheating", status: 404, code: "APIGW.0101"},
		{name: "another path", url: base + "/asset/details", status: 404, code: "APIGW.0101"},
		{name: "no project", url: "https://" + simulatortest.VODHost + "/v1.0//asset/preheating", status: 404, code: "APIGW.0101"},
		{name: "root", url: "https://" + simulatortest.VODHost + "/", status: 404, code: "APIGW.0101"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := simhuaweicloud.New(simhuaweicloud.Options{Now: simulatortest.Epoch, StaticTokens: []string{"token"}})
			s.Submit(simulator.Task{ID: "foreign", Owner: "ffff", URLs: simulatortest.URLs(1, simulator.URLPlan{})})
			s.Submit(simulator.Task{ID: "future", Owner: simulatortest.Project, Created: simulatortest.Epoch().Add(1), URLs: simulatortest.URLs(1, simulator.URLPlan{})})
			method := test.method
			if method == "" {
				method = http.MethodGet
			}
			got := simulatortest.Send(t, s, simulatortest.NewRequest(t, method+" "+test.url, "", map[string]string{"X-Auth-Token": "token"}))
			checkVODError(t, got, vodWant{test.status, test.code}, "")
			if got.Header.Get("X-Request-ID") == "" {
				t.Error("no X-Request-ID")
			}
		})
	}
}

// The vendor's pages are silent on an unknown task: an empty answer can be had, too.
func TestUnknownTask(t *testing.T) {
	t.Parallel()
	s := simhuaweicloud.New(simhuaweicloud.Options{
		Now: simulatortest.Epoch, StaticTokens: []string{"token"}, UnknownTask: simhuaweicloud.UnknownTaskEmpty,
	})
	got := simulatortest.Send(t, s, simulatortest.NewRequest(t,
		"GET https://"+simulatortest.VODHost+"/v1.0/"+simulatortest.Project+"/asset/preheating?task_id=x", "", map[string]string{"X-Auth-Token": "token"}))
	if got.Status != http.StatusAccepted || got.Body != `{"preheating_results":[]}`+"\n" {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if refused := s.Stats().Refused; len(refused) != 0 {
		t.Errorf("refused %v", refused)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	now := simulatortest.NewClock(simulatortest.Epoch())
	s := simhuaweicloud.New(simhuaweicloud.Options{
		Now: now.Now, AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"},
	})
	s.Submit(simulator.Task{ID: "t", Owner: simulatortest.Project, URLs: []simulator.URLPlan{
		{URL: "a", Wait: time.Minute, Fetch: time.Minute},
		{URL: "b?x=1&y=<2>", Fetch: time.Minute, Fails: true},
		{URL: "c", Stuck: true},
		{URL: "d", Word: "PAUSED"},
	}})
	steps := []struct {
		advance time.Duration
		words   string
		counts  prefetch.Counts
	}{
		{0, "processing,processing,processing,PAUSED", prefetch.Counts{0, 3, 0, 0, 1}},
		{time.Minute, "processing,failed,processing,PAUSED", prefetch.Counts{0, 2, 0, 1, 1}},
		{time.Minute, "succeed,failed,processing,PAUSED", prefetch.Counts{0, 1, 1, 1, 1}},
	}
	for i, step := range steps {
		now.Add(step.advance)
		got := simulatortest.Send(t, s, simulatortest.SignedVOD(t, now.Now()))
		var answer struct {
			Results []struct {
				URL    string `json:"url"`
				Status string `json:"status"`
			} `json:"preheating_results"`
		}
		if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
			t.Fatal(err)
		}
		var words, names []string
		for _, r := range answer.Results {
			words, names = append(words, r.Status), append(names, r.URL)
		}
		if joined := strings.Join(words, ","); joined != step.words {
			t.Errorf("step %d: %s", i, joined)
		}
		if diff := cmp.Diff([]string{"a", "b?x=1&y=<2>", "c", "d"}, names); diff != "" {
			t.Error(diff)
		}
		if got := s.Counts("t"); got != step.counts {
			t.Errorf("step %d: counts %v, want %v", i, got, step.counts)
		}
		if at, ok := s.Settled("t"); ok {
			t.Errorf("step %d: settled at %v", i, at)
		}
	}
	s.Submit(simulator.Task{ID: "t", Owner: simulatortest.Project, Created: simulatortest.Epoch(), URLs: simulatortest.URLs(2, simulator.URLPlan{Fetch: time.Minute})})
	if at, ok := s.Settled("t"); !ok || !at.Equal(simulatortest.Epoch().Add(time.Minute)) {
		t.Errorf("settled %v %v", at, ok)
	}
}

// vodWant is an error of the vendor.
type vodWant struct {
	status int
	code   string
}

func TestThrottles(t *testing.T) {
	t.Parallel()
	s := simhuaweicloud.New(simhuaweicloud.Options{
		Now: simulatortest.Epoch, AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"},
		Quota: simulator.Quota{Calls: 1, Per: time.Minute},
	})
	s.Submit(simulator.Task{ID: "t", Owner: simulatortest.Project, URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	if got := simulatortest.Send(t, s, simulatortest.SignedVOD(t, simulatortest.Epoch())); got.Status != http.StatusAccepted {
		t.Fatalf("first: %d %s", got.Status, got.Body)
	}
	checkVODError(t, simulatortest.Send(t, s, simulatortest.SignedVOD(t, simulatortest.Epoch())),
		vodWant{http.StatusTooManyRequests, "APIGW.0308"}, "policy user over ratelimit,limit:1,")
	if stats := s.Stats(); stats.OverQuota != 1 || stats.ByIdentity[simulatortest.Project] != 2 {
		t.Errorf("stats %+v", stats)
	}
}

func checkVODError(t *testing.T, got simulatortest.Answer, want vodWant, detail string) {
	t.Helper()
	var e struct {
		Code      string `json:"error_code"`
		Message   string `json:"error_msg"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(got.Body), &e); err != nil {
		t.Fatalf("body %s: %v", got.Body, err)
	}
	if (vodWant{got.Status, e.Code}) != want || !strings.Contains(e.Message, detail) || e.Message == "" {
		t.Errorf("got %d %s %q, want %v %q", got.Status, e.Code, e.Message, want, detail)
	}
	if gateway := strings.HasPrefix(want.code, "APIGW"); gateway != (e.RequestID != "") {
		t.Errorf("%s with request id %q", want.code, e.RequestID)
	}
}

// tokenRequest is the body of the IAM page's example.
func tokenRequest(domain, user, password, scope string) string {
	return fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"password":%q,"domain":{"name":%q}}}},"scope":%s}}`,
		user, password, domain, scope)
}
