package tool_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestTasks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.submit("warm", 3, 0)
	for _, id := range []string{"warm", "never"} {
		s.run("put", "ali", id, "--label=title=launch", "--deadline=2h").want(t, 0)
	}
	s.run("put", "edge", "other").want(t, 0)
	s.run("wait", "ali", "warm").want(t, 0)
	s.run("wait", "ali", "never", "--timeout=1s").want(t, 2, `the last call failed: not_found`)
	s.run("tasks").want(t, 0,
		`(?m)^ACCOUNT +TASK +PHASE +SUCCEEDED +FAILED +DEADLINE +AGE OF NUMBERS +NEXT CALL$`,
		`(?m)^ali +warm +settled +3 of 3 +0 +in (2h|1h 59m) +\d+s +-$`,
		`(?m)^ali +never +pending +- +- +in (2h|1h 59m) +- +(due|in \d+s|now)$`,
		`(?m)^edge +other +pending`, `(?m)^ali/never: the last call failed: not_found: `,
	)
	r := s.run("tasks", "--phase=settled", "--label=title=launch", "--account=ali", "--output=json")
	var tasks []map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &tasks); err != nil || len(tasks) != 1 || tasks[0]["id"] != "warm" {
		t.Errorf("%v: %s", err, r.stdout)
	}
	s.run("tasks", "--account=nobody").want(t, 0, `warning: .*nobody`)
	s.run("tasks", "--phase=done").want(t, 5, `enum value must be one of pending,active,settled,lost`)
	s.run("tasks", "--label=title").want(t, 5, `bad_data \(HTTP 400\)`)

	drawn, _ := s.terminal(`(?m)█{20}`, "tasks")
	if !regexp.MustCompile(`ali +warm +settled +` + "\x1b" + `\[32m█{20}`).MatchString(drawn) {
		t.Errorf("no bar on a terminal:\n%q", drawn)
	}
}

// TestTasksWatch: elsewhere than on a terminal a change is a line, in JSON the task.
func TestTasksWatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.run("put", "ali", "late").want(t, 0)
	text, inJSON := s.begin("", "tasks", "--watch"), s.begin("", "tasks", "--watch", "--output=json")
	says := func(o *output, pattern string) {
		t.Helper()
		eventually(t, "it says "+pattern, func() bool { return regexp.MustCompile(pattern).MatchString(o.String()) })
	}
	says(text.stdout, `(?m)^\S+Z ali/late: pending: not answered yet`)
	says(inJSON.stdout, `(?m)^\{.*"id":"late".*"phase":"pending".*\}$`)
	s.stop()
	says(text.stderr, `the exporter cannot be reached: .*; trying again`)
	s.start()
	says(text.stderr, `the exporter answers again`)
	s.submit("late", 2, 0)
	says(text.stdout, `ali/late: settled: 2 of 2 URLs succeeded; as of`)
	says(inJSON.stdout, `"phase":"settled"`)
	req := s.request("DELETE", "/api/v1/tasks/ali/late")
	if req != 204 {
		t.Fatalf("DELETE: %d", req)
	}
	says(text.stdout, `ali/late: is not watched any more`)
	text.cancel()
	inJSON.cancel()
	text.end(t).want(t, 0)
	inJSON.end(t).want(t, 0)
	if n := strings.Count(text.stderr.String(), "trying again"); n != 1 {
		t.Errorf("the restart is told of %d times", n)
	}

	s.submit("drawn", 1, 0)
	s.run("put", "ali", "drawn").want(t, 0)
	drawn, code := s.terminal(`drawn +settled +`+"\x1b"+`\[32m█{20}`, "tasks", "--watch")
	if code != 0 || !strings.Contains(drawn, "AGE OF NUMBERS") {
		t.Errorf("exit %d:\n%q", code, drawn)
	}
	s.address = "127.0.0.1:1"
	if drawn, code = s.terminal(`refused; trying again`, "tasks", "--watch"); code != 0 {
		t.Errorf("exit %d:\n%q", code, drawn)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	s.rewrite("access_key_secret: "+secret, "access_key_secret: another")
	s.start()
	s.run("put", "ali", "unknown").want(t, 0)
	eventually(t, "a call failed", func() bool {
		return strings.Contains(s.run("accounts").stdout, "ali: the last call failed: auth: HTTP 4")
	})
	s.run("accounts").want(t, 0,
		`(?m)^ACCOUNT +PROVIDER +UP +OWNER +LAST CALL +NEXT CALL$`,
		`(?m)^ali +alibabacloud_cdn +no +- +task unknown, (now|\d+s ago) +`, `(?m)^edge +cdnetworks +no +- +- +-$`,
	)
	r := s.run("accounts", "--output=json")
	var accounts []map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &accounts); err != nil || len(accounts) != 2 {
		t.Errorf("%v: %s", err, r.stdout)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.run("healthy").want(t, 0, `(?i)^.*healthy`)
	s.run("ready", "-o", "json").want(t, 0, `"status": "`)
	s.run("ready", "--no-such-flag").want(t, 5, `unknown long flag`)
}

// TestWhoAsks: basic authentication, from a file as amtool has it or in the URL.
func TestWhoAsks(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	folder := t.TempDir()
	s.web = filepath.Join(folder, "web.yml")
	client := filepath.Join(folder, "client.yml")
	hash, err := bcrypt.GenerateFromPassword([]byte("pass"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		s.web:  "basic_auth_users: {pipeline: " + string(hash) + "}\n",
		client: "basic_auth: {username: pipeline, password: pass}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	s.run("accounts").want(t, 5, `HTTP 401`)
	s.run("accounts", "--http.config.file="+client).want(t, 0, `(?m)^ali `)
	s.run("accounts", "--http.config.file="+client+".missing").want(t, 5, `client.yml.missing: .*no such file`)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	s.run("--help").want(t, 0, `(?m)^Commands:$`, `(?m)^Which exporter:$`, `PREFETCH_EXPORTER_URL`)
	s.run("wait", "--help").want(t, 0, `(?m)^Flags of the command:$`, `--min-ratio`, `3 if the vendor does not know`)
	s.run("--version").want(t, 0, `prefetchtool, version`)
}
