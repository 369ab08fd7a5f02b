package main

import (
	"encoding/json"
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

// The bounds of a task are the same, in the same words, whoever lists it.
func TestBoundsOfEverySource(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	api := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(), "--web.enable-task-api")
	many := func(n int, f func(i int) string) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = f(i)
		}
		return all
	}
	labels := func(n int) map[string]string {
		all := map[string]string{}
		for i := range n {
			all[fmt.Sprint("l", i)] = "v"
		}
		return all
	}
	for name, c := range map[string]struct {
		urls   []string
		labels map[string]string
		want   string
	}{
		"labels":      {labels: labels(31), want: "labels: must not be more than 30, are 31"},
		"label value": {labels: map[string]string{"a": strings.Repeat("v", 1025)}, want: "labels.a: must not be longer than 1024 bytes, has 1025"},
		"label name": {
			labels: map[string]string{strings.Repeat("a", 257): "v"}, want: "a label's name must not be longer than 256 bytes, has 257",
		},
		"URL": {urls: []string{"http://" + strings.Repeat("u", 2042)}, want: "urls[0]: must not be longer than 2048 bytes, has 2049"},
		"URLs": {
			urls: many(20_001, func(i int) string { return fmt.Sprint("http://a/", i) }), want: "urls: must not be more than 20000, are 20001",
		},
		"all together": {
			urls: many(1000, func(i int) string { return fmt.Sprintf("http://%01100d", i) }),
			want: "URLs and labels must not have more than 1048576 bytes together, have 1107000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := json.Marshal(map[string]any{"urls": c.urls, "labels": c.labels})
			if err != nil {
				t.Fatal(err)
			}
			entry := strings.Replace(string(body), "{", `{"account":"vod","id":"x",`, 1)
			source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, "[%s]", entry) }))
			defer source.Close()
			if c.urls == nil { // what a target group says besides are labels
				group, _ := json.Marshal(c.labels)
				entry += `,{"targets":["y"],"labels":` + strings.Replace(string(group), "{", `{"account":"vod",`, 1) + "}"
			}
			files := writeFile(t, "tasks.json", "["+entry+"]")
			// Whether the vendor answers is no matter here.
			_, log, _ := command(t, "--once", "--storage.path="+t.TempDir(), "--config.file="+writeFile(t, "config.yml",
				fmt.Sprintf("%s\ntask_discovery: {files: [%q], http: [{url: %q}]}\n", config, files, source.URL)))
			lines := 0
			for line := range strings.Lines(log) {
				if strings.Contains(line, "an entry is unusable") && strings.Contains(line, c.want) {
					lines++
				}
			}
			if want := 2 + 2*strings.Count(entry, "targets"); lines != want {
				t.Errorf("%d lines say %q, want %d:\n%.3000s", lines, c.want, want, log)
			}
			inConfig := strings.Replace(entry[:len(body)+len(`"account":"vod","id":"x",`)], `"account":"vod",`, "", 1)
			_, _, err = command(t, "--config.check", "--config.file="+writeFile(t, "config.yml", config+"      - "+inConfig+"\n"))
			if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(c.want, "a")) {
				t.Errorf("in the configuration: %v, want %q", err, c.want)
			}
			want := c.want
			if len(body) > 1<<20 {
				want = "the body is larger than 1048576 bytes"
			}
			if status, answer := api.send(http.MethodPut, "/api/v1/tasks/vod/x", string(body)); status < 400 || !strings.Contains(answer, want) {
				t.Errorf("the task API: %d %s, want %q", status, answer, want)
			}
			if status, answer := api.send(http.MethodDelete, "/api/v1/tasks/vod/x", ""); status != http.StatusNotFound {
				t.Errorf("something was kept: %d %s", status, answer)
			}
		})
	}
}

// The task API keeps to task_limit: what could not be watched is refused and not
// kept. What is there can be replaced, and a settled task makes room.
func TestTaskLimitOfTheAPI(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t) // with one task, which settles
	file := writeFile(t, "config.yml", "global: {task_limit: 3}\n"+config)
	args := []string{"--config.file=" + file, "--storage.path=" + t.TempDir(), "--web.enable-task-api"}
	p := serve(t, args...)
	p.eventually("the configured task settled", func() bool {
		return p.metric(`prefetch_account_tasks{account="vod",phase="settled",provider="huaweicloud_vod"}`) == "1"
	})
	put := func(id string, want int, text string) {
		t.Helper()
		if status, body := p.send(http.MethodPut, "/api/v1/tasks/vod/"+id, "{}"); status != want || !strings.Contains(body, text) {
			t.Errorf("%s: %d %s, want %d", id, status, body, want)
		}
	}
	const full = `{"status":"error","errorType":"limit","error":"there is no room for the task: account \"vod\" watches as many tasks ` +
		`as global.task_limit allows, 3 that are not settled; put it again when one is, delete one, or raise the limit"}`
	put("a", http.StatusCreated, "")
	put("b", http.StatusCreated, "")
	put("c", http.StatusCreated, "") // in place of the settled one
	put("d", http.StatusTooManyRequests, full)
	put("a", http.StatusOK, "")
	put("settled", http.StatusCreated, "is also listed in source") // the configuration has it
	if status, body := p.send(http.MethodDelete, "/api/v1/tasks/vod/b", ""); status != http.StatusNoContent {
		t.Errorf("%d %s", status, body)
	}
	put("d", http.StatusCreated, "")
	if got := p.metric(`prefetch_account_tasks_dropped{account="vod",provider="huaweicloud_vod"}`); got != "0" {
		t.Errorf("%s tasks are dropped", got)
	}
	_ = p.stop()
	p = serve(t, args...)
	put("e", http.StatusTooManyRequests, full)
	put("d", http.StatusOK, "")
}

