package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// planted are credentials of every kind that a configuration may have. Each is
// found in no text but its own, and has characters that are written in other
// ways in addresses, JSON and pages.
var planted = map[string]string{
	"access key":           "AKPLANTEDVOD001",
	"secret key":           "plant/SK+vod=<001>",
	"security token":       "plant/ST+vod=<002>",
	"token":                "plant/TK+vod=<003>",
	"IAM password":         "plant/PW+iam=<004>",
	"token from IAM":       "plant/TK+iam=<005>",
	"API key":              "plant/AK+cdn=<006>",
	"CDNetworks key":       "AKPLANTEDCDN007",
	"CDNetworks secret":    "plant/SK+cdn=<008>",
	"source's password":    "plant/PW+src=<009>",
	"source's token":       "plant/TK+src=<010>",
	"source's query":       "plant-query-011",
	"source's header":      "plant/HD+src=<012>",
	"vendor's proxy":       "plant-proxy-013",
	"password in a source": "plant-url-015",
}

// echo answers with what it was sent, as gateways, error pages and careless
// vendors do.
func echo(form string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		dump, err := httputil.DumpRequest(r, true)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if strings.HasSuffix(r.URL.Path, "/v3/auth/tokens") && form != "401" {
			w.Header().Set("X-Subject-Token", planted["token from IAM"])
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"token":{"expires_at":"2126-11-26T00:00:00.000000Z"}}`)
			return
		}
		if user, password, ok := r.BasicAuth(); ok {
			dump = append(dump, user+":"+password...)
		}
		quoted, err := json.Marshal(string(dump))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		say := func(form string) { _, _ = io.WriteString(w, strings.ReplaceAll(form, "%s", string(quoted))) }
		switch form {
		case "401":
			w.WriteHeader(http.StatusUnauthorized)
			say(`{"ResponseMetadata":{"Error":{"Code":"SignatureDoesNotMatch","Message":%s}},"error_code":"APIGW.0301","error_msg":%s,"Code":0,"Message":%s,"Response":{"Error":{"Code":"AuthFailure","Message":%s}}}`)
		case "400":
			w.WriteHeader(http.StatusBadRequest)
			say(`{"ResponseMetadata":{"Error":{"Code":%s}},"error_code":%s,"Code":0,"Message":%s,"Response":{"Error":{"Code":%s}}}`)
		case "word":
			say(`{"Result":{"Data":[{"Url":"u","Status":"failed","Remark":%s}]},` +
				`"details":[{"status":%s,"progress":%s,"task":{"url":"u"}}],"preheating_results":[{"url":"u","status":%s}],"Code":1,"Message":%s,` +
				`"result":{"count":1,"data":[{"url":"u","status":%s,"createTime":%s}]},` +
				`"total":1,"urls":[{"url":"u","status":"failed","fail_classify":%s,"fail_desc":%s}],` +
				`"Response":{"TotalCount":1,"Tasks":[{"Target":"u","Status":"failed","FailMessage":%s,"CreateTime":%s}]}}`)
		case "redirect":
			w.Header().Set("Location", "/?"+url.QueryEscape(string(dump)))
			w.WriteHeader(http.StatusFound)
		default:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprintf(w, "<html><pre>%s</pre>", dump)
		}
	}
}

// plantedConfig is an account for each way to authenticate, and sources with
// credentials of their own, all at one address.
func plantedConfig(address string) string {
	p := func(name string) string { return fmt.Sprintf("%q", planted[name]) }
	host := strings.TrimPrefix(address, "http://")
	return fmt.Sprintf(`
accounts:
  - name: temporary-keys
    huaweicloud_vod: {endpoint: %[1]q, project_id: %[2]s, access_key: %[3]s, secret_key: %[4]s, security_token: %[5]s}
    tasks: [{id: task}]
  - name: token
    huaweicloud_vod: {endpoint: %[1]q, project_id: %[2]s, token: %[6]s}
    tasks: [{id: task}]
  - name: iam
    huaweicloud_vod: {endpoint: %[1]q, project_id: %[2]s, iam: {endpoint: %[1]q, domain: domain, username: user, password: %[7]s}}
    tasks: [{id: task}]
  - name: cdn
    huaweicloud_cdn: {endpoint: %[1]q, access_key: %[3]s, secret_key: %[4]s, security_token: %[5]s}
    tasks: [{id: task}]
  - name: cdn-iam
    huaweicloud_cdn: {endpoint: %[1]q, iam: {endpoint: %[1]q, domain: domain, username: another, password: %[7]s}}
    tasks: [{id: task}]
  - name: edgeone
    tencentcloud_edgeone: {endpoint: %[1]q, zone_id: zone-1, secret_id: %[3]s, secret_key: %[4]s, token: %[5]s}
    tasks: [{id: task}]
  - name: push
    tencentcloud_cdn: {endpoint: %[1]q, secret_id: %[3]s, secret_key: %[4]s, token: %[5]s}
    tasks: [{id: task}]
  - name: alibaba
    alibabacloud_cdn: {endpoint: %[1]q, access_key_id: %[3]s, access_key_secret: %[4]s, security_token: %[5]s}
    tasks: [{id: task}]
  - name: volcengine
    volcengine_cdn: {endpoint: %[1]q, access_key_id: %[3]s, secret_access_key: %[4]s, session_token: %[5]s}
    tasks: [{id: task}]
  - name: baidu
    baiducloud_cdn: {endpoint: %[1]q, access_key_id: %[3]s, secret_access_key: %[4]s, session_token: %[5]s}
    tasks: [{id: task}]
  - name: api-key
    cdnetworks: {endpoint: %[1]q, username: ops, api_key: %[8]s}
    tasks: [{id: task}]
  - name: access-key
    cdnetworks:
      endpoint: %[1]q
      access_key: %[9]s
      secret_key: %[10]s
      http_client_config: {proxy_url: "http://proxy:%[16]s@%[15]s/"}
    tasks: [{id: task}]
task_discovery:
  http:
    - url: %[1]s/list?token=%[13]s
      http_client_config: {basic_auth: {username: source, password: %[11]s}, http_headers: {X-Key: {secrets: [%[14]s]}}}
    - url: http://user:%[17]s@%[15]s/other
      http_client_config: {authorization: {credentials: %[12]s}}
`, address, testProject, p("access key"), p("secret key"), p("security token"), p("token"), p("IAM password"),
		p("API key"), p("CDNetworks key"), p("CDNetworks secret"), p("source's password"), p("source's token"),
		planted["source's query"], p("source's header"), host, planted["vendor's proxy"], planted["password in a source"])
}

// leaks returns which credentials can be read in a text, in any form in which they
// may stand there.
func leaks(text string) []string {
	var found []string
	for name, secret := range planted {
		inJSON, err := json.Marshal(secret)
		if err != nil {
			continue
		}
		forms := []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(inJSON), `"`),
			strings.NewReplacer("<", "&lt;", ">", "&gt;", "+", "&#43;").Replace(secret),
			base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)],
			base64.StdEncoding.EncodeToString([]byte("source:" + secret))[:len(secret)],
			base64.StdEncoding.EncodeToString([]byte("user:" + secret))[:len(secret)],
		}
		if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// TestPlantedSecrets has vendors and sources that answer with all that they were
