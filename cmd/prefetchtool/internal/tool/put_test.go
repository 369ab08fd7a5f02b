package tool_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(t.TempDir(), "urls")
	if err := os.WriteFile(file, []byte("\ufeffhttps://example.com/a\r\n\n# the second part\n https://example.com/b \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const id = "2026/launch 1%" // as awkward as ids may be
	s.run("put", "ali", id, "--urls-file="+file, "--deadline=2h", "--created=2026-11-21T08:00:00+01:00", "--label=title=a=b", "--label=n=").
		want(t, 0, `^ali/2026/launch 1%: 2 URLs, new; it is pending\n$`)
	r := s.run("tasks", "--output=json", "--label=title=a=b")
	var tasks []map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &tasks); err != nil || len(tasks) != 1 {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	task := tasks[0]
	deadline, err := time.Parse(time.RFC3339, fmt.Sprint(task["deadline"]))
	if err != nil || time.Until(deadline) < 119*time.Minute || time.Until(deadline) > 2*time.Hour+time.Second {
		t.Errorf("the deadline is %v: %v", task["deadline"], err)
	}
	if task["id"] != id || task["created"] != "2026-11-21T07:00:00Z" || task["source"] != "api" {
		t.Errorf("got %v", task)
	}
	if labels, ok := task["labels"].(map[string]any); !ok || labels["title"] != "a=b" || labels["n"] != "" {
		t.Errorf("the labels are %v", task["labels"])
	}

	for _, command := range []string{"put", "wait"} {
		s.run(command, "ali", "").want(t, 5, `the account or the id is empty: a variable of the script may not be set`)
		s.run(command, "", id).want(t, 5, `is empty`)
	}

	s.begin(strings.Repeat("https://example.com/c\n", 2), "put", "ali", id, "--urls-file=-", "--deadline=2026-12-01T00:00:00Z").
		end(t).want(t, 0, `2 URLs, replaced; it is pending`, `warning: urls.1.: is listed already`)
	r = s.run("put", "ali", id, "-o", "json")
	r.want(t, 0)
	if err := json.Unmarshal([]byte(r.stdout), &task); err != nil || task["account"] != "ali" {
		t.Errorf("%v: %s", err, r.stdout)
	}
}

// TestPutRefuses: what is wrong is told with the flag's name, or in the exporter's
// words, and nothing is put.
func TestPutRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		`--deadline: "soon" is neither a time`:          {"ali", "x", "--deadline=soon"},
		`--created: "2h" is no time in RFC 3339`:        {"ali", "x", "--created=2h"},
		`--label: "title" is not of the form`:           {"ali", "x", "--label=title"},
		`--label: "a" is given twice`:                   {"ali", "x", "--label=a=1", "--label=a=2"},
		`--urls-file: there is no URL in it`:            {"ali", "x", "--urls-file=" + empty},
		`--urls-file: open .*missing`:                   {"ali", "x", "--urls-file=" + empty + "missing"},
		`not_found \(HTTP 404\): .*"nobody"`:            {"nobody", "x"},
		`bad_data \(HTTP 400\): .*deadline`:             {"ali", "x", "--created=2026-11-21T08:00:00Z", "--deadline=2026-11-21T07:00:00Z"},
		`required argument 'id' not provided`:           {"ali"},
		`unknown long flag '--deadlin'; .*--deadline\?`: {"ali", "x", "--deadlin=2h"},
	} {
		r := s.run(append([]string{"put"}, args...)...)
		r.want(t, 5, want)
	}
	s.begin(strings.Repeat("https://example.com/"+strings.Repeat("a", 1000)+"\n", 1100), "put", "ali", "x", "--urls-file=-").
		end(t).want(t, 5, `--urls-file: more than 1048576 bytes`)
	if r := s.run("tasks", "-o", "json"); strings.TrimSpace(r.stdout) != "[]" {
		t.Errorf("something was put: %s", r.stdout)
	}
}

// TestPutTriesAgain: an exporter that is restarted, or cannot store at present, costs
// one line.
func TestPutTriesAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.stop()
	away := s.begin("", "put", "ali", "launch", "--output=json")
	eventually(t, "it says that it tries again", func() bool { return strings.Contains(away.stderr.String(), "trying again") })
	s.start()
	r := away.end(t)
	r.want(t, 0, `^\{\n`, `(?m)^the exporter cannot be reached: .*refused; trying again for 30s$`)
	if n := strings.Count(r.stderr, "\n"); n != 1 {
		t.Errorf("%d lines are said, want 1:\n%s", n, r.stderr)
	}
	s.run("put", "ali", "launch").want(t, 0, `replaced; it is pending`)
	s.stop()
	s.run("put", "ali", "launch", "--timeout=100ms").want(t, 4, `trying again for 100ms\n`, `after 100ms: the exporter cannot be reached: .*refused`)
	if r := s.run("put", "ali", "launch", "--timeout=0s"); r.code != 4 || strings.Contains(r.stderr, "trying") {
		t.Errorf("without trying again: %+v", r)
	}
}

// TestPutTriesAgainAfter503 has an exporter whose store is away, as docs/http_api.md
// describes its answer.
func TestPutTriesAgainAfter503(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	var asked atomic.Int64
	comesBack := int64(4)
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < comesBack {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"status":"error","errorType":"unavailable","error":"the store cannot be reached"}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"status":"success","data":{"account":"ali","id":"x","phase":"pending"}}`)
	}))
	t.Cleanup(exporter.Close)
	s.address = strings.TrimPrefix(exporter.URL, "http://")
	const says = `unavailable \(HTTP 503\): the store cannot be reached`
	s.run("put", "ali", "x").want(t, 0, `^ali/x: new; it is pending\n`, says+`; trying again for 30s`)
	if n := asked.Load(); n != comesBack {
		t.Errorf("it was put %d times, want %d", n, comesBack)
	}
	asked.Store(-1 << 32)
	s.run("put", "ali", "x", "--timeout=50ms").want(t, 4, `prefetchtool: after 50ms: `+says)
	i := s.begin("", "put", "ali", "x")
	eventually(t, "it tries again", func() bool { return strings.Contains(i.stderr.String(), "trying again") })
	i.cancel()
	i.end(t).want(t, 130, `interrupted`)
}
