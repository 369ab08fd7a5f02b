package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"prefetch_exporter/cmd/prefetchtool/internal/api"
)

// exporter answers every request with h.
func exporter(t *testing.T, h http.HandlerFunc) *api.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return client(t, server.URL+"/prefix/")
}

func client(t *testing.T, address string) *api.Client {
	t.Helper()
	c, err := api.New(address, "", "prefetchtool/test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost:10186", "ftp://x", "http://", "http://x?a=b", "http://x#a", "http://x\x00"} {
		if _, err := api.New(address, "", ""); err == nil || !strings.Contains(err.Error(), "the exporter's URL must") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestHTTPConfigFile is read as amtool reads it: strictly, and relative to itself.
func TestHTTPConfigFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var seen http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		_, _ = io.WriteString(w, `{"status":"success","data":[]}`)
	}))
	defer server.Close()
	write("token", "a-token\n")
	bearer := write("bearer.yml", "authorization: {credentials_file: token}\n")
	withUser := strings.Replace(server.URL, "http://", "http://ops:p%40ss@", 1)
	for _, tt := range []struct{ name, address, file, want string }{
		{"a token in a file", server.URL, bearer, "Bearer a-token"},
		{"a user in the URL", withUser, "", "Basic b3BzOnBAc3M="},
		{"nobody", server.URL, "", ""},
	} {
		c, err := api.New(tt.address, tt.file, "prefetchtool/test")
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if _, _, err := c.Accounts(t.Context()); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := seen.Get("Authorization"); got != tt.want || seen.Get("User-Agent") != "prefetchtool/test" {
			t.Errorf("%s: %q, %q", tt.name, got, seen.Get("User-Agent"))
		}
	}
	for _, tt := range []struct{ name, address, file, want string }{
		{"both", withUser, bearer, "only one can"},
		{"an unknown key", server.URL, write("odd.yml", "basic_aut: {}\n"), "odd.yml: "},
		{"no such file", server.URL, filepath.Join(folder, "none.yml"), "none.yml: "},
		{"no such authority", server.URL, write("tls.yml", "tls_config: {ca_file: none.pem}\n"), "none.pem"},
	} {
		if _, err := api.New(tt.address, tt.file, ""); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "p@ss") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestErrors tells an exporter that refuses from one that is away, and from what is
