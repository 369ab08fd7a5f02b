package huaweicloud_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

const (
	cdnHost = "cdn.myhuaweicloud.com"
	cdnPath = "/v1.0/cdn/historytasks"
	domain  = "0123456789abcdef0123456789abcdef"
)

// newCDN has one prefetch of five URLs, one that is done, and a refresh.
func newCDN(now func() time.Time, change func(*simhuaweicloud.CDNOptions)) *simhuaweicloud.CDN {
	o := simhuaweicloud.CDNOptions{
		Now: now, DomainID: domain, AccessKeys: map[string]string{"AKEXAMPLE": "SKEXAMPLE"}, StaticTokens: []string{"static"},
		IAMUsers: map[string]string{"corp/ops": "p\"w"},
	}
	if change != nil {
		change(&o)
	}
	s := simhuaweicloud.NewCDN(o)
	began := simulatortest.Epoch()
	s.Submit(simulator.Task{ID: "123456789", Owner: domain, Created: began, URLs: []simulator.URLPlan{
		{URL: "a", Wait: 2 * time.Minute},
		{URL: "b", Fetch: time.Minute},
		{URL: "c", Fetch: time.Minute, Fails: true},
		{URL: "d", Fetch: time.Minute, Fails: true, Reason: "INNER_ERROR: no node"},
		{URL: "e", Word: "refreshing"},
	}})
	s.Submit(simulator.Task{ID: "a b/+é", Owner: domain, Created: began.Add(1234567 * time.Microsecond), URLs: simulatortest.URLs(2, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "purge", Owner: domain, Created: began.Add(2 * time.Second), Purge: true, URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "foreign", Owner: "ffff", Created: began, URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	s.Submit(simulator.Task{ID: "future", Owner: domain, Created: began.Add(24 * time.Hour), URLs: simulatortest.URLs(1, simulator.URLPlan{})})
	return s
}

// askCDN asks with a token.
func askCDN(t *testing.T, s *simhuaweicloud.CDN, target string, header map[string]string) simulatortest.Answer {
	t.Helper()
	return simulatortest.Send(t, s, simulatortest.NewRequest(t, "GET https://"+cdnHost+target, "",
		simulatortest.Changed(map[string]string{"X-Auth-Token": "static"}, header)))
}

// The vectors come from the vendor's SDK and from an independent signer, which agree.
func TestCDNSignatures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		target, signed, signature string
		header                    map[string]string
	}{
		{
			cdnPath + "?end_date=1767311999000&enterprise_project_id=all&page_number=1&page_size=100&start_date=1767225600000&task_type=preheating",
			"x-sdk-date", "ee05b4a99e9a91054f36d3d07ed70ef14d2b8b5750e6d34212b91c4f751b5bcb", nil,
		},
		{
			cdnPath + "/123456789/detail?create_time=1767225600000&page_number=1&page_size=1000&status=failed",
			"x-domain-id;x-sdk-date;x-security-token", "a3dd2861fa0e8e0dbf34db9bc317d8879627ba1b845aaec7b16ddbd5700c2ccd",
			map[string]string{"X-Domain-Id": domain, "X-Security-Token": "TOKEN"},
		},
		{
			cdnPath + "/123456789/detail", "host;x-sdk-date", "03e9fd6d07498c10b092c771e4e4eb4b347563f9643a93589abd516ec1b01c4d",
			map[string]string{"Host": cdnHost},
		},
	} {
		s := newCDN(simulatortest.Epoch, func(o *simhuaweicloud.CDNOptions) {
			if tt.header["X-Security-Token"] != "" {
				o.SecurityTokens = map[string]string{"AKEXAMPLE": "TOKEN"}
			}
		})
		header := simulatortest.Changed(map[string]string{
			"X-Auth-Token": "", "X-Sdk-Date": "20260101T000000Z",
			"Authorization": "SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=" + tt.signed + ", Signature=" + tt.signature,
		}, tt.header)
		if got := askCDN(t, s, tt.target, header); got.Status != http.StatusOK || strings.Contains(got.Body, "error_code") {
			t.Errorf("%s: %d %s", tt.target, got.Status, got.Body)
		}
		separator := "?"
		if strings.Contains(tt.target, "?") {
			separator = "&"
		}
		checkCDNError(t, askCDN(t, s, tt.target+separator+"url=u", header), http.StatusUnauthorized, "APIGW.0301", "verify aksk signature fail")
	}
}

// checkCDNError checks an error of the gateway, or one of the service, which is within
// an object.
func checkCDNError(t *testing.T, got simulatortest.Answer, status int, code, detail string) {
	t.Helper()
	type told struct {
		Code    string `json:"error_code"`
		Message string `json:"error_msg"`
	}
	var body struct {
		told

		Error told `json:"error"`
	}
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
		t.Fatalf("%s: %v", got.Body, err)
	}
	e := body.Error
	if strings.HasPrefix(code, "APIGW.") {
		e = body.told
	}
	if got.Status != status || e.Code != code || !strings.Contains(e.Message, detail) || got.Header.Get("X-Request-ID") == "" {
		t.Errorf("got %d %s, want %d %s: %s", got.Status, got.Body, status, code, detail)
	}
}

