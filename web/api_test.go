package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
)

// zone is not UTC, as what a vendor sends often is.
var zone = time.FixedZone("GMT+08:00", 8*60*60)

// rich knows of everything that an answer can show.
func rich() *exporter {
	edge := prefetch.Account{Provider: "cdnetworks", Name: "edge"}
	vod := prefetch.Account{Provider: "huaweicloud_vod", Name: "vod"}
	throttled := &prefetch.Failure{Reason: prefetch.ReasonThrottled, Message: "throttled: HTTP 429: too many <calls> & more", Time: fixed}
	e := newExporter()
	e.accounts = []prefetch.AccountState{
		{
			Account: edge, Owner: "replica-a", Up: true, NextCall: fixed.Add(5*time.Minute + 250*time.Millisecond),
			LastQuery: &prefetch.QueryState{Kind: "window", Why: "refreshes 3 tasks", Time: fixed.In(zone)},
			NextQuery: &prefetch.QueryState{Kind: "task", Task: "active", Why: "oldest answer", Time: fixed.Add(5*time.Minute + 250*time.Millisecond)},
			Tasks: []*prefetch.TaskState{
				{
					Account: edge, ID: "active", Source: prefetch.SourceFile, Phase: prefetch.Active,
					Labels:  map[string]string{"title": "launch \"α\" & <b>"},
					Created: fixed.Add(-time.Hour).In(zone), Deadline: fixed.Add(time.Hour), LastRefresh: fixed.Add(-time.Minute),
					NextLook: fixed.Add(4 * time.Minute), // the account has a call a minute later
					Answered: true, Up: false, LastError: throttled, Counts: prefetch.Counts{1, 2, 3, 4, 5}, Recovered: 1, NoRow: []string{"https://example.com/f?a=1&b"},
					URLs: []prefetch.URL{
						{URL: "https://example.com/a.mp4?x=1&y=<2>", Status: prefetch.Succeeded, Created: fixed, Started: fixed.Add(time.Second), Finished: fixed.Add(time.Minute), Rate: 0.98, HasRate: true},
						{URL: "https://example.com/b", Status: prefetch.Waiting, Rate: -1, HasRate: true},
						{URL: "https://example.com/c", Status: prefetch.Failed, Rate: 0, HasRate: true, Recovered: true},
						{URL: "https://example.com/d", Status: prefetch.Unknown, Rate: math.NaN(), HasRate: true},
						{URL: "https://example.com/e", Status: prefetch.Running, Rate: math.Inf(1), HasRate: true},
					},
				},
				{Account: edge, ID: "lost", Source: prefetch.SourceHTTP, Phase: prefetch.Lost, Created: fixed, Answered: true},
				{Account: edge, ID: "settled", Source: prefetch.SourceConfig, Phase: prefetch.Settled, Created: fixed, Finished: fixed.Add(time.Minute), LastRefresh: fixed.Add(2 * time.Minute), Answered: true, Up: true, Counts: prefetch.Counts{prefetch.Succeeded: 20}, Sample: []string{"https://example.com/warm.mp4?sign=1&t=2", "https://example.com/z.mp4"}},
			},
		},
		{
			Account:   vod,
			LastQuery: &prefetch.QueryState{Kind: "task", Task: "a/b %", Why: "never asked before", Time: fixed, Error: throttled},
			Tasks: []*prefetch.TaskState{
				// A vendor's times may be beyond what JSON's own form of a time can say.
				// A vendor that tells why.
				{
					Account: vod, ID: "6241", Source: prefetch.SourceVendor, Phase: prefetch.Active, Created: fixed, LastRefresh: fixed, Answered: true, Up: true,
					Counts: prefetch.Counts{prefetch.Running: 1, prefetch.Failed: 3}, Causes: prefetch.Causes{prefetch.CauseOrigin: 2, prefetch.CauseUnknown: 1}, HasCauses: true,
					URLs: []prefetch.URL{
						{URL: "https://example.com/a", Status: prefetch.Failed, Cause: prefetch.CauseOrigin, Words: "ORIGIN_ERROR <b>: \"404\" & more"},
						{URL: "https://example.com/b", Status: prefetch.Failed, Cause: prefetch.CauseOrigin, Words: "no text: \xff"},
						{URL: "https://example.com/c", Status: prefetch.Failed},
						{URL: "https://example.com/d", Status: prefetch.Running, Words: "refilling"},
					},
				},
				{Account: vod, ID: "a/b %", Source: prefetch.SourceAPI, Created: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)},
			},
		},
	}
	return e
}

