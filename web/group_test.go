package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web"
)

// replica is one of three, of which nobody has read the store yet.
func replica(e *exporter, loaded bool) web.Options {
	o := e.options()
	o.Group = func() prefetch.Group {
		return prefetch.Group{Replica: "a<b", Replicas: 3, Loaded: loaded, Up: loaded, Since: fixed}
	}
	return o
}

// Before the store was read nobody knows whether a task is there: that is no 404, and
// nothing is changed.
func TestStoreWasNotRead(t *testing.T) {
	t.Parallel()
	e := newExporter()
	h := handler(t, replica(e, false))
	for _, request := range []string{"GET /api/v1/tasks/edge/x", "PUT /api/v1/tasks/edge/x", "DELETE /api/v1/tasks/edge/x"} {
		w := ask(t, h, request, "")
		if got := open(t, w); w.Code != http.StatusServiceUnavailable || got.ErrorType != "unavailable" || !strings.Contains(got.Error, "not read yet") {
			t.Errorf("%s: %d %s", request, w.Code, w.Body)
		}
	}
	if len(e.registered) > 0 {
		t.Errorf("something was put: %v", e.registered)
	}
	w := ask(t, h, "GET /api/v1/tasks", "")
	if got := open(t, w); w.Code != http.StatusOK || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "not read yet") {
		t.Errorf("the list: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "GET /-/ready", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "etcd may be away") {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "GET /-/healthy", ""); w.Code != http.StatusOK {
		t.Errorf("healthy: %d %s", w.Code, w.Body)
	}
}

func TestStoreWasRead(t *testing.T) {
	t.Parallel()
	h := handler(t, replica(newExporter(), true))
	for request, status := range map[string]int{
		"GET /-/ready": 200, "GET /api/v1/tasks/edge/x": 404, "DELETE /api/v1/tasks/edge/x": 404, "PUT /api/v1/tasks/edge/y": 201,
	} {
		if w := ask(t, h, request, ""); w.Code != status {
			t.Errorf("%s: %d %s, want %d", request, w.Code, w.Body, status)
		}
	}
	if got := open(t, ask(t, h, "GET /api/v1/tasks", "")); len(got.Warnings) > 0 {
		t.Errorf("warnings: %q", got.Warnings)
	}
}

// Only the owner can end the pause of an account; others say who that is.
func TestRetryElsewhere(t *testing.T) {
	t.Parallel()
	const edge, vod, all = "POST /-/retry?account=edge", "POST /-/retry?account=vod", "POST /-/retry"
	for name, c := range map[string]struct {
		request string
		owned   bool
		owner   string
		status  int
		want    string
	}{
		"another replica's": {edge, false, "b", http.StatusConflict, `replica "b" asks for account "edge"; tell it there`},
		"nobody's":          {edge, false, "", http.StatusConflict, `no replica asks for account "edge" now`},
		"its own":           {edge, true, "a", http.StatusOK, "Asking again"},
		"another account":   {vod, false, "b", http.StatusOK, "Asking again"},
		"all, of which one": {all, false, "b", http.StatusOK, "Asking again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter()
			e.accounts[0].Owned, e.accounts[0].Owner = c.owned, c.owner
			w := ask(t, handler(t, replica(e, true)), c.request, "")
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.want)
			}
		})
	}
	e := newExporter()
	e.accounts[0].Owned, e.accounts[1].Owned = false, false
	if w := ask(t, handler(t, replica(e, true)), all, ""); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "asks for no account") {
		t.Errorf("all, of which none: %d %s", w.Code, w.Body)
	}
	e.accounts = nil
	if w := ask(t, handler(t, replica(e, true)), all, ""); w.Code != http.StatusOK {
		t.Errorf("without accounts: %d %s", w.Code, w.Body)
	}
}

func TestPagesNameTheReplica(t *testing.T) {
	t.Parallel()
	h := handler(t, replica(newExporter(), true))
	for _, path := range []string{"/", "/tasks"} {
		if body := ask(t, h, "GET "+path, "").Body.String(); !strings.Contains(body, "a&lt;b") || strings.Contains(body, "a<b") {
			t.Errorf("%s: no name, or one that is not escaped, in\n%s", path, body)
		}
	}
	var accounts []struct {
		Owner *string `json:"owner"`
	}
	if err := json.Unmarshal(open(t, ask(t, h, "GET /api/v1/accounts", "")).Data, &accounts); err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a.Owner != nil {
			t.Errorf("nobody's account belongs to %s", *a.Owner)
		}
	}
}
