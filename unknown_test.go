package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// TestUnknownIDIsToldEarly: after the first answer the API and the pages say that
// the vendor does not know an id, however it says so, and as long as it does not.
func TestUnknownIDIsToldEarly(t *testing.T) {
	t.Parallel()
	hourAgo := time.Now().Add(-time.Hour)
	task := func(owner string) simulator.Task {
		return simulator.Task{ID: "mistyped", Owner: owner, Created: hourAgo, URLs: []simulator.URLPlan{{URL: "https://example.com/a", Stuck: true}}}
	}
	keys := map[string]string{"AKTEST": testSecret}
	refuses := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: keys})
	empty := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: keys, UnknownTask: simhuaweicloud.UnknownTaskEmpty})
	edge := simcdnetworks.New(simcdnetworks.Options{APIKeys: map[string]string{"ops": testSecret}})
	const vod = "huaweicloud_vod: {endpoint: %q, project_id: " + testProject + ", access_key: AKTEST, secret_key: " + testSecret + "}"
	for name, c := range map[string]struct {
		vendor  http.Handler
		account string
		submit  func()
		up      string
		says    string
	}{
		"Huawei Cloud, an error": {refuses, vod, func() { refuses.Submit(task(testProject)) }, "0", "not_found: HTTP 400: VOD.10062"},
		"Huawei Cloud, nothing":  {empty, vod, func() { empty.Submit(task(testProject)) }, "1", "not_found: the vendor's answer has no URL of this task"},
		"CDNetworks": {
			edge, "cdnetworks: {endpoint: %q, username: ops, api_key: " + testSecret + "}",
			func() { edge.Submit(task("ops")) }, "1", "not_found: the vendor's answer has no URL of this task",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.vendor)
			t.Cleanup(server.Close)
			file := writeFile(t, "config.yml", fmt.Sprintf("accounts:\n  - name: a\n    poll_interval: 1s\n    rate_limit: {calls: 50, per: 1m}\n    "+
				c.account+"\n    tasks: [{id: mistyped}]\n", server.URL))
			p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir())
			state := func() (phase, lastError string) {
				_, body := p.get("/api/v1/tasks/a/mistyped")
				var answer struct {
					Data struct {
						Phase     string  `json:"phase"`
						LastError *string `json:"last_error"`
					} `json:"data"`
				}
				if err := json.Unmarshal([]byte(body), &answer); err != nil {
					t.Fatalf("%v in %s", err, body)
				}
				if answer.Data.LastError != nil {
					lastError = *answer.Data.LastError
				}
				return answer.Data.Phase, lastError
			}
			p.eventually("the first answer is told", func() bool {
				phase, says := state()
				return phase == "pending" && strings.HasPrefix(says, c.says)
			})
			for _, page := range []string{"/tasks", "/tasks/a/mistyped"} {
				if _, body := p.get(page); !strings.Contains(body, "the vendor does not know this id yet") || strings.Contains(body, "last call failed") {
					t.Errorf("%s does not say so:\n%s", page, body)
				}
			}
			_, metrics := p.get("/metrics")
			for line := range strings.Lines(metrics) {
				if strings.HasPrefix(line, "prefetch_task_up{") && !strings.HasSuffix(strings.TrimSpace(line), " "+c.up) {
					t.Errorf("%swant %s", line, c.up)
				}
			}
			c.submit()
			p.eventually("the vendor knows it after all", func() bool {
				phase, says := state()
				return phase == "active" && says == ""
			})
		})
	}
}
