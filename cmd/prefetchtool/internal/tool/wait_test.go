package tool_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

// TestWait is every way in which waiting ends, with its exit code and words.
func TestWait(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.submit("warm", 3, 0)
	s.submit("failed", 3, 1)
	purge := aliTask("purge", 1, 0)
	purge.Purge = true
	s.ali.Submit(purge)
	for _, id := range []string{"stuck", "due"} {
		stuck := aliTask(id, 2, 0)
		stuck.URLs[1].Stuck = true
		s.ali.Submit(stuck)
	}
	for name, tt := range map[string]struct {
		account, id string
		put         []string
		wait        []string
		code        int
		says        []string
	}{
		"warm": {"ali", "warm", nil, nil, 0, []string{
			`(?m)^\S+Z ali/warm: settled: 3 of 3 URLs succeeded; as of \S+ ago$`, `(?m)^ali/warm is warm: 3 of 3 URLs succeeded$`,
		}},
		"failed": {"ali", "failed", nil, nil, 1, []string{
			`(?m)^ali/failed settled with failed URLs: 3 of 4 URLs succeeded, 1 failed$`,
			`(?m)^  https://example.com/failed/3.mp4: Origin Timeout \(cause: origin\)$`,
		}},
		"warm enough": {"ali", "failed", nil, []string{"--min-ratio=0.75"}, 0, []string{
			`ali/failed is warm: 3 of 4 URLs succeeded`, `failed/3.mp4: Origin Timeout`,
		}},
		"not warm enough": {"ali", "failed", nil, []string{"--min-ratio=0.76"}, 1, []string{`settled with failed URLs`}},
		"timeout": {"ali", "stuck", nil, []string{"--timeout=300ms"}, 2, []string{
			`ali/stuck: active: 1 of 2 URLs succeeded, 1 running`, `ali/stuck is not warm after 300ms \(active: 1 of 2`,
		}},
		"deadline": {"ali", "due", []string{"--deadline=1s"}, nil, 2, []string{`ali/due is not warm at its deadline, \S+Z \((active|pending)`}},
		"refused":  {"ali", "purge", nil, nil, 3, []string{`ali/purge is refused by the vendor: invalid: .*the id is that of a purge`}},
		"nobody put it": {"ali", "nobody", []string{"skip"}, nil, 5, []string{
			`ali/nobody: the exporter does not know the task \(yet\): .*; trying again`,
			`prefetchtool: the exporter has not known the task for 1s: not_found \(HTTP 404\)`,
		}},
		"nobody put it in time": {"ali", "nobody", []string{"skip"}, []string{"--timeout=100ms"}, 2, []string{`after 100ms: the exporter does not know`}},
		"a wrong ratio":         {"ali", "warm", nil, []string{"--min-ratio=75"}, 5, []string{`--min-ratio: 75 is not between 0 and 1`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(tt.put) == 0 || tt.put[0] != "skip" {
				s.run(append([]string{"put", tt.account, tt.id}, tt.put...)...).want(t, 0)
			}
			s.run(append([]string{"wait", tt.account, tt.id}, tt.wait...)...).want(t, tt.code, tt.says...)
		})
	}
}

func TestWaitInJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.submit("failed", 1, 2)
	s.run("put", "ali", "failed").want(t, 0)
	r := s.run("wait", "ali", "failed", "--output=json")
	r.want(t, 1, `ali/failed: settled: 1 of 3`)
	var got struct {
		Result   string `json:"result"`
		ExitCode int    `json:"exit_code"`
		Task     struct {
			Phase string `json:"phase"`
		} `json:"task"`
		Failed []struct {
			URL   string `json:"url"`
			Words string `json:"words"`
		} `json:"failed_urls"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("standard output is not one JSON value: %v\n%s", err, r.stdout)
	}
	if got.Result != "failed" || got.ExitCode != 1 || got.Task.Phase != "settled" || len(got.Failed) != 2 || got.Failed[0].Words != "Origin Timeout" {
		t.Errorf("got %+v", got)
	}
}

// TestWaitOverARestart: a restart of the exporter costs a line, and a line when it
// answers again.
func TestWaitOverARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.run("put", "ali", "late").want(t, 0)
	wait := s.begin("", "wait", "ali", "late")
	says := func(pattern string) {
		t.Helper()
		eventually(t, "it says "+pattern, func() bool { return regexp.MustCompile(pattern).MatchString(wait.stdout.String()) })
	}
	says(`ali/late: pending`)
	s.stop()
	says(`ali/late: the exporter cannot be reached: .*; trying again\n`)
	s.start()
	says(`ali/late: the exporter answers again\n`)
	s.submit("late", 2, 0)
	r := wait.end(t)
	r.want(t, 0, `ali/late is warm: 2 of 2 URLs succeeded`)
	if n := strings.Count(r.stdout, "cannot be reached"); n != 1 {
		t.Errorf("the restart cost %d lines:\n%s", n, r.stdout)
	}

	// One that goes away for good is no exporter that was never there.
	s.run("put", "ali", "never").want(t, 0)
	wait = s.begin("", "wait", "ali", "never", "--timeout=1s")
	says(`ali/never: pending`)
	s.stop()
	wait.end(t).want(t, 2, `ali/never is not warm after 1s \(pending: .*; the exporter cannot be reached: .*\)`)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	s.address = "127.0.0.1:1" // nobody listens there
	for _, args := range [][]string{{"put", "ali", "x", "--timeout=0s"}, {"tasks"}, {"accounts"}, {"healthy"}, {"ready"}} {
		s.run(args...).want(t, 4, `^prefetchtool: the exporter cannot be reached: .*connection refused`)
	}
	s.run("wait", "ali", "x", "--timeout=100ms").want(t, 4, `; trying again\n`, `(?m)^ali/x after 100ms: the exporter cannot be reached`)
	r := s.run("wait", "ali", "x", "--timeout=100ms", "--output=json")
	r.want(t, 4, `"result": "unreachable"`, `"task": null`, `"failed_urls": \[\]`)
}

// TestWaitForAnExporterThatHangs: a question that is not answered does not outlast
// the waiting.
func TestWaitForAnExporterThatHangs(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	s.address = strings.TrimPrefix(s.serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })), "http://")
	s.run("wait", "ali", "x", "--timeout=200ms").want(t, 4, `after 200ms: the exporter cannot be reached: it does not answer`)
}

// TestWaitForALostTask: to find out takes an exporter a quarter of an hour.
func TestWaitForALostTask(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	s.address = strings.TrimPrefix(s.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status": "success", "data": {"account": "ali", "id": "x", "phase": "lost", "urls": null, "new_key": [1],
			"created": "20261-01-01T00:00:00Z", "last_error": "not_found: the vendor's answer has no URL of this task"}}`)
	})), "http://")
	s.run("wait", "ali", "x").want(t, 3, `ali/x is lost: the vendor does not know it: not_found: the vendor's answer has no URL`)
}

