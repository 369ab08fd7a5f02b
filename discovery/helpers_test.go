package discovery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"prefetch_exporter/discovery"
	"prefetch_exporter/prefetch"
)

// patience is how long a test waits for what must happen; it says nothing of
// how long that takes.
const patience = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// health is what a reporter was last told.
type health struct {
	up      bool
	success time.Time
}

// reports is a Reporter that remembers.
type reports struct {
	mu       sync.Mutex
	sources  map[string]health
	rejected map[string]int
}

func newReports() *reports {
	return &reports{sources: make(map[string]health), rejected: make(map[string]int)}
}

func (r *reports) SetDiscovery(source string, up bool, lastSuccess time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sources[source] = health{up: up, success: lastSuccess}
}

func (r *reports) RemoveDiscovery(source string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sources, source)
}

func (r *reports) SetRejected(reason string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejected[reason] = n
}

func (r *reports) source(name string) (health, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.sources[name]
	return h, ok
}

func (r *reports) up(name string) bool {
	h, _ := r.source(name)
	return h.up
}

func (r *reports) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.sources))
}

func (r *reports) rejections() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.rejected)
}

// logs remembers what was logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// count returns how many lines have the text.
func (l *logs) count(text string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// run runs the manager until the test ends or stop is called.
func run(t *testing.T, m *manager) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// options are what a manager is made of, and the sources of its configuration.
type options struct {
	Files     []string
	HTTP      []discovery.HTTPSource
	Submitted discovery.Submitted
	Reporter  discovery.Reporter
	Logger    *slog.Logger
	Interval  time.Duration
	UserAgent string
	Random    func() float64
}

// manager remembers its configuration, so that a test can change a part of it.
type manager struct {
	*discovery.Manager

	t      *testing.T
	update discovery.Update
}

func newManager(t *testing.T, o options) *manager {
	t.Helper()
	if o.Reporter == nil {
		o.Reporter = newReports()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Submitted == nil {
		o.Submitted = &submitted{}
	}
	return &manager{t: t, Manager: discovery.New(discovery.Options{
		Submitted: o.Submitted, Reporter: o.Reporter, Logger: o.Logger, Interval: o.Interval, UserAgent: o.UserAgent, Random: o.Random,
	}), update: discovery.Update{Files: o.Files, HTTP: o.HTTP}}
}

// Reload changes everything. Sources that say no more are called by their address, and
// asked each minute.
func (m *manager) Reload(u discovery.Update) error {
	u.HTTP = slices.Clone(u.HTTP)
	for i := range u.HTTP {
		h := &u.HTTP[i]
		address, err := url.Parse(h.URL)
		if err != nil {
			m.t.Fatal(err)
		}
		h.Name = address.Scheme + "://" + address.Host + address.Path
		if h.RefreshInterval == 0 {
			h.RefreshInterval = time.Minute
		}
	}
	err := m.Manager.Reload(u)
	if err == nil {
		m.update = u
	}
	return err
}

// Set changes the tasks and the accounts.
func (m *manager) Set(configured []prefetch.Task, accounts []string) {
	u := m.update
	u.Configured, u.Accounts = configured, accounts
	if err := m.Reload(u); err != nil {
		m.t.Fatal(err)
	}
}

// Known reports whether nothing of a kind of source is pending.
func (m *manager) Known(source string) bool { return !slices.Contains(m.Pending(), source) }

// submitted are tasks of the task API that nothing keeps.
type submitted struct {
	mu         sync.Mutex
	tasks      []prefetch.Task
	unreadable []error
	revision   uint64
}

func (s *submitted) put(task prefetch.Task) {
	s.remove(task.Account, task.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	task.Source = prefetch.SourceAPI
	s.tasks = append(s.tasks, task)
	slices.SortFunc(s.tasks, func(a, b prefetch.Task) int { return strings.Compare(a.Account+"/"+a.ID, b.Account+"/"+b.ID) })
	s.revision++
}

func (s *submitted) remove(account, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = slices.DeleteFunc(slices.Clone(s.tasks), func(t prefetch.Task) bool { return t.Account == account && t.ID == id })
	s.revision++
}

func (s *submitted) List() []prefetch.Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tasks)
}

func (s *submitted) Get(account, id string) (prefetch.Task, bool) {
	for _, t := range s.List() {
		if t.Account == account && t.ID == id {
			return t, true
		}
	}
	return prefetch.Task{}, false
}

func (s *submitted) Unreadable() []error { return s.unreadable }

func (s *submitted) Revision() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// ids returns what is merged as "account/id source", sorted.
func ids(m *manager) []string {
	var all []string
	for account, tasks := range m.Merged() {
		for _, task := range tasks {
			all = append(all, account+"/"+task.ID+" "+task.Source)
		}
	}
	slices.Sort(all)
	return all
}

// await waits until the condition holds, looking whenever the manager says that
// something changed.
func await(t *testing.T, m *manager, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-m.Changes():
		case <-deadline:
			t.Fatalf("in vain: %s; merged is %v", what, ids(m))
		}
	}
}

func awaitIDs(t *testing.T, m *manager, want ...string) {
	t.Helper()
	await(t, m, strings.Join(want, ", "), func() bool { return slices.Equal(ids(m), want) })
}

func wantIDs(t *testing.T, m *manager, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, ids(m)); diff != "" {
		t.Fatalf("merged (-want +got):\n%s", diff)
	}
}

func task(account, id string) prefetch.Task { return prefetch.Task{Account: account, ID: id} }

func from(source string, tasks ...prefetch.Task) []prefetch.Task {
	for i := range tasks {
		tasks[i].Source = source
	}
	return tasks
}

// list is a discovery document of the tasks "account/id".
func list(names ...string) string {
	entries := make([]map[string]string, 0, len(names))
	for _, name := range names {
		account, id, _ := strings.Cut(name, "/")
		entries = append(entries, map[string]string{"account": account, "id": id})
	}
	data, err := json.Marshal(entries)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// runPolls is run in a bubble of synctest, where it waits for the first answers.
func runPolls(t *testing.T, m *manager) {
	t.Helper()
	run(t, m)
	synctest.Wait()
}

var deadline = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
