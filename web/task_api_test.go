package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/web"
)

var _ web.Registry = (*submitted.Tasks)(nil)

func TestPut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want prefetch.Task
	}{
		"empty":        {"", prefetch.Task{}},
		"blank":        {" \r\n\t", prefetch.Task{}},
		"empty object": {"{}", prefetch.Task{}},
		"null": {
			`{"created":null,"deadline":null,"urls":null,"labels":null}`,
			prefetch.Task{},
		},
		"empty lists": {`{"urls":[],"labels":{}}`, prefetch.Task{}},
		// As in a file: who computed a label need not make a text of it.
		"scalars": {`{"labels":{"part":1.50,"live":true,"none":null}}`, prefetch.Task{Labels: map[string]string{"part": "1.50", "live": "true"}}},
		"all": {
			` { "created" : "2026-11-21T17:30:00+08:00", "deadline": "2026-11-21T10:00:00.5Z",
				"urls": [ "https://example.com/a.mp4", "http://example.com/b?x=\u0026" ],
				"labels": { "title" : "launch \u00e9", "empty": "" } } `,
			prefetch.Task{
				Created: fixed, Deadline: fixed.Add(30*time.Minute + 500*time.Millisecond),
				URLs:   []string{"https://example.com/a.mp4", "http://example.com/b?x=&"},
				Labels: map[string]string{"title": "launch é", "empty": ""},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter()
			h := handler(t, e.options())
			for i, status := range []int{http.StatusCreated, http.StatusOK, http.StatusOK} {
				// curl says that this is a form.
				w := ask(t, h, "PUT /api/v1/tasks/edge/x", test.body, "Content-Type", "application/x-www-form-urlencoded")
				if w.Code != status {
					t.Fatalf("attempt %d: %d %s", i+1, w.Code, w.Body)
				}
				got := open(t, w)
				var task taskForm
				if err := json.Unmarshal(got.Data, &task); err != nil || got.Warnings != nil {
					t.Errorf("warnings %q, %v", got.Warnings, err)
				}
				task.Deadline = ""
				want := taskForm{Account: "edge", Provider: "cdnetworks", ID: "x", Source: prefetch.SourceAPI, Phase: "pending"}
				if diff := cmp.Diff(want, task); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if get := ask(t, h, "GET /api/v1/tasks/edge/x", ""); get.Body.String() != w.Body.String() {
					t.Errorf("GET answers %s, PUT %s", get.Body, w.Body)
				}
			}
			test.want.Account, test.want.ID, test.want.Source = "edge", "x", prefetch.SourceAPI
			if diff := cmp.Diff(map[string]prefetch.Task{"edge x": test.want}, e.registered); diff != "" {
				t.Errorf("put (-want +got):\n%s", diff)
			}
			if w := ask(t, h, "DELETE /api/v1/tasks/edge/x", ""); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
				t.Errorf("DELETE: %d %s", w.Code, w.Body)
			}
			if w := ask(t, h, "DELETE /api/v1/tasks/edge/x", ""); w.Code != http.StatusNotFound {
				t.Errorf("second DELETE: %d %s", w.Code, w.Body)
			}
		})
	}
}