// sent, and reads everything that the program writes: no credential is in it.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"401", "400", "word", "redirect", "page"} {
		for _, format := range []string{"logfmt", "json"} {
			t.Run(form+" "+format, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int64
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					echo(form)(w, r)
				}))
				t.Cleanup(server.Close)
				readEverything(t, server.URL, &asked, "--log.format="+format)
			})
		}
	}
}

func readEverything(t *testing.T, address string, asked *atomic.Int64, args ...string) {
	t.Helper()
	const accounts, sources = 12, 2
	file, storage := writeFile(t, "config.yml", plantedConfig(address)), t.TempDir()
	args = append(args, "--config.file="+file, "--log.level=debug")
	texts := map[string]string{}
	stdout, stderr, err := command(t, append(slices.Clone(args), "--config.check")...)
	texts["--config.check"] = fmt.Sprint(stdout, stderr, err)
	stdout, stderr, err = command(t, append(slices.Clone(args), "--once", "--storage.path="+t.TempDir())...)
	texts["--once"] = fmt.Sprint(stdout, stderr, err)

	asked.Store(0)
	p := serve(t, append(args, "--storage.path="+storage, "--web.enable-lifecycle", "--web.enable-task-api", "--web.enable-pprof")...)
	p.eventually("everybody was asked", func() bool {
		_, body := p.get("/api/v1/accounts")
		return asked.Load() >= accounts+sources && strings.Count(body, `"last_query":null`) == 0
	})
	for _, path := range []string{
		"/", "/metrics", "/tasks", "/config", "/runbooks/", "/-/healthy", "/-/ready", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2",
		"/api/v1/accounts", "/api/v1/tasks", "/api/v1/tasks/iam/task", "/api/v1/tasks/cdn/task", "/api/v1/tasks/alibaba/task", "/api/v1/tasks/edgeone/task", "/api/v1/tasks/push/task", "/api/v1/tasks/volcengine/task", "/api/v1/tasks/baidu/task", "/api/v1/tasks/api-key/task",
	} {
		_, texts[path] = p.get(path)
	}
	for _, account := range []string{"temporary-keys", "token", "iam", "cdn", "cdn-iam", "alibaba", "edgeone", "push", "volcengine", "baidu", "api-key", "access-key"} {
		_, texts["the page of "+account] = p.get("/tasks/" + account + "/task")
	}
	if err := os.WriteFile(file, []byte(plantedConfig(address)+"surprise: "+planted["secret key"]), 0o600); err != nil {
		t.Fatal(err)
	}
	_, texts["reload"] = p.do(http.MethodPost, "/-/reload")
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	texts["the log"] = p.stdout.String() + p.stderr.String()
	files, err := filepath.Glob(filepath.Join(storage, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no store in %v: %v", files, err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts["the store: "+filepath.Base(name)] = string(content)
	}
	for where, text := range texts {
		if found := leaks(text); len(found) > 0 {
			t.Errorf("%s shows %s", where, strings.Join(found, ", "))
		}
	}
}
