package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// behindDecodingProxy serves h behind a proxy that passes paths on decoded, as many
// do: an escaped slash arrives as a slash.
func behindDecodingProxy(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.URL.RawPath = ""
	}})
	t.Cleanup(proxy.Close)
	return proxy
}

// Ids with slashes are reached through a proxy that decodes paths: by the API, by
// the page of the task, and by the links that lead there.
func TestSlashesBehindADecodingProxy(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/prefetch"} {
		for _, id := range []string{"2026/launch 1", "a/b/c", "https:%2F", "?/#", "預/熱"} {
			e := newExporter()
			o := e.options()
			o.RoutePrefix = prefix
			proxy := behindDecodingProxy(t, handler(t, o))
			client := proxy.Client()
			do := func(method, path string) (int, string) {
				req, err := http.NewRequestWithContext(t.Context(), method, proxy.URL+prefix+path, strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return resp.StatusCode, string(body)
			}
			path := "/api/v1/tasks/edge/" + url.PathEscape(id)
			if status, body := do(http.MethodPut, path); status != http.StatusCreated {
				t.Fatalf("PUT %s: %d %s", path, status, body)
			}
			if task, ok := e.Get("edge", id); !ok || task.ID != id {
				t.Fatalf("PUT %s made %v", path, e.registered)
			}
			status, body := do(http.MethodGet, path)
			var got struct {
				Data taskForm `json:"data"`
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK || got.Data.ID != id || got.Data.Account != "edge" {
				t.Errorf("GET %s: %d %s", path, status, body)
			}
			title := "<h1><bdi>" + id + "</bdi></h1>"
			for _, page := range []string{
				"/tasks/edge/" + url.PathEscape(id),
				"/tasks?" + url.Values{"account": {"edge"}, "task": {id}}.Encode(), // an alert's link, which is a redirect
			} {
				if status, body := do(http.MethodGet, page); status != http.StatusOK || !strings.Contains(body, title) {
					t.Errorf("GET %s: %d, without %s", page, status, title)
				}
			}
			if status, body := do(http.MethodDelete, path); status != http.StatusNoContent {
				t.Errorf("DELETE %s: %d %s", path, status, body)
			}
		}
	}
}

// An address that could be another one is refused as before, and nothing is done.
func TestSlashesThatAreNoIDs(t *testing.T) {
	t.Parallel()
	e := newExporter()
	h := handler(t, e.options())
	for path, want := range map[string]int{
		"/api/v1/tasks/edge/a//b":       http.StatusBadRequest,
		"/api/v1/tasks/edge/a/../b":     http.StatusBadRequest,
		"/api/v1/tasks/edge/./b":        http.StatusBadRequest,
		"/api/v1/tasks/edge/a/":         http.StatusNotFound,
		"/api/v1/tasks/edge/":           http.StatusNotFound,
		"/api/v1/tasks/edge":            http.StatusNotFound,
		"/api/v1/tasks/nobody/a/b":      http.StatusNotFound,
		"/api/v1/tasks/edge/a/%2e%2e/b": http.StatusCreated, // an id may hold what is escaped
	} {
		if w := ask(t, h, "PUT "+path, "{}"); w.Code != want {
			t.Errorf("PUT %s: %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	if _, ok := e.Get("edge", "a/../b"); !ok || len(e.registered) != 1 {
		t.Errorf("there is %v", e.registered)
	}
}
