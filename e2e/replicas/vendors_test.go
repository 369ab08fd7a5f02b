package replicas_test

import (
	"crypto/tls"
	"encoding/pem"
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
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	secret  = "replicas-secret"
	project = "0123456789abcdef0123456789abcdef"
	// longestAnswer is what a call may take at the vendors: some are under way
	// whenever something is killed.
	longestAnswer = 700 * time.Millisecond
)

// identity is whom a vendor counts, and all calls of it that arrived. Every one
// has a server of its own, so that whose a call is needs no look into it.
type identity struct {
	name string
	// accounts of the exporters, and what the configuration says of each below its
	// endpoint.
	accounts          []string
	provider, section string
	discovers         bool
	limit             simulator.Quota
	// owner of the tasks.
	owner string

	vendor interface {
		http.Handler
		Submit(task simulator.Task)
		Counts(id string) prefetch.Counts
		Stats() simulator.Stats
	}
	url string

	// dialled is called when somebody begins to connect, which each call does anew.
	dialled atomic.Pointer[func()]

	// quiet is held while nobody is answered, and shared by each call that is.
	quiet sync.RWMutex

	mu    sync.Mutex
	calls []*call
}

// call is a call at the vendor: it counts at some moment between the two.
type call struct{ arrived, ended time.Time }

// ServeHTTP implements [http.Handler].
func (i *identity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	c := &call{arrived: time.Now()}
	i.calls = append(i.calls, c)
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		c.ended = time.Now()
	}()
	i.quiet.RLock()
	defer i.quiet.RUnlock()
	i.vendor.ServeHTTP(w, r)
}

// arrivals returns how many calls arrived so far.
func (i *identity) arrivals() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.calls)
}

// over describes each call that was one too many: it arrived less than the
// limit's period after the end of the one that came limit.Calls before it, so that
// a vendor which counts at any moment between arrival and answer could find both
// in one period. The calls are in the order of their arrivals, and one that has
// not ended ends no sooner than now.
func (i *identity) over() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var found []string
	for n := i.limit.Calls; n < len(i.calls); n++ {
		// Not always is the one that arrived first the one that ended first.
		inPeriod := 0
		for _, before := range i.calls[:n] {
			ended := before.ended
			if ended.IsZero() || i.calls[n].arrived.Sub(ended) < i.limit.Per {
				inPeriod++
			}
		}
		if inPeriod >= i.limit.Calls {
			found = append(found, fmt.Sprintf("%s: call %d of %d arrived at %s, when %d others were under way or ended within %v; the limit is %d",
				i.name, n+1, len(i.calls), i.calls[n].arrived.Format("15:04:05.000"), inPeriod, i.limit.Per, i.limit.Calls))
		}
	}
	return found
}

// often tells who may be asked every second.
func (i *identity) often() bool { return i.limit.Per <= time.Second }

// identities returns the vendors of a site. They are served until the test ends.
func identities(t testing.TB, seed uint64) []*identity {
	t.Helper()
	quota := func(calls int, per time.Duration) simulator.Quota { return simulator.Quota{Calls: calls, Per: per} }
	keys := map[string]string{"AKREPLICAS": secret}
	vod := func(name string, q simulator.Quota) *identity {
		return &identity{
			name: name, accounts: []string{name}, provider: "huaweicloud_vod", limit: q, owner: project,
			section: fmt.Sprintf("project_id: %s, access_key: AKREPLICAS, secret_key: %s", project, secret),
			vendor: simhuaweicloud.New(simhuaweicloud.Options{
				Quota: q, Latency: latency(&seed), AccessKeys: keys,
			}),
		}
	}
	edge := func(name string, q simulator.Quota, accounts ...string) *identity {
		return &identity{
			name: name, accounts: accounts, provider: "cdnetworks", limit: q, owner: "ops",
			section: "username: ops, api_key: " + secret,
			vendor: simcdnetworks.New(simcdnetworks.Options{
				Quota: q, Latency: latency(&seed), APIKeys: map[string]string{"ops": secret},
			}),
		}
	}
	list := quota(2, 3*time.Second)
	all := []*identity{
		vod("vod-fast", quota(2, time.Second)),
		vod("vod-slow", quota(3, 5*time.Second)),
		edge("edge", quota(1, time.Second), "edge"),
		edge("edge-shared", quota(2, 3*time.Second), "edge-first", "edge-second"),
		{
			name: "cn", accounts: []string{"cn"}, provider: "huaweicloud_cdn", discovers: true, limit: list, owner: project,
			section: "access_key: AKREPLICAS, secret_key: " + secret,
			vendor: simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{
				Quota: list, Latency: latency(&seed), DomainID: project, AccessKeys: keys,
			}),
		},
		{
			name: "ali", accounts: []string{"ali"}, provider: "alibabacloud_cdn", discovers: true, limit: list, owner: "AKREPLICAS",
			section: "access_key_id: AKREPLICAS, access_key_secret: " + secret,
			vendor: simalibabacloud.New(simalibabacloud.Options{
				Quota: list, Latency: latency(&seed), AccessKeys: keys,
			}),
		},
	}
	for _, i := range all {
		if i.often() {
			serveTLS(t, i)
		} else {
			serve(t, i)
		}
	}
	return all
}

// serve serves a vendor until the test ends.
func serve(t testing.TB, i *identity) {
	t.Helper()
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
}

// serveTLS serves it so that each call connects anew, and waits for the vendor
// between its charge and its first byte.
func serveTLS(t testing.TB, i *identity) {
	t.Helper()
	server := httptest.NewUnstartedServer(i)
	server.Config.SetKeepAlivesEnabled(false)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of exporters that are gone when it answers
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if dialled := i.dialled.Load(); dialled != nil {
			(*dialled)()
		}
		return nil, nil //nolint:nilnil // as it is
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	report(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	i.section += fmt.Sprintf(", http_client_config: {tls_config: {ca_file: %q}}", ca)
	i.url = server.URL
}

// latency differs from vendor to vendor.
func latency(seed *uint64) simulator.Latency {
	*seed++
	return simulator.Jitter(*seed, longestAnswer)
}

// plan is what becomes of a task. Every vendor proves that such a task is
// settled: it is older than a minute.
type plan struct {
	id      string
	created time.Time
	urls    int
	// stuck: no URL of it ever ends, so that the exporters ask for it for ever.
	stuck bool
}

const age = 2 * time.Minute

func (p *plan) task(owner string) simulator.Task {
	const between = 300 * time.Millisecond
	task := simulator.Task{ID: p.id, Owner: owner, Created: p.created}
	for n := range p.urls {
		task.URLs = append(task.URLs, simulator.URLPlan{
			URL: "https://example.com/" + p.id + "/" + strings.Repeat("x", n), Wait: age / 2, Stuck: p.stuck,
			Fetch: age/2 + time.Duration(n)*between, Fails: n == 1,
		})
	}
	return task
}
