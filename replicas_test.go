package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/store/etcdstore/etcdtest"
)

// onEtcd is the end of a configuration whose store is in the cluster.
func onEtcd(c *etcdtest.Cluster, more ...string) string {
	lines := append([]string{fmt.Sprintf("endpoints: [%s]", strings.Join(c.Endpoints(), ", ")), "lease_ttl: 5s", "dial_timeout: 1s"}, more...)
	return "storage:\n  etcd:\n    " + strings.Join(lines, "\n    ") + "\n"
}

const (
	owner   = `prefetch_account_owner{account="vod",provider="huaweicloud_vod"}`
	storeUp = "prefetch_exporter_store_up"
	settled = `prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="settled"}`
)

// shows waits until the series has the value.
func (p *process) shows(series, value string) {
	p.t.Helper()
	p.eventually(series+" "+value, func() bool { return p.metric(series) == value })
}

// TestReplicaWaitsForEtcd starts before etcd does: it serves at once, asks nothing, is
// ready when etcd comes, and stops asking when etcd goes.
func TestReplicaWaitsForEtcd(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	member := cluster.Members()[0]
	if err := member.Kill(); err != nil {
		t.Fatal(err)
	}
	vendor, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config+onEtcd(cluster))
	p := serve(t, "--config.file="+file, "--replica.name=a", "--web.enable-task-api", "--web.enable-lifecycle")

	answers := func(request string, status int, want string) {
		t.Helper()
		method, path, _ := strings.Cut(request, " ")
		if got, body := p.do(method, path); got != status || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %d and %q", request, got, body, status, want)
		}
	}
	p.eventually("says why", func() bool { return strings.Contains(p.stderr.String(), "No etcd endpoint answers") })
	answers("GET /-/healthy", http.StatusOK, "Healthy")
	answers("GET /-/ready", http.StatusServiceUnavailable, "etcd may be away")
	answers("GET /tasks", http.StatusOK, "has not read its store yet")
	answers("PUT /api/v1/tasks/vod/x", http.StatusServiceUnavailable, "unavailable")
	answers("DELETE /api/v1/tasks/vod/x", http.StatusServiceUnavailable, "unavailable")
	answers("GET /api/v1/accounts", http.StatusOK, `"owner":null`)
	for series, want := range map[string]string{owner: "0", storeUp: "0", "prefetch_exporter_replicas": "1"} {
		if got := p.metric(series); got != want {
			t.Errorf("%s is %q, want %q", series, got, want)
		}
	}

	if err := member.Start(); err != nil {
		t.Fatal(err)
	}
	p.eventually("is ready", func() bool { status, _ := p.get("/-/ready"); return status == http.StatusOK })
	p.shows(owner, "1")
	p.shows(settled, "1")
	answers("GET /tasks", http.StatusOK, "its store has answered since")
	answers("GET /api/v1/accounts", http.StatusOK, `"owner":"a"`)
	answers("PUT /api/v1/tasks/vod/x", http.StatusCreated, `"x"`)
	answers("POST /-/retry?account=vod", http.StatusOK, "Asking again")

	writeFile(t, file, config+onEtcd(cluster, "prefix: /other"))
	answers("POST /-/reload", http.StatusInternalServerError, "storage.etcd.prefix: is not what it was; a reload cannot change the storage")
	answers("GET /config", http.StatusOK, "prefix: /prefetch_exporter\n")
	writeFile(t, file, config+onEtcd(cluster))
	answers("POST /-/reload", http.StatusOK, "Reloaded")

	if err := member.Kill(); err != nil {
		t.Fatal(err)
	}
	p.shows(storeUp, "0")
	p.shows(owner, "0")
	answers("GET /-/healthy", http.StatusOK, "Healthy")
	answers("GET /tasks", http.StatusOK, "has been cut off from its store since")
	if got := p.metric(settled); got != "1" {
		t.Errorf("while etcd is away %s is %q", settled, got)
	}
	if n := vendor.Stats().Calls; n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// TestReplicasShareAQuota has two replicas, of which one asks, and takes that one away.
