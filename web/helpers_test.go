package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed is the moment of the tests.
var fixed = time.Date(2026, time.November, 21, 9, 30, 0, 0, time.UTC)

// exporter is what the pages are given: two accounts, tasks of the
// configuration, and a registry that is watched as the real one is.
type exporter struct {
	mu         sync.Mutex
	accounts   []prefetch.AccountState
	configured map[string]bool // "account id"
	registered map[string]prefetch.Task
	unwatched  bool  // what is put is not watched
	broken     error // the store's error, if it fails
	ready      bool
	reloads    int
	reloadErr  error
}

func newExporter() *exporter {
	return &exporter{
		accounts: []prefetch.AccountState{
			{Owned: true, Account: prefetch.Account{Provider: "cdnetworks", Name: "edge"}},
			{Owned: true, Account: prefetch.Account{Provider: "huaweicloud_vod", Name: "vod"}},
		},
		configured: map[string]bool{}, registered: map[string]prefetch.Task{}, ready: true,
	}
}

// configure lists task "x" of account "edge" in the configuration.
func (e *exporter) configure() {
	const id = "x"
	a := &e.accounts[0]
	e.configured[a.Account.Name+" "+id] = true
	a.Tasks = append(a.Tasks, &prefetch.TaskState{Account: a.Account, ID: id, Source: prefetch.SourceConfig, Created: fixed})
}

func (e *exporter) Snapshot() prefetch.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	accounts := slices.Clone(e.accounts)
	for i := range accounts {
		a := &accounts[i]
		a.Tasks = slices.Clone(a.Tasks)
		for k, task := range e.registered {
			if task.Account == a.Account.Name && !e.configured[k] && !e.unwatched {
				a.Tasks = append(a.Tasks, &prefetch.TaskState{
					Account: a.Account, ID: task.ID, Source: task.Source,
					Created: task.Created, Deadline: task.Deadline, Labels: task.Labels,
				})
			}
		}
		slices.SortFunc(a.Tasks, func(x, y *prefetch.TaskState) int { return strings.Compare(x.ID, y.ID) })
	}
	return prefetch.Snapshot{Accounts: accounts}
}

func (e *exporter) Put(task prefetch.Task) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken != nil {
		return false, e.broken
	}
	if err := task.Validate(); err != nil {
		return false, err
	}
	k := task.Account + " " + task.ID
	_, existed := e.registered[k]
	e.registered[k] = task
	return !existed, nil
}

func (e *exporter) Delete(account, id string) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken != nil {
		return false, e.broken
	}
	k := account + " " + id
	_, existed := e.registered[k]
	delete(e.registered, k)
	return existed, nil
}

func (e *exporter) Get(account, id string) (prefetch.Task, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	task, ok := e.registered[account+" "+id]
	return task, ok
}

func (e *exporter) Sources(account, id string) []string {
	var sources []string
	if e.configured[account+" "+id] {
		sources = append(sources, prefetch.SourceConfig)
	}
	if _, ok := e.Get(account, id); ok {
		sources = append(sources, prefetch.SourceAPI)
	}
	return sources
}

// options are those of an exporter that allows everything.
func (e *exporter) options() web.Options {
	return web.Options{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "prefetch_account_up 1\n")
		}),
		TelemetryPath: "/metrics",
		Ready:         func() bool { return e.ready },
		Config:        func() []byte { return []byte("secret_key: <secret>\n") },
		Snapshot:      e.Snapshot,
		Reload: func(context.Context) error {
			e.reloads++
			return e.reloadErr
		},
		Retry:    func(string) bool { return true },
		Registry: e, Sources: e.Sources,
		Profiles: true,
	}
}

func handler(tb testing.TB, o web.Options) http.Handler {
	tb.Helper()
	h, err := web.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// ask sends one request. Headers are names, each followed by its value.
func ask(tb testing.TB, h http.Handler, request, body string, headers ...string) *httptest.ResponseRecorder {
	tb.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// taskForm is what tests read of a task.
type taskForm struct {
	Account  string         `json:"account"`
	Provider string         `json:"provider"`
	ID       string         `json:"id"`
	Source   string         `json:"source"`
	Phase    string         `json:"phase"`
	Deadline string         `json:"deadline"`
	URLs     map[string]int `json:"urls"`
}

// envelope is any answer of the API.
type envelope struct {
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
	Warnings  []string        `json:"warnings"`
	ErrorType string          `json:"errorType"`
	Error     string          `json:"error"`
}

// open reads an answer of the API and checks that it is one envelope of the
// kind that its status asks for.
func open(tb testing.TB, w *httptest.ResponseRecorder) envelope {
	tb.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		tb.Errorf("Content-Type is %q", got)
	}
	var e envelope
	decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		tb.Fatalf("%v in %s", err, w.Body)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		tb.Errorf("more than one value in %s", w.Body)
	}
	if w.Code < http.StatusBadRequest {
		if e.Status != "success" || len(e.Data) == 0 || e.ErrorType+e.Error != "" {
			tb.Errorf("%d is not in the envelope of success: %s", w.Code, w.Body)
		}
	} else if e.Status != "error" || len(e.Data) > 0 || e.ErrorType == "" || e.Error == "" {
		tb.Errorf("%d is not in the envelope of errors: %s", w.Code, w.Body)
	}
	return e
}

// golden compares a JSON text, indented, with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var text bytes.Buffer
	if err := json.Indent(&text, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
