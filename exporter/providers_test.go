package exporter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/exporter"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const testOwner = "0123456789abcdef0123456789abcdef"

// working is an exporter at work in a bubble.
type working struct {
	t    *testing.T
	file string
	e    *exporter.Exporter
}

// work has an exporter work with a configuration until the test ends.
func work(t *testing.T, rt http.RoundTripper, config string) *working {
	t.Helper()
	folder := t.TempDir()
	w := &working{t: t, file: filepath.Join(folder, "config.yml")}
	w.write(config)
	var err error
	w.e, err = exporter.New(exporter.Options{
		ConfigFile: w.file, StoragePath: filepath.Join(folder, "data"), TelemetryPath: "/metrics",
		Logger: slog.New(slog.DiscardHandler), RoundTripper: rt, Clock: clock.Wall(time.Now),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := w.e.Work(ctx)
	t.Cleanup(func() {
		cancel()
		if err := ended(); err != nil {
			t.Error(err)
		}
		if err := w.e.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *working) write(config string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(config), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// reload loads another configuration, and lets time pass for some calls.
func (w *working) reload(config string) {
	w.t.Helper()
	w.write(config)
	if err := w.e.Reload(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(2 * time.Minute)
	synctest.Wait()
}

// unsettled is a task that does not end.
func unsettled(id, owner string) simulator.Task {
	return simulator.Task{
		ID: id, Owner: owner, Created: time.Now(), URLs: []simulator.URLPlan{{URL: "https://example.com/a", Wait: 24 * time.Hour}},
	}
}

// A reload costs no login, whatever else it changes; another password does. What
// no account needs any more is forgotten.
func TestATokenOutlivesReloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vod := simhuaweicloud.New(simhuaweicloud.Options{IAMUsers: map[string]string{"domain/user": "first-password"}})
		vod.Submit(unsettled("launch", testOwner))
		var logins, calls atomic.Int64
		count := func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/v3/") {
				logins.Add(1)
			} else {
				calls.Add(1)
			}
			return simulator.Transport(vod).RoundTrip(r)
		}
		config := func(limit int, password, more string) string {
			return fmt.Sprintf(`
accounts:
  - name: vod
    rate_limit: {calls: %d, per: 1m}
    huaweicloud_vod:
      endpoint: "http://vod.test"
      project_id: %s
      iam: {endpoint: "http://iam.test", domain: domain, username: user, password: %s}
%s    tasks: [{id: launch}]
`, limit, testOwner, password, more)
		}
		first := config(1, "first-password", "")
		w := work(t, roundTripper(count), first)
		for _, step := range []struct {
			what, config string
			logins       int64
			refused      bool
		}{
			{"the same", first, 1, false},
			{"another limit", config(2, "first-password", ""), 1, false},
			{"another proxy", config(2, "first-password", "      http_client_config: {proxy_url: \"http://proxy.test\"}\n"), 1, false},
			{"another user", strings.ReplaceAll(first, "user, password: first-password", "nobody, password: none"), 2, true},
			{"the first again", first, 3, false},
			{"another password", config(2, "second-password", ""), 4, true},
		} {
			before := calls.Load()
			w.reload(step.config)
			if n := calls.Load() - before; logins.Load() != step.logins || step.refused != (n == 0) {
				t.Errorf("%s: %d logins, want %d; %d calls", step.what, logins.Load(), step.logins, n)
			}
		}
	})
}

// Two accounts that sign with one key never sign the same second, which the vendor
// would refuse; nor does one before and after a reload.
func TestAccountsOfOneKeyShareItsSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		edge := simcdnetworks.New(simcdnetworks.Options{AccessKeys: map[string]string{"AK": "SK"}})
		for _, id := range []string{"one", "two"} {
			edge.Submit(unsettled(id, "AK"))
		}
		var mu sync.Mutex
		seen := map[string]bool{}
		check := func(r *http.Request) (*http.Response, error) {
			second := r.Header.Get("X-Cnc-Timestamp")
			mu.Lock()
			defer mu.Unlock()
			if seen[second] {
				t.Errorf("%s is signed twice", second)
			}
			seen[second] = true
			return simulator.Transport(edge).RoundTrip(r)
		}
		const config = `
global: {poll_interval: 1s}
accounts:
  - name: one
    rate_limit: {calls: 30, per: 1m}
    cdnetworks: {endpoint: "http://edge.test", access_key: AK, secret_key: SK}
    tasks: [{id: one}]
  - name: two
    rate_limit: {calls: 30, per: 1m}
    cdnetworks: {endpoint: "http://edge.test", access_key: AK, secret_key: SK, page_size: 50}
    tasks: [{id: two}]
`
		w := work(t, roundTripper(check), config)
		for range 3 {
			w.reload(config)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < 100 {
			t.Errorf("%d calls", len(seen))
		}
	})
}