func TestReplicasShareAQuota(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	vendor, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config+onEtcd(cluster))
	start := func(name string) *process {
		return serve(t, "--config.file="+file, "--replica.name="+name, "--web.enable-task-api", "--web.enable-lifecycle")
	}
	a := start("a")
	a.shows(settled, "1")
	// It differs in how long tasks stay.
	file = writeFile(t, "config.yml", "global: {retention: 2h}\n"+config+onEtcd(cluster))
	b := start("b")
	b.shows(settled, "1")
	b.shows("prefetch_exporter_replicas", "2")
	a.shows("prefetch_exporter_replicas", "2")
	for _, p := range []*process{a, b} {
		p.shows(`prefetch_account_configuration_differs{account="vod",provider="huaweicloud_vod"}`, "1")
	}
	if got := b.metric(owner); got != "0" {
		t.Errorf("b owns the account: %q", got)
	}
	if status, body := b.do(http.MethodPost, "/-/retry?account=vod"); status != http.StatusConflict || !strings.Contains(body, `replica "a"`) {
		t.Errorf("retry where nobody asks: %d %s", status, body)
	}
	if status, body := b.do(http.MethodPut, "/api/v1/tasks/vod/x"); status != http.StatusCreated && status != http.StatusOK {
		t.Errorf("PUT: %d %s", status, body)
	}
	for _, p := range []*process{a, b} {
		p.shows(`prefetch_task_up{account="vod",provider="huaweicloud_vod",task="x"}`, "0")
	}
	if _, _, err := command(t, "--config.file="+file, "--replica.name=b", "--web.listen-address=127.0.0.1:0"); err == nil ||
		!strings.Contains(err.Error(), `another replica has this name: "b"; each needs its own --replica.name`) {
		t.Errorf("a second replica b: error %v", err)
	}
	if stdout, stderr, err := command(t, "--config.file="+file, "--once"); err != nil || metric(stdout, owner) != "0" || metric(stdout, settled) != "1" {
		t.Errorf("--once beside an owner: error %v\n%s", err, stderr)
	}

	if err := a.stop(); err != nil {
		t.Errorf("a ended with %v", err)
	}
	b.shows(owner, "1")
	b.shows("prefetch_exporter_replicas", "1")
	b.shows(`prefetch_account_configuration_differs{account="vod",provider="huaweicloud_vod"}`, "0")
	if n := vendor.Stats().Calls; n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// TestImport moves a store with a spent quota into etcd, where it is spent too.
func TestImport(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	vendor, config := huaweiVendor(t)
	alone, data := writeFile(t, "alone.yml", config), filepath.Join(t.TempDir(), "data")
	shared := writeFile(t, "shared.yml", config+onEtcd(cluster))
	if _, stderr, err := command(t, "--config.file="+alone, "--storage.path="+data, "--once"); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	empty := t.TempDir()
	corrupt := t.TempDir()
	writeFile(t, filepath.Join(corrupt, "prefetch_exporter.db"), "corrupt")
	fails := func(want string, args ...string) {
		t.Helper()
		if _, _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", args, err, want)
		}
	}
	fails("has no storage.etcd to copy into", "--config.file="+alone, "--storage.import="+data)
	fails("no such file", "--config.file="+shared, "--storage.import="+empty)
	fails("store is damaged", "--config.file="+shared, "--storage.import="+corrupt)
	fails("it cannot be given with", "--config.file="+shared, "--storage.import="+data, "--once")
	if entries, err := os.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("the empty folder has %v, %v", entries, err)
	}

	_, stderr, err := command(t, "--config.file="+shared, "--storage.import="+data)
	if err != nil || !strings.Contains(stderr, "the store was copied") {
		t.Fatalf("import: %v\n%s", err, stderr)
	}
	fails("--storage.import="+data+": ", "--config.file="+shared, "--storage.import="+data) // it is not empty any more
	stdout, stderr, err := command(t, "--config.file="+shared, "--once")
	if err != nil || metric(stdout, settled) != "1" || metric(stdout, owner) != "1" {
		t.Errorf("--once after the import: %v\n%s\n%s", err, stderr, stdout)
	}
	if n := vendor.Stats().Calls; n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	if _, _, err := command(t, "--config.file="+alone, "--storage.path="+data, "--once"); err != nil {
		t.Errorf("the store that was copied is not whole: %v", err)
	}

	if err := cluster.Members()[0].Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	fails("etcd", "--config.file="+shared, "--storage.import="+data)
	fails("the store was not read within dial_timeout (1s), so nothing was asked", "--config.file="+shared, "--once")
	if took := time.Since(began); took > patience {
		t.Errorf("without etcd both took %v", took)
	}
}