// A second PUT says all that is known of the task; nothing of the first is left.
func TestPutReplacesWhole(t *testing.T) {
	t.Parallel()
	e := newExporter()
	h := handler(t, e.options())
	ask(t, h, "PUT /api/v1/tasks/edge/x", `{"created":"2026-11-21T09:30:00Z","labels":{"a":"1"}}`)
	ask(t, h, "PUT /api/v1/tasks/edge/x", `{"deadline":"2026-11-21T09:30:00Z"}`)
	want := prefetch.Task{Account: "edge", ID: "x", Source: prefetch.SourceAPI, Deadline: fixed}
	if diff := cmp.Diff(want, e.registered["edge x"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStoreFails(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.broken = errors.New("no space left on device")
	h := handler(t, e.options())
	for _, request := range []string{"PUT /api/v1/tasks/edge/x", "DELETE /api/v1/tasks/edge/x"} {
		w := ask(t, h, request, "")
		if got := open(t, w); w.Code != http.StatusServiceUnavailable || got.ErrorType != "unavailable" || !strings.Contains(got.Error, "no space left") {
			t.Errorf("%s: %d %s", request, w.Code, w.Body)
		}
	}
}

// A task of the configuration can be put, shows that it is not the one that
// counts, and cannot be deleted while it would be watched still.
func TestTaskOfTwoSources(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.configure()
	h := handler(t, e.options())
	w := ask(t, h, "PUT /api/v1/tasks/edge/x", `{"labels":{"a":"1"}}`)
	got := open(t, w)
	if w.Code != http.StatusCreated || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], `source "config"`) ||
		!strings.Contains(string(got.Data), `"source":"config"`) {
		t.Errorf("PUT: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "DELETE /api/v1/tasks/edge/x", ""); w.Code != http.StatusConflict {
		t.Errorf("DELETE: %d %s", w.Code, w.Body)
	}
	if _, kept := e.Get("edge", "x"); !kept {
		t.Error("a DELETE that was refused has deleted")
	}
}

// A task over the limit is kept, and says that it is not watched.
func TestUnwatchedTask(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.unwatched = true
	h := handler(t, e.options())
	for _, step := range []struct {
		request string
		status  int
	}{
		{"PUT /api/v1/tasks/vod/x", http.StatusCreated},
		{"GET /api/v1/tasks/vod/x", http.StatusOK},
	} {
		const deadline = "2026-11-21T10:00:00Z"
		w := ask(t, h, step.request, `{"deadline":"`+deadline+`"}`)
		got := open(t, w)
		var task taskForm
		if err := json.Unmarshal(got.Data, &task); err != nil || task.Provider != "huaweicloud_vod" || task.Deadline != deadline {
			t.Errorf("%s: %v, %v", step.request, task, err)
		}
		if w.Code != step.status || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "not watched") {
			t.Errorf("%s: %d %s", step.request, w.Code, w.Body)
		}
	}
	// An account that left the configuration takes its tasks with it, and they
	// can be deleted all the same.
	e.accounts = e.accounts[:1]
	if w := ask(t, h, "GET /api/v1/tasks/vod/x", ""); w.Code != http.StatusNotFound {
		t.Errorf("GET without the account: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "DELETE /api/v1/tasks/vod/x", ""); w.Code != http.StatusNoContent {
		t.Errorf("DELETE without the account: %d %s", w.Code, w.Body)
	}
}

// A task whose time is over shows how it ended, and not as one that was never
// asked for, also to who puts it again.
func TestEndedTask(t *testing.T) {
	t.Parallel()
	e := newExporter()
	e.unwatched = true
	edge := e.accounts[0].Account
	ended := func(id, source string, phase prefetch.Phase) prefetch.UnwatchedTask {
		return prefetch.UnwatchedTask{Ended: fixed, TaskState: &prefetch.TaskState{
			Account: edge, ID: id, Source: source, Phase: phase, Answered: true,
			Counts: prefetch.Counts{prefetch.Succeeded: 2, prefetch.Failed: 1}, Created: fixed, Finished: fixed.Add(time.Minute),
		}}
	}
	e.accounts[0].Unwatched = []prefetch.UnwatchedTask{
		ended("config", prefetch.SourceConfig, prefetch.Settled),
		{TaskState: &prefetch.TaskState{Account: edge, ID: "deleted", Source: prefetch.SourceAPI, Phase: prefetch.Active}},
		{TaskState: &prefetch.TaskState{
			Account: edge, ID: "dropped", Source: prefetch.SourceAPI, Phase: prefetch.Active, Created: fixed,
			Answered: true, Counts: prefetch.Counts{prefetch.Running: 3},
		}},
		ended("lost", prefetch.SourceAPI, prefetch.Lost),
		ended("put", prefetch.SourceAPI, prefetch.Settled),
	}
	h := handler(t, e.options())
	const settled = `"phase":"settled","settled":true,"next_look":null,"created":"2026-11-21T09:30:00Z","finished":"2026-11-21T09:31:00Z"`
	for _, step := range []struct {
		request         string
		status          int
		want, labels    string
		ended           bool
		warning, source string
	}{
		{"PUT /api/v1/tasks/edge/put", http.StatusCreated, settled, `{"title":"launch"}`, true, "time is over", "api"},
		{"GET /api/v1/tasks/edge/put", http.StatusOK, settled, `{"title":"launch"}`, true, "time is over", "api"},
		{"GET /api/v1/tasks/edge/config", http.StatusOK, settled, `{}`, true, "time is over", "config"},
		{"GET /api/v1/tasks/edge/lost", http.StatusOK, `"phase":"lost","settled":false`, `{}`, true, "time is over", "api"},
		{"PUT /api/v1/tasks/edge/dropped", http.StatusCreated, `"phase":"active","settled":false`, `{"title":"launch"}`, false, "task_limit", "api"},
	} {
		w := ask(t, h, step.request, `{"labels":{"title":"launch"}}`)
		got := open(t, w)
		data := string(got.Data)
		if w.Code != step.status || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], step.warning) {
			t.Errorf("%s: %d, warnings %q", step.request, w.Code, got.Warnings)
		}
		if !strings.Contains(data, step.want) || !strings.Contains(data, `"labels":`+step.labels) ||
			!strings.Contains(data, `"source":"`+step.source+`"`) || !strings.Contains(data, `"urls":{`) ||
			step.ended != strings.Contains(data, `"url_list":null`) {
			t.Errorf("%s: %s, want %s", step.request, data, step.want)
		}
	}
	if w := ask(t, h, "GET /api/v1/tasks/edge/deleted", ""); w.Code != http.StatusNotFound {
		t.Errorf("a deleted task that is remembered: %d %s", w.Code, w.Body)
	}
}