// Accounts of one group make as many calls together as one of them may, whatever
// their keys; without the group each makes as many.
func TestAccountsOfAGroupShareItsBudget(t *testing.T) {
	t.Parallel()
	for group, want := range map[string]int64{"": 20, ", group: tenant-7": 10} {
		t.Run("with"+group, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				edge := simcdnetworks.New(simcdnetworks.Options{AccessKeys: map[string]string{"AK1": "SK", "AK2": "SK"}})
				edge.Submit(unsettled("one", "AK1"))
				edge.Submit(unsettled("two", "AK2"))
				var calls atomic.Int64
				count := func(r *http.Request) (*http.Response, error) {
					calls.Add(1)
					return simulator.Transport(edge).RoundTrip(r)
				}
				work(t, roundTripper(count), fmt.Sprintf(`
global: {poll_interval: 1s}
accounts:
  - name: one
    rate_limit: {calls: 10, per: 1h%[1]s}
    cdnetworks: {endpoint: "http://one.test", access_key: AK1, secret_key: SK}
    tasks: [{id: one}]
  - name: two
    rate_limit: {calls: 10, per: 1h%[1]s}
    cdnetworks: {endpoint: "http://two.test", access_key: AK2, secret_key: SK}
    tasks: [{id: two}]
`, group))
				time.Sleep(59 * time.Minute)
				synctest.Wait()
				if n := calls.Load(); n != want {
					t.Errorf("%d calls in an hour, want %d", n, want)
				}
			})
		})
	}
}

// With discover a task that nobody named is watched as the vendor lists it, with why
// its URLs failed; without it nobody asks.
func TestDiscover(t *testing.T) {
	t.Parallel()
	for discover, want := range map[string]struct {
		tasks string
		lists bool
	}{"": {`[]`, false}, "    discover: 24h\n": {`["6241 vendor {\"origin\":1,\"vendor\":1,\"unknown\":0}"]`, true}} {
		t.Run("with"+discover, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cdn := simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{DomainID: testOwner, StaticTokens: []string{"token"}})
				task := simulator.Task{ID: "6241", Owner: testOwner, Created: time.Now().Add(-time.Hour), URLs: []simulator.URLPlan{
					{URL: "https://example.com/a", Fails: true, Reason: "ORIGIN_ERROR: 404"},
					{URL: "https://example.com/b", Fails: true, Reason: "INNER_ERROR: no node"},
					{URL: "https://example.com/c"},
				}}
				purge, old := task, task
				purge.ID, purge.Purge = "6242", true
				old.ID, old.Created = "6243", time.Now().Add(-25*time.Hour)
				for _, task := range []simulator.Task{task, purge, old} {
					cdn.Submit(task)
				}
				w := work(t, simulator.Transport(cdn), `
accounts:
  - name: cn
`+discover+`    huaweicloud_cdn: {endpoint: "http://cdn.test", token: token}
`)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if got := w.tasks(); got != want.tasks {
					t.Errorf("tasks %s, want %s", got, want.tasks)
				}
				metrics := w.get("/metrics")
				for series, there := range map[string]bool{
					`prefetch_task_failed_urls{account="cn",cause="origin",provider="huaweicloud_cdn",task="6241"} 1`: want.lists,
					`prefetch_api_requests_total{account="cn",provider="huaweicloud_cdn",query="list"} 0`:             !want.lists,
				} {
					if strings.Contains(metrics, series+"\n") != there {
						t.Errorf("%s is there: %v", series, !there)
					}
				}
			})
		})
	}
}

// get is the body of a page.
func (w *working) get(path string) string {
	w.t.Helper()
	pages, err := w.e.Pages()
	if err != nil {
		w.t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	pages.ServeHTTP(answer, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, http.NoBody))
	return answer.Body.String()
}

// tasks are the ids of all tasks, with their sources and causes.
func (w *working) tasks() string {
	w.t.Helper()
	var answer struct {
		Data []struct {
			ID     string          `json:"id"`
			Source string          `json:"source"`
			Causes json.RawMessage `json:"failed_causes"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(w.get("/api/v1/tasks")), &answer); err != nil {
		w.t.Fatal(err)
	}
	all := []string{}
	for _, task := range answer.Data {
		all = append(all, fmt.Sprintf("%s %s %s", task.ID, task.Source, task.Causes))
	}
	text, err := json.Marshal(all)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