func TestCDNErrors(t *testing.T) {
	t.Parallel()
	const invalid = "The parameter is invalid: "
	now := simulatortest.Epoch().Add(time.Hour)
	ms := func(t time.Time) string { return fmt.Sprint(t.UnixMilli()) }
	for _, tt := range []struct {
		name, target string
		header       map[string]string
		status       int
		code, detail string
	}{
		{"another path", "/v1.0/cdn/quota", nil, 404, "APIGW.0101", "does not exist"},
		{"no id", cdnPath + "//detail", nil, 404, "APIGW.0101", ""},
		{"below the details", cdnPath + "/7/x/detail", nil, 404, "APIGW.0101", ""},
		{"no token", cdnPath, map[string]string{"X-Auth-Token": ""}, 401, "APIGW.0301", "not found"},
		{"another token", cdnPath, map[string]string{"X-Auth-Token": "x"}, 401, "APIGW.0301", "decrypt token fail"},
		{"another account", cdnPath, map[string]string{"X-Domain-Id": "ffff"}, 403, "CDN.0004", ""},
		{"page size alone", cdnPath + "?page_size=10", nil, 400, "CDN.0001", invalid + "page_number"},
		{"page number alone", cdnPath + "?page_number=1", nil, 400, "CDN.0001", invalid + "page_number"},
		{"page size of 10,001", cdnPath + "?page_size=10001&page_number=1", nil, 400, "CDN.0001", invalid + "page_size"},
		{"page 0", cdnPath + "?page_size=1&page_number=0", nil, 400, "CDN.0001", invalid + "page_number"},
		{"page 65,536", cdnPath + "?page_size=1&page_number=65536", nil, 400, "CDN.0001", invalid + "page_number"},
		{"type in capitals", cdnPath + "?task_type=PREHEATING", nil, 400, "CDN.0001", invalid + "task_type"},
		{"time of words", cdnPath + "?start_date=today", nil, 400, "CDN.0001", invalid + "start_date"},
		{"end before start", cdnPath + "?start_date=2000&end_date=1000", nil, 400, "CDN.0001", invalid + "end_date"},
		{"unknown task", cdnPath + "/7/detail", nil, 200, "CDN.0108", "tenant"},
		{"task of another account", cdnPath + "/foreign/detail", nil, 200, "CDN.0108", ""},
		{"task of the future", cdnPath + "/future/detail", nil, 200, "CDN.0108", ""},
		{"task of another time", cdnPath + "/123456789/detail?create_time=" + ms(now), nil, 200, "CDN.0108", ""},
	} {
		s := newCDN(func() time.Time { return now }, nil)
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkCDNError(t, askCDN(t, s, tt.target, tt.header), tt.status, tt.code, tt.detail)
		})
	}
	s := newCDN(simulatortest.Epoch, nil)
	got := simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST https://"+cdnHost+cdnPath, "", nil))
	checkCDNError(t, got, http.StatusNotFound, "APIGW.0101", "")
}

func TestCDNEnterpriseProjects(t *testing.T) {
	t.Parallel()
	s := newCDN(simulatortest.Epoch, func(o *simhuaweicloud.CDNOptions) { o.EnterpriseProjects = []string{"7"} })
	checkCDNError(t, askCDN(t, s, cdnPath, nil), http.StatusForbidden, "CDN.0021", "")
	checkCDNError(t, askCDN(t, s, cdnPath+"?enterprise_project_id=8", nil), http.StatusForbidden, "CDN.0020", "")
	for _, project := range []string{"7", "all", "ALL"} {
		if got := askCDN(t, s, cdnPath+"?enterprise_project_id="+project, nil); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", project, got.Status, got.Body)
		}
	}
}

