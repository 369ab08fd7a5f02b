package check_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"prefetch_exporter/exporter"
	"prefetch_exporter/exporter/check"
	"prefetch_exporter/store/etcdstore/etcdtest"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// serveReplica runs an exporter until the test ends.
func serveReplica(t *testing.T, name, config string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, web := false, ""
	e, err := exporter.New(exporter.Options{
		ConfigFile: file, Replica: name, TelemetryPath: "/metrics", Logger: slog.New(slog.DiscardHandler),
		Web: &toolkit.FlagConfig{WebListenAddresses: &[]string{"127.0.0.1:0"}, WebSystemdSocket: &socket, WebConfigFile: &web},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCheckBesideReplicas: a check is a replica for a moment. It charges the ledger that
// all share, and leaves alone what another replica owns.
func TestCheckBesideReplicas(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	ali := simalibabacloud.New(simalibabacloud.Options{AccessKeys: map[string]string{checkKey: checkSecret}})
	edge := simcdnetworks.New(simcdnetworks.Options{
		APIKeys: map[string]string{"ops": checkSecret}, Quota: simulator.Quota{Calls: 1, Per: 5 * time.Minute},
	})
	vod := simhuaweicloud.New(simhuaweicloud.Options{IAMUsers: map[string]string{"domain/user": checkSecret}})
	aliAccount := fmt.Sprintf("  - name: ali\n    rate_limit: {calls: 2, per: 1h}\n"+
		"    alibabacloud_cdn: {endpoint: %q, access_key_id: %s, access_key_secret: %s}\n", serveVendor(t, ali), checkKey, checkSecret)
	edgeAccount := fmt.Sprintf("  - name: edge\n    cdnetworks: {endpoint: %q, username: ops, api_key: %s}\n", serveVendor(t, edge), checkSecret)
	vodAccount := fmt.Sprintf("  - name: vod\n    huaweicloud_vod: {endpoint: %[1]q, project_id: %[2]s,"+
		" iam: {endpoint: %[1]q, domain: domain, username: user, password: %[3]s}}\n", serveVendor(t, vod), checkProject, checkSecret)
	storage := fmt.Sprintf("storage:\n  etcd: {endpoints: [%s], lease_ttl: 5s, dial_timeout: 2s}\n", strings.Join(cluster.Endpoints(), ", "))

	c := newChecking(t, aliAccount+edgeAccount+vodAccount+storage)
	told, err := c.check(asIs)
	if err != nil || len(told) != 3 || !strings.Contains(fmt.Sprint(c.warnings), "in etcd is new") {
		t.Fatalf("alone: %v: %+v, %q", err, told, c.warnings)
	}
	for _, a := range told {
		// On a machine that is busy with other tests a call may be too late to leave,
		// and is not made: then it is made later.
		for n := 0; n < 20 && strings.Contains(a.Understood, "too late to leave"); n++ {
			again, err := c.check(func(o *check.Options) { o.Accounts = []string{a.Account} })
			if err != nil || len(again) != 1 {
				t.Fatalf("%s again: %v: %+v", a.Account, err, again)
			}
			a = again[0]
		}
		if !a.Works {
			t.Errorf("alone: %+v", a)
		}
	}
	if _, err := os.Stat(c.data); !os.IsNotExist(err) {
		t.Errorf("an embedded store was begun: %v", err)
	}
	only := func(account string) func(*check.Options) {
		return func(o *check.Options) { o.Accounts = []string{account} }
	}
	const spent = `^the budget allows the next call at 20`
	notAsked := func(when, account, want string) {
		t.Helper()
		told, err := c.check(only(account))
		if err != nil || len(told) != 1 || !regexp.MustCompile(want).MatchString(told[0].NotAsked) || told[0].Works {
			t.Errorf("%s: %v: %+v, want %s", when, err, told, want)
		}
	}
	notAsked("again", "edge", spent)

	serveReplica(t, "a", "accounts:\n"+edgeAccount+storage)
	owned := `^replica "a" owns its budget and asks for it: /api/v1/accounts of that replica .*for up to 5s more$`
	deadline := time.Now().Add(30 * time.Second)
	for owns := false; !owns && time.Now().Before(deadline); {
		told, err := c.check(only("edge"))
		owns = err == nil && len(told) == 1 && strings.HasPrefix(told[0].NotAsked, "replica ")
	}
	notAsked("beside an owner", "edge", owned)
	if told, err := c.check(only("ali")); err != nil || !told[0].Works {
		t.Errorf("beside an owner of another account: %v: %+v", err, told)
	}
	notAsked("a third time", "ali", spent)
	if a, e, v := ali.Stats().Calls, edge.Stats().Calls, vod.Stats().Calls; a != 2 || e != 1 || v != 1 {
		t.Errorf("the vendors saw %d, %d and %d calls, want 2, 1 and 1", a, e, v)
	}

	if err := cluster.Members()[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.check(asIs); err == nil || !strings.Contains(err.Error(), "not read within dial_timeout (2s), so nothing was asked") {
		t.Errorf("without etcd: %v", err)
	}
}

// TestCheckThatMustNotGoOn: what was asked is told, and so is why the check could not
// stay a replica.
func TestCheckThatMustNotGoOn(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	ali := simalibabacloud.New(simalibabacloud.Options{AccessKeys: map[string]string{checkKey: checkSecret}})
	ctl := func(args ...string) string {
		out, err := cluster.Ctl(t.Context(), args...)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	const prefix = "/prefetch_exporter/"
	vendor := serveVendor(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A newer program writes while the vendor is asked, and the check ends its lease.
		ctl("put", prefix+"format", `{"version":99}`)
		for t.Context().Err() == nil && ctl("get", "--prefix", prefix+"replicas") != "" {
		}
		ali.ServeHTTP(w, r)
	}))
	c := newChecking(t, fmt.Sprintf("  - name: ali\n    alibabacloud_cdn: {endpoint: %q, access_key_id: %s, access_key_secret: %s}\n"+
		"storage:\n  etcd: {endpoints: [%s]}\n", vendor, checkKey, checkSecret, strings.Join(cluster.Endpoints(), ", ")))
	told, err := c.check(asIs)
	if err == nil || !strings.HasPrefix(err.Error(), "storage.etcd: etcd holds a newer format: 99") || len(told) != 1 {
		t.Errorf("%v: %+v", err, told)
	}
}
