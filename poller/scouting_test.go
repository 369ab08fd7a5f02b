package poller_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// listened is one call that a listener heard.
type listened struct {
	at     time.Time // when its answer came
	query  vendorapi.Query
	answer vendorapi.Answer
	err    error
}

func (l *listened) scout() bool {
	return l.query.Kind == vendorapi.QueryWindow && l.query.Status != nil && *l.query.Status == prefetch.Running
}

// listener is a provider that remembers what it was asked and what it said.
type listener struct {
	vendorapi.Provider

	mu    sync.Mutex
	heard []listened
}

func (l *listener) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	ans, err := l.Provider.Query(ctx, q)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, listened{time.Now(), q, ans, err})
	return ans, err
}

// since returns the calls after the first n.
func (l *listener) since(n int) []listened {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard[n:len(l.heard):len(l.heard)]
}

// scouts is how many of the calls were scouts.
func scouts(calls []listened) (n int) {
	for i := range calls {
		if calls[i].scout() {
			n++
		}
	}
	return n
}

// asksToRun reports whether a request is for rows that run, which stay readable.
func asksToRun(r *http.Request) bool {
	b, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(b)))
	return err == nil && strings.Contains(string(b), runFilter)
}

// answersRunning has the vendor answer every question for rows that run so.
func answersRunning(vendor *simcdnetworks.Server, answer string) {
	vendor.Fault(func(r *http.Request) (int, string, bool) { return http.StatusOK, answer, asksToRun(r) })
}

// stragglers submits n tasks a quarter of an hour apart, the youngest an hour
// ago. Each has one URL that runs until its finish; the others are long final.
func stragglers(vendor *simcdnetworks.Server, n int, finish func(i int) time.Duration) []prefetch.Task {
	now := time.Now()
	tasks := make([]prefetch.Task, n)
	for i := range tasks {
		age := time.Hour + time.Duration(i)*15*time.Minute
		task := simulator.Task{
			ID: fmt.Sprintf("task-%02d", i), Owner: user, Created: now.Add(-age), URLs: plans(straggling, 5*time.Minute),
		}
		task.URLs[3].Wait, task.URLs[3].Fetch = time.Minute, age-time.Minute+finish(i)
		tasks[i] = submit(vendor, task)
	}
	return tasks
}

// submit submits a task. It returns the task as configured with its creation and
// URLs.
func submit(vendor *simcdnetworks.Server, task simulator.Task) prefetch.Task {
	vendor.Submit(task)
	spec := configured(edgeAccount, task.ID)
	spec.Created = task.Created
	for _, u := range task.URLs {
		spec.URLs = append(spec.URLs, u.URL)
	}
	return spec
}

// scouting is a poller of tasks some of whose URLs run for long.
type scouting struct {
	*rig
	*listener
	*logs

	vendor *simcdnetworks.Server
	heard  int // calls that were looked at
}

func startScouting(t *testing.T, st *memory, vendor *simcdnetworks.Server, h http.Handler, tasks ...prefetch.Task) *scouting {
	t.Helper()
	a := edge(t, h)
	s := &scouting{listener: &listener{Provider: a.Provider}, logs: &logs{}, vendor: vendor}
	a.Provider = s.listener
	s.rig = startLogging(t, st, s.logger(), []poller.Account{a}, tasks...)
	return s
}

// next waits for the next call.
func (s *scouting) next(t *testing.T) listened {
	t.Helper()
	for range 100 {
		if calls := s.since(s.heard); len(calls) > 0 {
			synctest.Wait()
			s.heard++
			s.check(t)
			return calls[0]
		}
		wait(edgeSlot / 10)
	}
	t.Fatal("no call for long")
	return listened{}
}

// check asks whether everything that is shown as settled is, with the vendor's
// counts, and whether the quota was kept.
func (s *scouting) check(t *testing.T) {
	t.Helper()
	for _, task := range s.account(t, edgeAccount).Tasks {
		_, truth := s.vendor.Settled(task.ID)
		if task.Settled() && (!truth || task.Counts != s.vendor.Counts(task.ID)) {
			t.Fatalf("%s is shown settled with %v, the vendor has %v", task.ID, task.Counts, s.vendor.Counts(task.ID))
		}
	}
	if n := s.vendor.Stats().OverQuota; n != 0 {
		t.Fatalf("%d calls over the quota", n)
	}
}

// unsettled is how many tasks are not shown settled.
func (s *scouting) unsettled(t *testing.T) int {
	t.Helper()
	phases := s.account(t, edgeAccount).Phases
	return phases[prefetch.Pending] + phases[prefetch.Active] + phases[prefetch.Lost]
}