func TestLists(t *testing.T) {
	t.Parallel()
	h := handler(t, rich().options())
	for name, path := range map[string]string{
		"accounts.json":     "/api/v1/accounts",
		"tasks.json":        "/api/v1/tasks",
		"task_active.json":  "/api/v1/tasks/edge/active",
		"task_causes.json":  "/api/v1/tasks/vod/6241",
		"task_settled.json": "/api/v1/tasks/edge/settled",
		"task_pending.json": "/api/v1/tasks/vod/a%2Fb%20%25",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ask(t, h, "GET "+path, "")
			if w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
			open(t, w)
			golden(t, name, w.Body.Bytes())
		})
	}
}

// Every status is told of, those that a later version adds too.
func TestEveryStatusIsCounted(t *testing.T) {
	t.Parallel()
	var task taskForm
	e := open(t, ask(t, handler(t, rich().options()), "GET /api/v1/tasks/edge/active", ""))
	if err := json.Unmarshal(e.Data, &task); err != nil {
		t.Fatal(err)
	}
	for i, s := range prefetch.Statuses() {
		if n, ok := task.URLs[s.String()]; !ok || n != i+1 {
			t.Errorf("%s: %d, %t, want %d", s, n, ok, i+1)
		}
	}
}

func TestNothingIsAList(t *testing.T) {
	t.Parallel()
	e := newExporter()
	h := handler(t, e.options())
	if got := open(t, ask(t, h, "GET /api/v1/tasks", "")); string(got.Data) != "[]" {
		t.Errorf("no tasks: %s", got.Data)
	}
	e.accounts = nil
	if got := open(t, ask(t, h, "GET /api/v1/accounts", "")); string(got.Data) != "[]" {
		t.Errorf("no accounts: %s", got.Data)
	}
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.configure()
	for _, test := range []struct {
		request    string
		status     int
		kind, want string
		allow      string
	}{
		{"GET /api/", 404, "not_found", "no such endpoint", ""},
		{"GET /api/v2/tasks", 404, "not_found", "no such endpoint", ""},
		{"DELETE /api/v1", 404, "not_found", "no such endpoint", ""},
		{"GET /api/v1/tasks/", 404, "not_found", "no such endpoint", ""},
		{"GET /api/v1/tasks/edge", 404, "not_found", "no such endpoint", ""},
		{"GET /api/v1/tasks/edge/", 404, "not_found", "no such endpoint", ""},
		{"GET /api/v1/tasks/edge/y", 404, "not_found", `no task "y" of account "edge"`, ""},
		{"GET /api/v1/tasks/nobody/x", 404, "not_found", `no task "x" of account "nobody"`, ""},
		{"POST /api/v1/tasks", 405, "bad_data", "GET, HEAD", "GET, HEAD"},
		{"PUT /api/v1/accounts", 405, "bad_data", "GET, HEAD", "GET, HEAD"},
		{"OPTIONS /api/v1/tasks/edge/x", 405, "bad_data", "DELETE, GET, HEAD, PUT", "DELETE, GET, HEAD, PUT"},
		{"PATCH /api/v1/tasks/edge/x", 405, "bad_data", "DELETE, GET, HEAD, PUT", "DELETE, GET, HEAD, PUT"},
		{"PUT //api/v1/tasks/edge/y", 400, "bad_data", "percent-encoded", ""},
		{"PUT /api/v1/tasks/edge/https://example.com", 400, "bad_data", "percent-encoded", ""},
		{"PUT /api/v1/tasks/edge//", 400, "bad_data", "percent-encoded", ""},
		{"GET /api/v1/tasks/edge/../vod/y", 400, "bad_data", "percent-encoded", ""},
		{"PUT /api/v1/tasks/nobody/y", 404, "not_found", `no account "nobody"`, ""},
		{"PUT /api/v1/tasks/edge/%20y", 400, "bad_data", "id: must not begin or end with a blank", ""},
		{"PUT /api/v1/tasks/edge/a%0Ab", 400, "bad_data", "id: must not contain control characters", ""},
		{"PUT /api/v1/tasks/edge/a%FF", 400, "bad_data", "id: must not contain bytes that are not UTF-8", ""},
		{"PUT /api/v1/tasks/edge/" + strings.Repeat("x", 257), 400, "bad_data", "id: must not be longer than 256 bytes, has 257", ""},
		{"DELETE /api/v1/tasks/edge/y", 404, "not_found", `no task "y" of account "edge"`, ""},
		{"DELETE /api/v1/tasks/nobody/y", 404, "not_found", `no task "y" of account "nobody"`, ""},
		{"DELETE /api/v1/tasks/edge/x", 409, "conflict", `also listed in source "config"`, ""},
	} {
		w := ask(t, handler(t, e.options()), test.request, "")
		got := open(t, w)
		if w.Code != test.status || got.ErrorType != test.kind || !strings.Contains(got.Error, test.want) || w.Header().Get("Allow") != test.allow {
			t.Errorf("%s: %d, Allow %q: %s", test.request, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
	if len(e.registered) > 0 {
		t.Errorf("these were put all the same: %v", e.registered)
	}
}

func TestReadingWithoutTaskAPI(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.configure()
	o := e.options()
	o.Registry, o.Sources = nil, nil
	h := handler(t, o)
	for request, want := range map[string]int{
		"GET /api/v1/tasks/edge/x":    http.StatusOK,
		"GET /api/v1/tasks/edge/y":    http.StatusNotFound,
		"PUT /api/v1/tasks/edge/y":    http.StatusForbidden,
		"DELETE /api/v1/tasks/edge/y": http.StatusForbidden,
		"PUT /api/v1/tasks/nobody/y":  http.StatusForbidden,
	} {
		w := ask(t, h, request, "")
		got := open(t, w)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", request, w.Code, want)
		}
		if want == http.StatusForbidden && (got.ErrorType != "forbidden" || !strings.Contains(got.Error, "--web.enable-task-api")) {
			t.Errorf("%s: %s", request, w.Body)
		}
	}
}

// many is a list as long as the default task limit allows for two accounts.
func many(n int) *exporter {
	e := newExporter()
	for i := range n {
		a := &e.accounts[i%2]
		a.Tasks = append(a.Tasks, &prefetch.TaskState{
			Account: a.Account, ID: fmt.Sprintf("task-%05d", i), Source: prefetch.SourceAPI, Phase: prefetch.Active, Answered: true,
			Created: fixed, Deadline: fixed.Add(time.Hour), LastRefresh: fixed, Counts: prefetch.Counts{1, 2, 3, 4, 5},
			Labels: map[string]string{"title": "launch"},
		})
	}
	return e
}

func TestLongList(t *testing.T) {
	t.Parallel()
	const n = 10_000
	var tasks []taskForm
	if err := json.Unmarshal(open(t, ask(t, handler(t, many(n).options()), "GET /api/v1/tasks", "")).Data, &tasks); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, task := range tasks {
		seen[task.ID] = true
	}
	if len(tasks) != n || len(seen) != n {
		t.Errorf("%d tasks, %d different", len(tasks), len(seen))
	}
}

// gone is a client that hung up.
type gone struct {
	httptest.ResponseRecorder
	writes int
}

func (g *gone) Header() http.Header { return http.Header{} }
func (g *gone) Write([]byte) (int, error) {
	g.writes++
	return 0, errors.New("broken pipe")
}

func TestClientHangsUp(t *testing.T) {
	t.Parallel()
	h, client := handler(t, many(10_000).options()), &gone{}
	h.ServeHTTP(client, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/tasks", nil))
	if client.writes > 1 {
		t.Errorf("%d writes to a client that is gone", client.writes)
	}
}

// discard is a client whose memory is not measured.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkListTasks(b *testing.B) {
	h := handler(b, many(10_000).options())
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/v1/tasks", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(discard{http.Header{}}, r)
	}
}