// An account that is removed while a task is put leaves an answer all the same.
func TestAccountVanishes(t *testing.T) {
	t.Parallel()
	e := newExporter()
	o := e.options()
	o.Snapshot = func() prefetch.Snapshot {
		if len(e.registered) > 0 {
			return prefetch.Snapshot{}
		}
		return e.Snapshot()
	}
	w := ask(t, handler(t, o), "PUT /api/v1/tasks/edge/x", "")
	if got := open(t, w); w.Code != http.StatusCreated || !strings.Contains(string(got.Data), `"id":"x"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// everyByte percent-encodes all of a text, as some scripts do.
func everyByte(text string) string {
	var escaped strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&escaped, "%%%02x", text[i])
	}
	return escaped.String()
}

// Whatever a task and an account are called, the address reaches exactly them.
func TestEveryIDHasAnAddress(t *testing.T) {
	t.Parallel()
	odd := rapid.SampledFrom([]string{"/", "//", "%", "%2F", "..", "./", " ", "+", "?", "#", "&", "{x}", "é", "预热", "\\", ";", ":", "https://", "~", "\"", "a"})
	name := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(odd, 1, 6).Draw(t, "parts"), "")
	})).Filter(func(s string) bool { return (prefetch.Task{Account: s, ID: s}).Validate() == nil })
	rapid.Check(t, func(rt *rapid.T) {
		account, id := name.Draw(rt, "account"), name.Draw(rt, "id")
		e := newExporter()
		e.accounts[0].Account.Name = account
		o := e.options()
		o.RoutePrefix = rapid.SampledFrom([]string{"", "/prefetch"}).Draw(rt, "prefix")
		escape := rapid.SampledFrom([]func(string) string{url.PathEscape, everyByte}).Draw(rt, "escape")
		h, path := handler(t, o), o.RoutePrefix+"/api/v1/tasks/"+escape(account)+"/"+escape(id)

		if w := ask(t, h, "PUT "+path, ""); w.Code != http.StatusCreated {
			rt.Fatalf("PUT %s: %d %s", path, w.Code, w.Body)
		}
		if task, ok := e.registered[account+" "+id]; !ok || task.ID != id || task.Account != account {
			rt.Fatalf("PUT %s made %v", path, e.registered)
		}
		var got taskForm
		w := ask(t, h, "GET "+path, "")
		if err := json.Unmarshal(open(t, w).Data, &got); err != nil || got.ID != id || got.Account != account {
			rt.Fatalf("GET %s: %v, %v", path, got, err)
		}
		if w := ask(t, h, "DELETE "+path, ""); w.Code != http.StatusNoContent || len(e.registered) > 0 {
			rt.Fatalf("DELETE %s: %d, left %v", path, w.Code, e.registered)
		}
	})
}

// What was answered is in the real store after it was closed and opened again,
// however many put and delete at once.
func TestDurable(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start := func() (http.Handler, *submitted.Tasks, *store.DB) {
		db, err := store.Open(store.Options{Path: folder})
		if err != nil {
			t.Fatal(err)
		}
		registry, err := submitted.New(submitted.Options{
			Keeper: db, Room: func(string) (left, limit int) { return 100, 100 },
			Alone: func(string, string) bool { return true }, Listed: func(...submitted.Name) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		o := newExporter().options()
		o.Registry = registry
		o.Sources = func(string, string) []string { return nil }
		return handler(t, o), registry, db
	}
	h, _, db := start()
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			kept, deleted := fmt.Sprintf("/api/v1/tasks/edge/kept-%d", i), fmt.Sprintf("/api/v1/tasks/edge/deleted-%d", i)
			for _, path := range []string{kept, deleted} {
				if w := ask(t, h, "PUT "+path, `{"labels":{"title":"launch"}}`); w.Code != http.StatusCreated {
					t.Errorf("PUT %s: %d %s", path, w.Code, w.Body)
				}
			}
			if w := ask(t, h, "DELETE "+deleted, ""); w.Code != http.StatusNoContent {
				t.Errorf("DELETE %s: %d %s", deleted, w.Code, w.Body)
			}
		})
	}
	clients.Wait()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	h, registry, db := start()
	defer func() { _ = db.Close() }()
	tasks := registry.List()
	if len(tasks) != 8 {
		t.Errorf("%d tasks are left, want 8", len(tasks))
	}
	for i, task := range tasks {
		if task.ID != fmt.Sprintf("kept-%d", i) || task.Labels["title"] != "launch" {
			t.Errorf("left: %v", task)
		}
	}
	if w := ask(t, h, "PUT /api/v1/tasks/edge/kept-0", ""); w.Code != http.StatusOK {
		t.Errorf("replacing what an earlier run put: %d", w.Code)
	}
}

// A URL that is listed twice is kept, and what that means is said.
func TestRepeatedURL(t *testing.T) {
	t.Parallel()
	e := newExporter()
	w := ask(t, handler(t, e.options()), "PUT /api/v1/tasks/edge/x", `{"urls":["https://a","https://b","https://a"]}`)
	got := open(t, w)
	if w.Code != http.StatusCreated || len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], "urls[2]: is listed already, as urls[0]") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if task, kept := e.Get("edge", "x"); !kept || len(task.URLs) != 3 {
		t.Errorf("kept %v", task)
	}
}

// What only the vendor lists was never put, and can be.
func TestTaskThatOnlyTheVendorLists(t *testing.T) {
	t.Parallel()
	e := newExporter()
	a := &e.accounts[0]
	a.Tasks = []*prefetch.TaskState{
		{Account: a.Account, ID: "listed", Source: prefetch.SourceVendor},
		{Account: a.Account, ID: "named", Source: prefetch.SourceHTTP},
	}
	h := handler(t, e.options())
	for id, want := range map[string]string{"listed": "the vendor lists it", "named": "there is no task", "nobody's": "there is no task"} {
		w := ask(t, h, "DELETE /api/v1/tasks/edge/"+id, "")
		if got := open(t, w); w.Code != http.StatusNotFound || got.ErrorType != "not_found" || !strings.Contains(got.Error, want) {
			t.Errorf("DELETE of %s: %d %s", id, w.Code, w.Body)
		}
	}
	if w := ask(t, h, "DELETE /api/v1/tasks/nowhere/listed", ""); w.Code != http.StatusNotFound {
		t.Errorf("DELETE without the account: %d %s", w.Code, w.Body)
	}
	w := ask(t, h, "GET /api/v1/tasks/edge/listed", "")
	var task taskForm
	if err := json.Unmarshal(open(t, w).Data, &task); err != nil || task.Source != "vendor" {
		t.Errorf("GET: %v, %v", task, err)
	}
}
