package poller_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// second is long enough for everything that happens at once.
const second = time.Second

// wait lets d pass, and everything happen that is due by then.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// mood is what a vendor says of each task, until a test changes it. A task that
// has no entry is not found.
type mood struct {
	mu    sync.Mutex
	says  map[string]func() (vendorapi.Answer, error)
	asked map[string]int
}

// moody is a vendor without pages and windows that answers as its mood is.
func moody() (*stub, *mood) {
	m := &mood{says: map[string]func() (vendorapi.Answer, error){}, asked: map[string]int{}}
	return &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: m.answer}, m
}

func (m *mood) answer(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[q.TaskID]++
	if f := m.says[q.TaskID]; f != nil {
		return f()
	}
	return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonNotFound}
}

func (m *mood) set(id string, f func() (vendorapi.Answer, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.says[id] = f
}

// count is how often a task was asked for.
func (m *mood) count(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[id]
}

// urls answers with one URL of each status.
func urls(statuses ...prefetch.Status) func() (vendorapi.Answer, error) {
	return func() (vendorapi.Answer, error) {
		rows := make([]prefetch.URL, len(statuses))
		for i, s := range statuses {
			rows[i] = prefetch.URL{URL: fmt.Sprintf("https://example.com/%d", i), Status: s}
		}
		return vendorapi.Answer{URLs: rows, Count: len(rows)}, nil
	}
}

// fails answers with an error of the reason.
func fails(reason prefetch.Reason) func() (vendorapi.Answer, error) {
	return func() (vendorapi.Answer, error) {
		return vendorapi.Answer{}, &vendorapi.Error{Reason: reason, Message: "as the test wants"}
	}
}

// quick is an account whose budget never stands in the way.
func quick(v vendorapi.Provider) poller.Account {
	return account(huaweiAccount, v, prefetch.Limit{Calls: 1000, Per: second})
}

// keys is how many values the store has.
func keys(t *testing.T, st *memory) int {
	t.Helper()
	n := 0
	for _, table := range store.Tables() {
		if err := st.Scan(table, func(string, string, []byte) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// logs collects what is logged.
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
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// lines returns the lines that contain text.
func (l *logs) lines(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// gaps are the times between the beginnings of calls that q accepts.
func (s *stub) gaps(accept func(q vendorapi.Query) bool) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gaps []time.Duration
	var last time.Time
	for i, q := range s.queries {
		if !accept(q) {
			continue
		}
		if !last.IsZero() {
			gaps = append(gaps, s.spans[i].began.Sub(last))
		}
		last = s.spans[i].began
	}
	return gaps
}

func (s *stub) asked() []vendorapi.Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queries)
}

func about(id string) func(vendorapi.Query) bool {
	return func(q vendorapi.Query) bool { return q.TaskID == id }
}

// runUntil runs a poller for d.
func runUntil(t *testing.T, p *poller.Poller, d time.Duration) {
	t.Helper()
	ctx, cancel := contextWithCancel(t)
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	wait(d)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
