package poller_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	project = "0123456789abcdef0123456789abcdef"
	user    = "ops"
)

var (
	huaweiAccount = prefetch.Account{Provider: huaweicloud.Name, Name: "vod"}
	edgeAccount   = prefetch.Account{Provider: cdnetworks.Name, Name: "edge"}
)

// recorder remembers what the poller recorded.
type recorder struct {
	mu       sync.Mutex
	called   map[string]int
	failed   map[prefetch.Reason]int
	answered int
	took     []time.Duration // by calls
	wait     []time.Duration
	fetch    []time.Duration
	tasks    []time.Duration
}

func newRecorder() *recorder {
	return &recorder{called: map[string]int{}, failed: map[prefetch.Reason]int{}}
}

func (r *recorder) AddAccount(prefetch.Account)    {}
func (r *recorder) RemoveAccount(prefetch.Account) {}

func (r *recorder) do(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *recorder) Called(_ prefetch.Account, kind string) { r.do(func() { r.called[kind]++ }) }
func (r *recorder) Answered(_ prefetch.Account, took time.Duration) {
	r.do(func() { r.answered++; r.took = append(r.took, took) })
}

func (r *recorder) Failed(_ prefetch.Account, reason prefetch.Reason) {
	r.do(func() { r.failed[reason]++ })
}

func (r *recorder) URLWait(_ prefetch.Account, d time.Duration) {
	r.do(func() { r.wait = append(r.wait, d) })
}

func (r *recorder) URLFetch(_ prefetch.Account, d time.Duration) {
	r.do(func() { r.fetch = append(r.fetch, d) })
}

func (r *recorder) TaskDuration(_ prefetch.Account, d time.Duration) {
	r.do(func() { r.tasks = append(r.tasks, d) })
}

// memory is a store without a disk that tests can break.
type memory struct {
	*storetest.Memory
	lost time.Time

	mu   sync.Mutex
	fail func(ops []store.Op) error
}

func newMemory() *memory { return &memory{Memory: storetest.NewMemory()} }

func (m *memory) Recovery() (time.Time, bool) { return m.lost, !m.lost.IsZero() }

func (m *memory) Write(ops ...store.Op) error {
	m.mu.Lock()
	fail := m.fail
	m.mu.Unlock()
	if fail != nil {
		if err := fail(ops); err != nil {
			return err
		}
	}
	return m.Memory.Write(ops...)
}

// failWith makes writes fail as f says; nil mends the store.
func (m *memory) failWith(f func(ops []store.Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

func client(t *testing.T, h http.Handler) *vendorapi.Client {
	t.Helper()
	c, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: simulator.Transport(h), UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func huawei(t *testing.T, h http.Handler) poller.Account {
	t.Helper()
	p, err := huaweicloud.New(huaweicloud.Options{
		Endpoint: "http://vod.test", ProjectID: project, Client: client(t, h),
		Auth: huaweicloud.AKSK(func() string { return "AK" }, func() string { return "SK" }, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	return account(huaweiAccount, p, prefetch.Limit{Calls: 50, Per: time.Minute})
}

func huaweiCDN(t *testing.T, h http.Handler) poller.Account {
	t.Helper()
	p, err := huaweicloud.NewCDN(huaweicloud.CDNOptions{
		Endpoint: "http://cdn.test", Client: client(t, h),
		Auth: huaweicloud.AKSK(func() string { return "AK" }, func() string { return "SK" }, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	return account(prefetch.Account{Provider: huaweicloud.CDNName, Name: "cdn"}, p, prefetch.Limit{Calls: 60, Per: time.Minute})
}

func edge(t *testing.T, h http.Handler) poller.Account {
	t.Helper()
	return edgeWith(t, h, nil, nil)
}

// edgeWith is edge in a time zone, and with requests that are dated by a clock of
// their own.
func edgeWith(t *testing.T, h http.Handler, zone *time.Location, now func() time.Time) poller.Account {
	t.Helper()
	p, err := cdnetworks.New(cdnetworks.Options{
		Endpoint: "http://edge.test", Client: client(t, h),
		Auth:     cdnetworks.APIKey(user, func() string { return "key" }),
		PageSize: 100, LookBack: 72 * time.Hour, Location: zone, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return account(edgeAccount, p, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
}

func account(name prefetch.Account, p vendorapi.Provider, limit prefetch.Limit) poller.Account {
	return poller.Account{
		Account: name, Identity: name.Provider, Provider: p, Limit: limit,
		PollInterval: time.Minute, Retention: 24 * time.Hour, MaxStaleness: time.Hour, TaskLimit: 5000,
	}
}

func huaweiOptions() simhuaweicloud.Options {
	return simhuaweicloud.Options{
		Quota: simulator.Quota{Calls: 50, Per: time.Minute}, AccessKeys: map[string]string{"AK": "SK"},
	}
}

func edgeOptions() simcdnetworks.Options {
	return simcdnetworks.Options{
		Quota: simulator.Quota{Calls: 1, Per: 5 * time.Minute}, APIKeys: map[string]string{user: "key"},
	}
}

// rig is a poller that runs within a synctest bubble.
type rig struct {
	*poller.Poller
	recorder *recorder
	store    *memory
	stop     func()
}

// start starts a poller of one account; stop is called at the end of the test
// at the latest.
func start(t *testing.T, st *memory, accounts []poller.Account, tasks ...prefetch.Task) *rig {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return startLogging(t, st, log, accounts, tasks...)
}

// startLogging is start with a logger.
func startLogging(t *testing.T, st *memory, log *slog.Logger, accounts []poller.Account, tasks ...prefetch.Task) *rig {
	t.Helper()
	r := &rig{recorder: newRecorder(), store: st}
	r.Poller = poller.New(poller.Options{
		Store: st, Recorder: r.recorder, Clock: clock.Wall(time.Now), Logger: log,
		Random: func() float64 { return 0.5 },
	})
	if err := r.Configure(accounts); err != nil {
		t.Fatal(err)
	}
	r.list(tasks...)
	ctx, cancel := contextWithCancel(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(r.stop)
	return r
}

func (r *rig) list(tasks ...prefetch.Task) {
	listed := map[string][]prefetch.Task{}
	for _, task := range tasks {
		listed[task.Account] = append(listed[task.Account], task)
	}
	r.List(listed)
}

// account is the state of one account.
func (r *rig) account(t *testing.T, name prefetch.Account) prefetch.AccountState {
	t.Helper()
	for _, a := range r.Snapshot().Accounts {
		if a.Account == name {
			return a
		}
	}
	t.Fatalf("no account %v", name)
	return prefetch.AccountState{}
}

// task is the state of one task; nil if it is not watched.
func (r *rig) task(t *testing.T, name prefetch.Account, id string) *prefetch.TaskState {
	t.Helper()
	for _, task := range r.account(t, name).Tasks {
		if task.ID == id {
			return task
		}
	}
	return nil
}

// plans returns n URLs that finish one after the other until last.
func plans(n int, last time.Duration) []simulator.URLPlan {
	urls := make([]simulator.URLPlan, n)
	for i := range urls {
		fetch := last * time.Duration(i+1) / time.Duration(n)
		urls[i] = simulator.URLPlan{URL: fmt.Sprintf("https://example.com/%d.mp4", i), Wait: fetch / 4, Fetch: fetch - fetch/4}
	}
	return urls
}

func configured(name prefetch.Account, id string) prefetch.Task {
	return prefetch.Task{Account: name.Name, ID: id, Source: prefetch.SourceConfig}
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.WithoutCancel(t.Context()))
}