// TestEtcdAsksWhoThisIs has an etcd with TLS and users, and a password that is wrong at
// first: it counts anew when its file changes.
func TestEtcdAsksWhoThisIs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificate, err := etcdtest.NewCertificate(folder)
	if err != nil {
		t.Fatal(err)
	}
	cluster := etcdtest.Start(t, etcdtest.Options{TLS: certificate})
	for _, args := range [][]string{
		{"user", "add", "root:root"}, {"user", "grant-role", "root", "root"},
		{"role", "add", "prefetch"}, {"role", "grant-permission", "prefetch", "readwrite", "--prefix", "/prefetch_exporter/"},
		{"user", "add", "ops:" + testSecret}, {"user", "grant-role", "ops", "prefetch"}, {"auth", "enable"},
	} {
		if out, err := cluster.Ctl(t.Context(), args...); err != nil {
			t.Fatalf("etcdctl %q: %v\n%s", args, err, out)
		}
	}
	_, config := huaweiVendor(t)
	password := writeFile(t, filepath.Join(folder, "password"), "wrong\n")
	file := writeFile(t, filepath.Join(folder, "config.yml"), config+onEtcd(cluster, "username: ops", "password_file: password",
		fmt.Sprintf("tls_config: {ca_file: %q, cert_file: %q, key_file: %q}", certificate.Cert, certificate.Cert, certificate.Key)))
	p := serve(t, "--config.file="+file, "--replica.name=a")
	p.eventually("says why", func() bool { return strings.Contains(p.stderr.String(), "authentication failed") })
	if status, _ := p.get("/-/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("ready with a wrong password: %d", status)
	}
	writeFile(t, password, testSecret+"\n")
	p.shows(settled, "1")
	if text := p.stderr.String(); strings.Contains(text, testSecret) || strings.Contains(text, "wrong") {
		t.Errorf("the log shows a password:\n%s", text)
	}
}

// TestFlagsOfReplicas refuses what makes no sense with the embedded store, or at all.
func TestFlagsOfReplicas(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	file, data := writeFile(t, "config.yml", config), filepath.Join(t.TempDir(), "data")
	_, _, err := command(t, "--config.file="+file, "--storage.path="+data, "--replica.name=a", "--once")
	if want := "--replica.name=a: " + file + " has no storage.etcd, so there are no replicas"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a store was begun: %v", err)
	}
	away := "storage: {etcd: {endpoints: ['http://127.0.0.1:1'], dial_timeout: 100ms}}\n"
	shared := writeFile(t, "shared.yml", config+away)
	for _, name := range []string{"a\tb", " a", ".."} {
		if _, _, err := command(t, "--config.file="+shared, "--replica.name="+name, "--once"); err == nil || !strings.HasPrefix(err.Error(), "--replica.name=") {
			t.Errorf("--replica.name=%q: error %v", name, err)
		}
	}
	stdout, stderr, err := command(t, "--config.file="+shared, "--config.check")
	if err != nil || !strings.Contains(stdout, "is valid") || slices.Contains(strings.Fields(stderr), "warning:") {
		t.Errorf("--config.check connects: %v, %s %s", err, stdout, stderr)
	}
}
