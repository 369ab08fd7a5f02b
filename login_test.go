package main

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simbaiducloud "prefetch_exporter/vendor_api/simulator/baiducloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
	simtencentcloud "prefetch_exporter/vendor_api/simulator/tencentcloud"
	simvolcengine "prefetch_exporter/vendor_api/simulator/volcengine"
)

// TestEveryWayToLogIn asks each vendor once with each kind of credentials.
func TestEveryWayToLogIn(t *testing.T) {
	t.Parallel()
	urls := []simulator.URLPlan{{URL: "https://example.com/a"}}
	vod := simhuaweicloud.New(simhuaweicloud.Options{
		AccessKeys:     map[string]string{"AKTEMP": testSecret},
		SecurityTokens: map[string]string{"AKTEMP": "temporary"},
		StaticTokens:   []string{"a-ready-token"},
		IAMUsers:       map[string]string{"domain/user": testSecret},
	})
	vod.Submit(simulator.Task{ID: "task", Owner: testProject, Created: time.Now().Add(-time.Hour), URLs: urls})
	cdn := simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{
		DomainID: "tenant", EnterpriseProjects: []string{"7"},
		AccessKeys:     map[string]string{"AKTEMP": testSecret},
		SecurityTokens: map[string]string{"AKTEMP": "temporary"},
		StaticTokens:   []string{"a-ready-token"},
		IAMUsers:       map[string]string{"domain/user": testSecret},
	})
	cdn.Submit(simulator.Task{ID: "task", Owner: "tenant", Created: time.Now().Add(-time.Hour), URLs: urls})
	ali := simalibabacloud.New(simalibabacloud.Options{
		DCDN:       true,
		AccessKeys: map[string]string{"AKTEMP": testSecret}, SecurityTokens: map[string]string{"AKTEMP": "temporary"},
	})
	ali.Submit(simulator.Task{ID: "12719676361", Owner: "AKTEMP", Created: time.Now().Add(-time.Hour), URLs: urls})
	aliServer := httptest.NewServer(ali)
	t.Cleanup(aliServer.Close)
	edge := simcdnetworks.New(simcdnetworks.Options{
		APIKeys: map[string]string{"ops": testSecret}, AccessKeys: map[string]string{"AKEDGE": testSecret},
	})
	for _, owner := range []string{"ops", "AKEDGE"} {
		edge.Submit(simulator.Task{ID: "task-" + owner, Owner: owner, Created: time.Now().Add(-time.Hour), URLs: urls})
	}
	tencent := simtencentcloud.Options{SecretKeys: map[string]string{"AKTEMP": testSecret}, Tokens: map[string]string{"AKTEMP": "temporary"}}
	push := simtencentcloud.NewCDN(tencent)
	tencent.Zones = []string{"zone-1"}
	teo := simtencentcloud.NewEdgeOne(tencent)
	for _, vendor := range []*simtencentcloud.Server{push, teo} {
		vendor.Submit(simulator.Task{ID: "task", Owner: "zone-1", Created: time.Now().Add(-time.Hour), URLs: urls})
	}
	pushServer, teoServer := httptest.NewServer(push), httptest.NewServer(teo)
	t.Cleanup(pushServer.Close)
	t.Cleanup(teoServer.Close)
	vodServer, cdnServer, edgeServer := httptest.NewServer(vod), httptest.NewServer(cdn), httptest.NewServer(edge)
	t.Cleanup(vodServer.Close)
	t.Cleanup(cdnServer.Close)
	t.Cleanup(edgeServer.Close)
	volc := simvolcengine.New(simvolcengine.Options{
		AccessKeys: map[string]string{"AKTEMP": testSecret, "AKVOLC": testSecret}, SecurityTokens: map[string]string{"AKTEMP": "temporary"},
	})
	baidu := simbaiducloud.New(simbaiducloud.Options{
		AccessKeys: map[string]string{"AKTEMP": testSecret}, SessionTokens: map[string]string{"AKTEMP": "temporary"},
	})
	for _, owner := range []string{"AKTEMP", "AKVOLC"} {
		task := simulator.Task{ID: "task-" + owner, Owner: owner, Created: time.Now().Add(-time.Hour), URLs: urls}
		volc.Submit(task)
		baidu.Submit(task)
	}
	volcServer, baiduServer := httptest.NewServer(volc), httptest.NewServer(baidu)
	t.Cleanup(volcServer.Close)
	t.Cleanup(baiduServer.Close)
	file := writeFile(t, "config.yml", fmt.Sprintf(`
accounts:
  - name: temporary-keys
    huaweicloud_vod: {endpoint: %[1]q, project_id: %[3]s, access_key: AKTEMP, secret_key: %[4]s, security_token: temporary}
    tasks: [{id: task}]
  - name: token
    huaweicloud_vod: {endpoint: %[1]q, project_id: %[3]s, token: a-ready-token}
    tasks: [{id: task}]
  - name: iam
    huaweicloud_vod:
      endpoint: %[1]q
      project_id: %[3]s
      iam: {endpoint: %[1]q, domain: domain, username: user, password: %[4]s}
    tasks: [{id: task}]
  - name: cdn-temporary-keys
    huaweicloud_cdn:
      {endpoint: %[5]q, domain_id: tenant, enterprise_project_id: 7, access_key: AKTEMP, secret_key: %[4]s, security_token: temporary}
    tasks: [{id: task}]
  - name: cdn-token
    huaweicloud_cdn: {endpoint: %[5]q, enterprise_project_id: all, token: a-ready-token}
    tasks: [{id: task}]
  - name: cdn-iam
    huaweicloud_cdn:
      endpoint: %[5]q
      enterprise_project_id: all
      iam: {endpoint: %[5]q, domain: domain, username: user, password: %[4]s}
    tasks: [{id: task}]
  - name: edgeone
    tencentcloud_edgeone: {endpoint: %[6]q, zone_id: zone-1, secret_id: AKTEMP, secret_key: %[4]s, token: temporary}
    tasks: [{id: task}]
  - name: push
    tencentcloud_cdn: {endpoint: %[7]q, secret_id: AKTEMP, secret_key: %[4]s, token: temporary}
    tasks: [{id: task}]
  - name: dcdn
    alibabacloud_dcdn: {endpoint: %[8]q, access_key_id: AKTEMP, access_key_secret: %[4]s, security_token: temporary}
    tasks: [{id: 12719676361}]
  - name: api-key
    cdnetworks: {endpoint: %[2]q, username: ops, api_key: %[4]s}
    tasks: [{id: task-ops}]
  - name: access-key
    cdnetworks: {endpoint: %[2]q, access_key: AKEDGE, secret_key: %[4]s}
    tasks: [{id: task-AKEDGE}]
  - name: volcengine
    volcengine_cdn: {endpoint: %[9]q, access_key_id: AKVOLC, secret_access_key: %[4]s}
    tasks: [{id: task-AKVOLC}]
  - name: byteplus
    byteplus_cdn: {endpoint: %[9]q, access_key_id: AKTEMP, secret_access_key: %[4]s, session_token: temporary}
    tasks: [{id: task-AKTEMP}]
  - name: baidu
    baiducloud_cdn: {endpoint: %[10]q, access_key_id: AKTEMP, secret_access_key: %[4]s, session_token: temporary}
    tasks: [{id: task-AKTEMP}]
`, vodServer.URL, edgeServer.URL, testProject, testSecret, cdnServer.URL, teoServer.URL, pushServer.URL, aliServer.URL, volcServer.URL, baiduServer.URL))
	stdout, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+t.TempDir())
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	for account, provider := range map[string]string{
		"temporary-keys": "huaweicloud_vod", "token": "huaweicloud_vod", "iam": "huaweicloud_vod",
		"dcdn":               "alibabacloud_dcdn",
		"cdn-temporary-keys": "huaweicloud_cdn", "cdn-token": "huaweicloud_cdn", "cdn-iam": "huaweicloud_cdn",
		"edgeone": "tencentcloud_edgeone", "push": "tencentcloud_cdn",
		"api-key": "cdnetworks", "access-key": "cdnetworks",
		"volcengine": "volcengine_cdn", "byteplus": "byteplus_cdn", "baidu": "baiducloud_cdn",
	} {
		series := fmt.Sprintf("prefetch_account_tasks{account=%q,phase=\"settled\",provider=%q}", account, provider)
		if got := metric(stdout, series); got != "1" {
			t.Errorf("%s is %q, want 1", series, got)
		}
	}
	if strings.Contains(stdout+stderr, testSecret) {
		t.Error("a secret is shown")
	}
}