// no exporter.
func TestErrors(t *testing.T) {
	t.Parallel()
	const large = 10_000
	for _, tt := range []struct {
		name        string
		status      int
		body        string
		unreachable bool
		want        string
	}{
		{"refused", 404, `{"status":"error","errorType":"not_found","error":"no task"}`, false, "not_found (HTTP 404): no task"},
		{"refused for now", 503, `{"status":"error","errorType":"unavailable","error":"full"}`, false, "unavailable (HTTP 503): full"},
		{"a proxy", 502, "<html>\n<b>Bad\tGateway</b>", true, "the exporter cannot be reached: HTTP 502: <html> <b>Bad Gateway</b>"},
		{"an empty answer", 503, "", true, "HTTP 503: (empty)"},
		{"no exporter", 200, strings.Repeat("ä", large), false, "HTTP 200: not the answer of an exporter: ä"},
		{"an odd envelope", 200, `{"status":"fine"}`, false, "not the answer of an exporter"},
		{"data of another form", 200, `{"status":"success","data":{}}`, false, "the exporter's answer cannot be read: "},
	} {
		c := exporter(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		})
		_, _, err := c.Accounts(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) || api.Unreachable(err) != tt.unreachable || len(err.Error()) > 500 {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	_, _, err := client(t, "http://127.0.0.1:1").Accounts(t.Context())
	if !api.Unreachable(err) || strings.Contains(err.Error(), "Get") {
		t.Errorf("nobody there: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = client(t, "http://127.0.0.1:1").Accounts(over); !errors.Is(err, context.Canceled) || api.Unreachable(err) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestRequests is how each question is asked.
func TestRequests(t *testing.T) {
	t.Parallel()
	var asked, body string
	c := exporter(t, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked, body = r.Method+" "+r.RequestURI, string(text)
		switch {
		case r.Method == http.MethodPut:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"status":"success","data":{"id":"new"},"warnings":["odd"]}`)
		case strings.HasSuffix(r.URL.Path, "healthy"):
			http.Error(w, "the store hangs\n", http.StatusServiceUnavailable)
		case strings.HasSuffix(r.URL.Path, "ready"):
			_, _ = io.WriteString(w, "Ready.\n")
		case strings.HasSuffix(r.URL.Path, "/tasks"):
			_, _ = io.WriteString(w, `{"status":"success","data":[{"id":"a","urls":{"succeeded":2,"failed":1},"unknown_key":{}}]}`)
		default:
			_, _ = io.WriteString(w, `{"status":"success","data":{"next_look":"20261-01-01T00:00:00Z","last_refresh":"2026-01-01T00:00:00Z","deadline":null}}`)
		}
	})
	check := func(err error, wantAsked, wantBody string) {
		t.Helper()
		if err != nil || asked != wantAsked || body != wantBody {
			t.Errorf("%v: asked %s %s", err, asked, body)
		}
	}
	task, answer, err := c.Put(t.Context(), "a b", "x/y%", api.NewTask{URLs: []string{"u"}, Labels: map[string]string{"n": "v"}})
	check(err, "PUT /prefix/api/v1/tasks/a%20b/x%2Fy%25", `{"urls":["u"],"labels":{"n":"v"}}`)
	if task.ID != "new" || !answer.Created || len(answer.Warnings) != 1 {
		t.Errorf("got %+v, %+v", task, answer)
	}
	tasks, _, err := c.Tasks(t.Context(), api.Filter{Accounts: []string{"a", "b"}, Labels: []string{"t=x&y"}})
	check(err, "GET /prefix/api/v1/tasks?account=a&account=b&label=t%3Dx%26y", "")
	if len(tasks) != 1 || tasks[0].URLs.Total() != 3 {
		t.Errorf("got %+v", tasks)
	}
	task, _, err = c.Task(t.Context(), "a", "x")
	check(err, "GET /prefix/api/v1/tasks/a/x?limit=1", "")
	if !task.NextLook.IsZero() || task.LastRefresh.Year() != 2026 || !task.Deadline.IsZero() {
		t.Errorf("got the times %v, %v, %v", task.NextLook, task.LastRefresh, task.Deadline)
	}
	text, err := c.Get(t.Context(), "/-/ready")
	check(err, "GET /prefix/-/ready", "")
	if text != "Ready." {
		t.Errorf("got %q", text)
	}
	if _, err := c.Get(t.Context(), "/-/healthy"); err == nil || err.Error() != "HTTP 503: the store hangs" || api.Unreachable(err) {
		t.Errorf("unhealthy: %v", err)
	}
}

// TestFailedURLs reads all parts.
func TestFailedURLs(t *testing.T) {
	t.Parallel()
	const total = 20_001
	asked := 0
	c := exporter(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		offset, err := strconv.Atoi(r.URL.Query().Get("offset"))
		if err != nil {
			t.Error(err)
		}
		var urls []map[string]string
		for i := offset; i < min(offset+10_000, total); i++ {
			status := "failed"
			if i == 0 {
				status = "succeeded"
			}
			urls = append(urls, map[string]string{"url": fmt.Sprint(i), "status": status})
		}
		answer := map[string]any{"status": "success", "data": map[string]any{"url_list": urls, "url_list_total": total}}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	})
	failed, err := c.FailedURLs(t.Context(), "a", "x")
	if err != nil || asked != 3 || len(failed) != total-1 || failed[0].URL != "1" || failed[total-2].URL != "20000" {
		t.Errorf("%v: %d URLs of %d answers", err, len(failed), asked)
	}
	away := client(t, "http://127.0.0.1:1")
	if _, err := away.FailedURLs(t.Context(), "a", "x"); !api.Unreachable(err) {
		t.Errorf("nobody there: %v", err)
	}
}