// cdnTask is a task as the vendor tells it.
type cdnTask struct {
	ID         string   `json:"id"`
	TaskType   string   `json:"task_type"`
	Status     string   `json:"status"`
	Processing int      `json:"processing"`
	Succeed    int      `json:"succeed"`
	Failed     int      `json:"failed"`
	Total      int      `json:"total"`
	CreateTime int64    `json:"create_time"`
	URLs       []cdnURL `json:"urls"`
}

type cdnURL struct {
	URL          string `json:"url"`
	Status       string `json:"status"`
	TaskType     string `json:"task_type"`
	FailClassify string `json:"fail_classify"`
	FailDesc     string `json:"fail_desc"`
}

func TestCDNLists(t *testing.T) {
	t.Parallel()
	const start = 1767225600000 // of the first task
	launch := cdnTask{ID: "123456789", TaskType: "preheating", Status: "task_inprocess", Processing: 1, Succeed: 1, Failed: 2, Total: 5, CreateTime: start}
	two := cdnTask{ID: "a b/+é", TaskType: "preheating", Status: "task_done", Succeed: 2, Total: 2, CreateTime: start + 1234}
	purge := cdnTask{ID: "purge", TaskType: "refresh", Status: "task_done", Succeed: 1, Total: 1, CreateTime: start + 2000}
	for _, tt := range []struct {
		query string
		total int
		want  []cdnTask
	}{
		{"", 3, []cdnTask{purge, two, launch}},
		{"?task_type=preheating", 2, []cdnTask{two, launch}},
		{"?task_type=refresh", 1, []cdnTask{purge}},
		{"?start_date=1767225600001", 2, []cdnTask{purge, two}},
		{"?start_date=1767225601234&end_date=1767225601234", 1, []cdnTask{two}},
		{"?end_date=1767225600000", 1, []cdnTask{launch}},
		{"?page_size=1&page_number=2", 3, []cdnTask{two}},
		{"?page_size=2&page_number=2", 3, []cdnTask{launch}},
		{"?page_size=10000&page_number=65535", 3, []cdnTask{}},
	} {
		s := newCDN(func() time.Time { return simulatortest.Epoch().Add(90 * time.Second) }, nil)
		var got struct {
			Total int       `json:"total"`
			Tasks []cdnTask `json:"tasks"`
		}
		answer := askCDN(t, s, cdnPath+tt.query, nil)
		if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got.Tasks); diff != "" || got.Total != tt.total {
			t.Errorf("%s: %d tasks (-want +got):\n%s", tt.query, got.Total, diff)
		}
	}
	// Old tasks are gone.
	s := newCDN(func() time.Time { return simulatortest.Epoch().Add(15*24*time.Hour + 1500*time.Millisecond) }, nil)
	if got := askCDN(t, s, cdnPath+"?start_date=1767225600000", nil); strings.Contains(got.Body, "123456789") || !strings.Contains(got.Body, "purge") {
		t.Errorf("after 15 days: %s", got.Body)
	}
}

