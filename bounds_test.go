package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An answer that is too large to be read whole settles nothing and counts nothing:
// of 20,001 rows that all succeeded none is believed, and the task alone is to
// blame. Of a URL that is too long only the URL is cut.
func TestAnswersThatAreTooLarge(t *testing.T) {
	t.Parallel()
	row := func(url string) string { return `{"url":"` + url + `","status":"succeed"}` }
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows := row("https://example.com/" + strings.Repeat("<", 12_000_000))
		if r.URL.Query().Get("task_id") == "rows" {
			rows = strings.Repeat(row("u")+",", 20_000) + row("u")
		}
		_, _ = fmt.Fprintf(w, `{"preheating_results":[%s]}`, rows)
	}))
	t.Cleanup(vendor.Close)
	file := writeFile(t, "config.yml", fmt.Sprintf(`
accounts:
  - name: vod
    huaweicloud_vod: {endpoint: %q, project_id: %s, token: a-ready-token}
    tasks: [{id: rows}, {id: url}]
`, vendor.URL, testProject))
	stdout, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+t.TempDir())
	if err == nil {
		t.Error("an answer that cannot be used is no failure")
	}
	for series, want := range map[string]string{
		`prefetch_task_up{account="vod",provider="huaweicloud_vod",task="rows"}`:                        "0",
		`prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="rows"}`:                   "0",
		`prefetch_task_urls{account="vod",provider="huaweicloud_vod",status="succeeded",task="rows"}`:   "",
		`prefetch_api_request_failures_total{account="vod",provider="huaweicloud_vod",reason="decode"}`: "1",
		`prefetch_account_failing{account="vod",provider="huaweicloud_vod",reason="unavailable"}`:       "0",
		`prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="url"}`:                    "1",
		`prefetch_task_urls{account="vod",provider="huaweicloud_vod",status="succeeded",task="url"}`:    "1",
		`prefetch_exporter_store_errors_total{reason="write"}`:                                          "0",
		`prefetch_api_requests_total{account="vod",provider="huaweicloud_vod",query="task"}`:            "2",
	} {
		if got := metric(stdout, series); got != want {
			t.Errorf("%s is %q, want %q", series, got, want)
		}
	}
	for _, shown := range []string{"preheating_results has more than 20000 rows", "a row has a url of more than 8192 bytes"} {
		if !strings.Contains(stderr, shown) {
			t.Errorf("the log does not say %q", shown)
		}
	}
	if len(stderr) > 20_000 {
		t.Errorf("a log of %d bytes", len(stderr))
	}
}