// What the tasks of one account say is bounded, however few they are.
func TestBytesOfTheAPI(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	args := []string{"--config.file=" + writeFile(t, "config.yml", config), "--storage.path=" + t.TempDir(), "--web.enable-task-api"}
	p := serve(t, args...)
	var urls strings.Builder
	for i := range 500 {
		fmt.Fprintf(&urls, `,"http://%01993d"`, i) // 2,000 bytes each
	}
	body := `{"urls":[` + urls.String()[1:] + `]}`
	const fit = 33 // of a million bytes each, in 32 MiB
	for i := range fit {
		if status, answer := p.send(http.MethodPut, fmt.Sprint("/api/v1/tasks/vod/", i), body); status != http.StatusCreated {
			t.Fatalf("task %d: %d %.300s", i, status, answer)
		}
	}
	refused := func() {
		t.Helper()
		status, answer := p.send(http.MethodPut, "/api/v1/tasks/vod/more", body)
		if status != http.StatusTooManyRequests || !strings.Contains(answer, " bytes, more than 33554432") {
			t.Errorf("one more: %d %.300s", status, answer)
		}
	}
	refused()
	if status, answer := p.send(http.MethodPut, "/api/v1/tasks/vod/0", body); status != http.StatusOK {
		t.Errorf("the same again: %d %.300s", status, answer)
	}
	if status, answer := p.send(http.MethodPut, "/api/v1/tasks/vod/small", "{}"); status != http.StatusCreated {
		t.Errorf("a small one: %d %.300s", status, answer)
	}
	_ = p.stop()
	p = serve(t, args...)
	refused()
	if status, answer := p.send(http.MethodPut, "/api/v1/tasks/vod/0", "{}"); status != http.StatusOK {
		t.Errorf("a smaller one in its place: %d %.300s", status, answer)
	}
	if status, answer := p.send(http.MethodPut, "/api/v1/tasks/vod/more", body); status != http.StatusCreated {
		t.Errorf("where there is room: %d %.300s", status, answer)
	}
}

// A time is one of RFC 3339 to the letter or none, wherever it is written, in the same
// words.
func TestTimesOfEverySource(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	api := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(), "--web.enable-task-api")
	const wrong = " is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00"
	for text, want := range map[string]string{
		"2026-11-21T08:00:00Z":        "",
		"2026-11-21T16:00:00.5+08:00": "",
		"2026-11-21T8:00:00Z":         `"2026-11-21T8:00:00Z"` + wrong,
		"2026-11-21T08:00:00,5+24:00": `"2026-11-21T08:00:00,5+24:00"` + wrong,
		"2026-11-21T08:00:00+08:60":   `"2026-11-21T08:00:00+08:60"` + wrong,
		"0001-01-01T00:00:00Z":        "must be between the years 2000 and 2199",
	} {
		says := fmt.Sprintf(`"created": %q}`, text)
		tasks := writeFile(t, "tasks.json", `[{"account": "vod", "id": "x", `+says+`, {"targets": ["y"], "labels": {"account": "vod", `+says+`}]`)
		file := writeFile(t, "config.yml", fmt.Sprintf("%s      - {\"id\": \"x\", %s\ntask_discovery: {files: [%q]}\n", config, says, tasks))
		_, _, err := command(t, "--config.check", "--config.file="+file)
		status, answer := api.send(http.MethodPut, "/api/v1/tasks/vod/x", "{"+says)
		if want == "" {
			if err != nil || status >= 400 {
				t.Errorf("%s: %v; the task API: %d %s", text, err, status, answer)
			}
			continue
		}
		if err == nil || strings.Count(err.Error(), "created: "+want) != 1 || !strings.Contains(err.Error(), "tasks[1].created: "+want) {
			t.Errorf("%s in the configuration: %v, want %s", text, err, want)
		}
		quoted := fmt.Sprintf("%q", "created: "+want)
		if status != http.StatusBadRequest || !strings.Contains(answer, strings.Trim(quoted, `"`)) {
			t.Errorf("%s: the task API: %d %s, want %s", text, status, answer, quoted)
		}
		// The configuration is checked before its files are.
		if _, _, err := command(t, "--config.check", "--config.file="+writeFile(t, "config.yml", fmt.Sprintf(
			"%s\ntask_discovery: {files: [%q]}\n", config, tasks))); err == nil || strings.Count(err.Error(), "created: "+want) != 2 {
			t.Errorf("%s in a file: %v, want %s twice", text, err, want)
		}
	}
}