func TestCDNDetails(t *testing.T) {
	t.Parallel()
	launch := cdnTask{ID: "123456789", TaskType: "preheating", CreateTime: 1767225600000, Total: 5}
	with := func(status string, processing, succeed, failed int, urls ...cdnURL) cdnTask {
		task := launch
		task.Status, task.Processing, task.Succeed, task.Failed, task.URLs = status, processing, succeed, failed, urls
		return task
	}
	row := func(url, status string) cdnURL { return cdnURL{URL: url, Status: status, TaskType: "PREHEATING"} }
	after := cdnURL{URL: "e", Status: "refreshing", TaskType: "REFRESH_AFTER_PREHEATING"}
	noFile := cdnURL{URL: "c", Status: "failed", TaskType: "PREHEATING", FailClassify: "ORIGIN_ERROR", FailDesc: "the origin server returned 404"}
	noNode := cdnURL{URL: "d", Status: "failed", TaskType: "PREHEATING", FailClassify: "INNER_ERROR", FailDesc: "no node"}
	for _, tt := range []struct {
		age   time.Duration
		query string
		want  cdnTask
	}{
		{0, "", with("task_inprocess", 4, 0, 0, row("a", "waiting"), row("b", "processing"), row("c", "processing"), row("d", "processing"), after)},
		{time.Minute, "", with("task_inprocess", 1, 1, 2, row("a", "waiting"), row("b", "succeed"), noFile, noNode, after)},
		{time.Minute, "?page_size=3&page_number=2", with("task_inprocess", 1, 1, 2, noNode, after)},
		{2 * time.Minute, "?page_size=1&page_number=1", with("task_inprocess", 1, 2, 2, row("a", "succeed"))},
		{7 * 24 * time.Hour, "?page_size=5&page_number=2", with("task_inprocess", 1, 2, 2)},
		{8 * 24 * time.Hour, "?page_size=4&page_number=2&create_time=1767225600000", with("task_inprocess", 1, 2, 2, after)},
	} {
		s := newCDN(func() time.Time { return simulatortest.Epoch().Add(tt.age) }, nil)
		var got cdnTask
		answer := askCDN(t, s, cdnPath+"/123456789/detail"+tt.query, nil)
		if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.URLs) == 0 {
			got.URLs = nil
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("after %v%s (-want +got):\n%s", tt.age, tt.query, diff)
		}
	}
	for age, query := range map[time.Duration]string{
		7*24*time.Hour + 1:  "",
		15*24*time.Hour + 1: "?create_time=1767225600000",
	} {
		s := newCDN(func() time.Time { return simulatortest.Epoch().Add(age) }, nil)
		checkCDNError(t, askCDN(t, s, cdnPath+"/123456789/detail"+query, nil), http.StatusOK, "CDN.0108", "")
	}
	s := newCDN(simulatortest.Noon, nil)
	if got := askCDN(t, s, cdnPath+"/"+url.PathEscape("a b/+é")+"/detail", nil); !strings.Contains(got.Body, `"total":2`) {
		t.Errorf("an odd id: %s", got.Body)
	}
	if got := askCDN(t, s, cdnPath+"/purge/detail", nil); !strings.Contains(got.Body, `"task_type":"REFRESH"`) {
		t.Errorf("a refresh: %s", got.Body)
	}
}

// The traps that can be set: smaller pages, and a state that comes too early.
func TestCDNVariants(t *testing.T) {
	t.Parallel()
	s := newCDN(simulatortest.Noon, func(o *simhuaweicloud.CDNOptions) {
		o.CapPage, o.EarlyDone = 1, true
		o.Quota = simulator.Quota{Calls: 1, Per: time.Second}
	})
	s.Submit(simulator.Task{ID: "waits", Owner: domain, URLs: simulatortest.URLs(2, simulator.URLPlan{Wait: time.Hour})})
	if got := askCDN(t, s, cdnPath, nil); !strings.Contains(got.Body, `"total":4,"tasks":[{"id":"waits","task_type":"preheating","status":"task_done"`) ||
		strings.Count(got.Body, `"id"`) != 1 {
		t.Errorf("got %s", got.Body)
	}
	checkCDNError(t, askCDN(t, s, cdnPath, nil), http.StatusTooManyRequests, "APIGW.0308", "limit:1,")
	if stats := s.Stats(); stats.OverQuota != 1 || stats.ByIdentity[domain] != 2 {
		t.Errorf("%+v", stats)
	}
}

// CDN is a global service: tokens of an account open it as those of a project do.
func TestCDNTokens(t *testing.T) {
	t.Parallel()
	s := newCDN(simulatortest.Epoch, nil)
	for _, scope := range []string{`{"domain":{"name":"corp"}}`, `{"project":{"name":"cn-north-1"}}`, `{"project":{"id":"7"}}`} {
		issued := simulatortest.Send(t, s, simulatortest.NewRequest(t, "POST "+simulatortest.IAMURL, tokenRequest("corp", "ops", "p\"w", scope), nil))
		header := map[string]string{"X-Auth-Token": issued.Header.Get("X-Subject-Token")}
		if got := askCDN(t, s, cdnPath, header); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", scope, got.Status, got.Body)
		}
		s.RevokeTokens()
		checkCDNError(t, askCDN(t, s, cdnPath, header), http.StatusUnauthorized, "APIGW.0301", "decrypt token fail")
	}
	if stats := s.Stats(); stats.Calls != 6 {
		t.Errorf("%+v", stats)
	}
}
