package replicas_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/internal/programtest"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

var (
	exporterFlag = flag.String("replicas.exporter", "", "the exporter's program; built, with the race detector, if empty")
	etcdFlag     = flag.String("replicas.etcd", "", "etcd's program; the release that the Makefile names if empty")
	logsFlag     = flag.String("replicas.logs", "", "an empty folder for logs and etcd's data; a temporary one if empty")
)

const (
	leaseTTL  = 5 * time.Second
	prefix    = "/prefetch_exporter"
	replicas  = 3
	members   = 3
	stopLimit = 40 * time.Second
	// answerLimit is how long somebody waits who puts a task, or looks.
	answerLimit = 3 * time.Second
)

// site is a group of replicas, their etcd cluster and their vendors.
type site struct {
	random     *rand.Rand
	folder     string
	etcd       *etcdtest.Cluster
	replicas   []*replica
	identities []*identity
	accounts   map[string]*account
	names      []string // of the accounts, in order
	next       int      // number of the next task

	// What the configuration says, where it is not the usual.
	taskLimit    int
	pollInterval time.Duration
	tasksFile    string
}

// account is what is known of an account's tasks.
type account struct {
	*identity

	name string
	// plans are the tasks that the vendor has.
	plans map[string]*plan
	// must are tasks that every replica has to show, and gone those that none may.
	// The others were put without a clear answer.
	must, gone map[string]bool
	// put are the tasks that were put, and known those that every replica once
	// showed as settled.
	put, known map[string]bool
}

// replica is one exporter, over all of its lives.
type replica struct {
	*programtest.Program

	url     string
	network *etcdtest.Network // between it and etcd
	seen    observed          // by the present life, when it was last looked at
	ended   observed          // by all earlier ones
}

// newSite starts etcd and the vendors, and writes the configurations. The
// exporters do not run yet.
func newSite(t testing.TB, seed uint64, vendors []*identity) *site {
	t.Helper()
	s := &site{
		random: rand.New(rand.NewPCG(seed, seed)), folder: *logsFlag,
		identities: vendors, accounts: map[string]*account{},
		pollInterval: time.Second, taskLimit: 5000,
	}
	if s.folder == "" {
		s.folder = t.TempDir()
	}
	s.etcd = etcdtest.Start(t, etcdtest.Options{
		Members: members, Binary: *etcdFlag, Folder: s.folder,
		Flags: etcdFlags(),
	})
	for _, i := range vendors {
		for _, name := range i.accounts {
			s.names = append(s.names, name)
			s.accounts[name] = &account{
				identity: i, name: name, plans: map[string]*plan{},
				must: map[string]bool{}, gone: map[string]bool{}, put: map[string]bool{}, known: map[string]bool{},
			}
		}
	}
	return s
}

// start writes the configurations, with the tasks that the accounts have by now,
// and starts the exporters.
func (s *site) start(t testing.TB, path string) {
	t.Helper()
	accounts := s.config()
	for n := range replicas {
		name := fmt.Sprintf("replica-%c", 'a'+n)
		r := &replica{network: etcdtest.Connect(t, s.etcd), seen: observed{}, ended: observed{}}
		storage := fmt.Sprintf("storage:\n  etcd: {endpoints: [%s], prefix: %s, lease_ttl: %v, dial_timeout: 2s}\n",
			strings.Join(r.network.Endpoints(), ", "), prefix, leaseTTL)
		config := filepath.Join(s.folder, name+".yml")
		if err := os.WriteFile(config, []byte(accounts+storage), 0o600); err != nil {
			t.Fatal(err)
		}
		address := run.FreeAddress(t, "127.0.0.5")
		r.url = "http://" + address
		r.Program = programtest.New(name, filepath.Join(s.folder, name+".log"), path,
			"--config.file="+config, "--web.listen-address="+address, "--web.enable-task-api",
			"--storage.path="+filepath.Join(s.folder, name), "--replica.name="+name)
		t.Cleanup(func() { report(t, r.Kill()) })
		s.replicas = append(s.replicas, r)
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// config is what all replicas' configurations say of the accounts.
func (s *site) config() string {
	var text strings.Builder
	fmt.Fprintf(&text, "global: {poll_interval: %v, task_limit: %d}\n", s.pollInterval, s.taskLimit)
	if s.tasksFile != "" {
		fmt.Fprintf(&text, "task_discovery: {files: [%q]}\n", s.tasksFile)
	}
	text.WriteString("accounts:\n")
	for _, name := range s.names {
		a := s.accounts[name]
		fmt.Fprintf(&text, "  - name: %s\n    rate_limit: {calls: %d, per: %v}\n    %s: {endpoint: %q, %s}\n",
			name, a.limit.Calls, a.limit.Per, a.provider, a.url, a.section)
		if a.discovers {
			text.WriteString("    discover: 24h\n")
		}
		if a.discovers || s.tasksFile != "" {
			continue
		}
		if len(a.plans) > 0 {
			text.WriteString("    tasks:\n")
		}
		for id := range a.plans {
			fmt.Fprintf(&text, "      - {id: %s}\n", id)
		}
	}
	return text.String()
}

// submit gives the account's vendor a task.
func (s *site) submit(name string, urls int, stuck bool) *plan {
	s.next++
	a := s.accounts[name]
	p := &plan{id: fmt.Sprintf("%s-%04d", name, s.next), created: time.Now().Add(-age), urls: urls, stuck: stuck}
	a.plans[p.id] = p
	a.vendor.Submit(p.task(a.owner))
	return p
}

// put submits a task and names it to one of the replicas; whether that was
// answered or not, tells what must be there afterwards.
func (s *site) put(t testing.TB, r *replica, name string) {
	t.Helper()
	a := s.accounts[name]
	p := s.submit(name, 1+s.random.IntN(4), false)
	a.put[p.id] = true
	switch status := r.send(t, http.MethodPut, "/api/v1/tasks/"+name+"/"+p.id, "{}"); status {
	case http.StatusCreated, http.StatusOK:
		a.must[p.id] = true
	case 0, http.StatusServiceUnavailable:
	default:
		t.Errorf("PUT of %s on %s: HTTP %d", p.id, r.Name, status)
	}
}

// remove takes back one of the tasks that were put.
func (s *site) remove(t testing.TB, r *replica, name, id string) {
	t.Helper()
	a := s.accounts[name]
	delete(a.must, id)
	switch status := r.send(t, http.MethodDelete, "/api/v1/tasks/"+name+"/"+id, ""); status {
	case http.StatusNoContent:
		a.gone[id] = true
	case 0, http.StatusServiceUnavailable:
	default:
		t.Errorf("DELETE of %s on %s: HTTP %d", id, r.Name, status)
	}
}

// send returns the status of the answer; 0 if there was none.
func (r *replica) send(t testing.TB, method, path, body string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// get returns the body of an answer 200.
func (r *replica) get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d: %.200s", path, resp.StatusCode, body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	return body, nil
}

// etcdFlags run etcd with its usual times, and the history that the manual wants.
func etcdFlags() []string {
	return []string{"--heartbeat-interval=100", "--election-timeout=1000", "--auto-compaction-mode=periodic", "--auto-compaction-retention=10m"}
}

func exporterProgram(t testing.TB) string {
	t.Helper()
	if *exporterFlag != "" {
		return *exporterFlag
	}
	path, err := filepath.Abs(run.Exporter(t))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func report(t testing.TB, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