// TestWatchWindow counts what nobody configured, and keeps it over a restart.
func TestWatchWindow(t *testing.T) {
	t.Parallel()
	vendor := simcdnetworks.New(simcdnetworks.Options{
		Quota: simulator.Quota{Calls: 50, Per: time.Hour}, APIKeys: map[string]string{"ops": testSecret},
	})
	var truth prefetch.Counts
	for i, n := range []int{7, 130} {
		task := simulator.Task{ID: fmt.Sprint(i), Owner: "ops", Created: time.Now().Add(-time.Duration(1+30*i) * time.Hour)}
		for u := range n {
			task.URLs = append(task.URLs, simulator.URLPlan{
				URL: fmt.Sprintf("https://example.com/%d", u), Fails: u%5 == 0, Stuck: n == 7 && u == 6,
			})
		}
		vendor.Submit(task)
		for status, n := range vendor.Counts(task.ID) {
			truth[status] += n
		}
	}
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	file := writeFile(t, "config.yml", fmt.Sprintf(`
accounts:
  - name: edge
    rate_limit: {calls: 50, per: 1h}
    cdnetworks: {endpoint: %q, username: ops, api_key: %s, watch_window: true}
`, server.URL, testSecret))
	if stdout, _, err := command(t, "--config.check", "--config.file="+file); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	args := []string{"--once", "--config.file=" + file, "--storage.path=" + t.TempDir()}
	for _, run := range []string{"first", "after a restart"} {
		stdout, stderr, err := command(t, args...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", run, err, stderr)
		}
		for _, status := range prefetch.Statuses() {
			series := fmt.Sprintf("prefetch_account_window_urls{account=\"edge\",provider=\"cdnetworks\",status=%q}", status)
			if got, want := metric(stdout, series), fmt.Sprint(truth[status]); got != want {
				t.Errorf("%s: %s is %q, want %s", run, series, got, want)
			}
		}
		refresh := metric(stdout, `prefetch_account_window_last_refresh_timestamp_seconds{account="edge",provider="cdnetworks"}`)
		if at, err := strconv.ParseFloat(refresh, 64); err != nil || math.Abs(float64(time.Now().Unix())-at) > 300 {
			t.Errorf("%s: counted at %q", run, refresh)
		}
	}
	// The parts of which nothing can change any more were asked for once, and so
	// was the rest, which is not due again.
	if n := vendor.Stats().Calls; n > 12 {
		t.Errorf("%d calls", n)
	}
}