// TestWaitIsRefused: what no waiting mends ends it.
func TestWaitIsRefused(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	s.address = strings.TrimPrefix(s.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "who are you?", http.StatusUnauthorized)
	})), "http://")
	s.run("wait", "ali", "x").want(t, 5, `HTTP 401: not the answer of an exporter: who are you\?`)
}

func TestWaitIsInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.run("put", "ali", "never").want(t, 0)
	wait := s.begin("", "wait", "ali", "never")
	eventually(t, "it waits", func() bool { return strings.Contains(wait.stdout.String(), "pending") })
	wait.cancel()
	wait.end(t).want(t, 130, `prefetchtool: interrupted`)
}

// TestWaitOnATerminal draws a bar for each status, with the age of the numbers and
// when the next call is due.
func TestWaitOnATerminal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	task := aliTask("launch", 6, 2)
	for i := range 2 {
		task.URLs[i].Stuck = true
	}
	s.ali.Submit(task)
	s.run("put", "ali", "launch", "--deadline=2h").want(t, 0)
	drawn, _ := s.terminal("\x1b"+`\[7A`, "wait", "ali", "launch") // in the place of what was drawn before
	for _, want := range []string{
		`ali/launch  active  deadline in (2h|1h 59m)`,
		`succeeded ` + "\x1b" + `\[32m█{20}` + "\x1b" + `\[0m {20} 4 of 8`,
		`failed    ` + "\x1b" + `\[31m▓{10}` + "\x1b" + `\[0m {30} 2 of 8`,
		`running   .*2 of 8`, `waiting    *0 of 8`, `unknown    *0 of 8`,
		`numbers are \d+s old; next call (due|in \d+s); gives up in (2h|1h 59m)`,
	} {
		if !regexp.MustCompile(want).MatchString(drawn) {
			t.Errorf("nothing matches %s in\n%q", want, drawn)
		}
	}

	s.submit("done", 2, 1)
	s.run("put", "ali", "done").want(t, 0)
	drawn, code := s.terminal("", "wait", "ali", "done")
	if code != 1 || !strings.Contains(drawn, "done/2.mp4: Origin Timeout") {
		t.Errorf("exit %d:\n%q", code, drawn)
	}
	// A terminal that says that it is none gets lines.
	s.address = "127.0.0.1:1"
	drawn, code = s.terminal("", "wait", "ali", "done", "--timeout=100ms")
	if code != 4 || !strings.Contains(drawn, "waiting for the exporter; gives up in 0s") || !strings.Contains(drawn, "connection refused; trying again") {
		t.Errorf("exit %d:\n%q", code, drawn)
	}
}

// TestForeignTextIsHarmless: what a vendor says moves no cursor.
func TestForeignTextIsHarmless(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	task := simulator.Task{ID: "evil", Owner: keyID, Created: time.Now().Add(-time.Hour), URLs: []simulator.URLPlan{
		{URL: "https://example.com/\x1b[2J", Fails: true, Reason: "bad\x1b]0;title\a"},
	}}
	s.ali.Submit(task)
	s.run("put", "ali", "evil").want(t, 0)
	r := s.run("wait", "ali", "evil")
	r.want(t, 1, fmt.Sprintf("evil.*|%s", `\\u001b`))
	if strings.ContainsAny(r.stdout+r.stderr, "\x1b\a") {
		t.Errorf("control characters are written: %q", r.stdout+r.stderr)
	}
}