// TestRefusedPasswordIsNotSentAgain: two accounts of one IAM user and two runs
// send a wrong password once, and the right one at once.
func TestRefusedPasswordIsNotSentAgain(t *testing.T) {
	t.Parallel()
	const wrong = "a-wrong-password"
	vod := simhuaweicloud.New(simhuaweicloud.Options{IAMUsers: map[string]string{"domain/user": testSecret}})
	vod.Submit(simulator.Task{ID: "task", Owner: testProject, Created: time.Now().Add(-time.Hour), URLs: []simulator.URLPlan{{URL: "https://example.com/a"}}})
	var logins atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v3/") {
			logins.Add(1)
		}
		vod.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	account := func(name, password, task string) string {
		return fmt.Sprintf(`
  - name: %[1]s
    huaweicloud_vod:
      endpoint: %[2]q
      project_id: %[3]s
      iam: {endpoint: %[2]q, domain: domain, username: user, password: %[4]s}
    tasks: [{id: %[5]s}]
`, name, server.URL, testProject, password, task)
	}
	data := t.TempDir()
	for run := range 2 {
		file := writeFile(t, "config.yml", "accounts:"+account("first", wrong, fmt.Sprint(run))+account("second", wrong, fmt.Sprint(run)))
		stdout, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+data)
		if err == nil || logins.Load() != 1 {
			t.Fatalf("run %d: error %v, the password was sent %d times\n%s", run, err, logins.Load(), stderr)
		}
		if !regexp.MustCompile(`password refused by IAM; tried again at \d\d:\d\d:\d\dZ unless it changes`).MatchString(stderr) {
			t.Errorf("run %d does not say when the password is tried again:\n%s", run, stderr)
		}
		if strings.Contains(stdout+stderr, wrong) {
			t.Errorf("run %d shows the password\n%s", run, stderr)
		}
	}
	file := writeFile(t, "config.yml", "accounts:"+account("third", testSecret, "task"))
	if _, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+data); err != nil || logins.Load() != 2 {
		t.Errorf("with the right password: error %v, sent %d times\n%s", err, logins.Load(), stderr)
	}
}
