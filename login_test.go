package main

import (
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

// TestEveryWayToLogIn asks each vendor once with each kind of credentials.
func TestEveryWayToLogIn(t *testing.T) {
	t.Parallel()
	urls := []simulator.URLPlan{{URL: "https://example.com/a"}}
	vod := simulator.NewHuaweicloud(simulator.HuaweicloudOptions{
		AccessKeys:     map[string]string{"AKTEMP": testSecret},
		SecurityTokens: map[string]string{"AKTEMP": "temporary"},
		StaticTokens:   []string{"a-ready-token"},
		IAMUsers:       map[string]string{"domain/user": testSecret},
	})
	vod.Submit(simulator.Task{ID: "task", Owner: testProject, Created: time.Now().Add(-time.Hour), URLs: urls})
	edge := simulator.NewCDNetworks(simulator.CDNetworksOptions{
		APIKeys: map[string]string{"ops": testSecret}, AccessKeys: map[string]string{"AKEDGE": testSecret},
	})
	for _, owner := range []string{"ops", "AKEDGE"} {
		edge.Submit(simulator.Task{ID: "task-" + owner, Owner: owner, Created: time.Now().Add(-time.Hour), URLs: urls})
	}
	vodServer, edgeServer := httptest.NewServer(vod), httptest.NewServer(edge)
	t.Cleanup(vodServer.Close)
	t.Cleanup(edgeServer.Close)
	file := writeFile(t, "config.yml", fmt.Sprintf(`
accounts:
  - name: temporary-keys
    huaweicloud_vod: {endpoint: %[1]q, project_id: %[3]s, access_key: AKTEMP, secret_key: %[4]s, security_token: temporary}
    tasks: [{id: task}]
  - name: token
    huaweicloud_vod: {endpoint: %[1]q, project_id: %[3]s, token: a-ready-token}
    tasks: [{id: task}]
  - name: iam
    huaweicloud_vod:
      endpoint: %[1]q
      project_id: %[3]s
      iam: {endpoint: %[1]q, domain: domain, username: user, password: %[4]s}
    tasks: [{id: task}]
  - name: api-key
    cdnetworks: {endpoint: %[2]q, username: ops, api_key: %[4]s}
    tasks: [{id: task-ops}]
  - name: access-key
    cdnetworks: {endpoint: %[2]q, access_key: AKEDGE, secret_key: %[4]s}
    tasks: [{id: task-AKEDGE}]
`, vodServer.URL, edgeServer.URL, testProject, testSecret))
	stdout, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+t.TempDir())
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	for account, provider := range map[string]string{
		"temporary-keys": "huaweicloud_vod", "token": "huaweicloud_vod", "iam": "huaweicloud_vod",
		"api-key": "cdnetworks", "access-key": "cdnetworks",
	} {
		series := fmt.Sprintf("prefetch_account_tasks{account=%q,phase=\"settled\",provider=%q}", account, provider)
		if got := metric(stdout, series); got != "1" {
			t.Errorf("%s is %q, want 1", series, got)
		}
	}
	if strings.Contains(stdout+stderr, testSecret) {
		t.Error("a secret is shown")
	}
}

func TestWhatIsNotBuiltIsRefused(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "config.yml",
		"accounts: [{name: edge, cdnetworks: {username: ops, api_key: k, watch_window: true}}]")
	for _, args := range [][]string{{"--config.check"}, {"--once", "--storage.path=" + t.TempDir()}} {
		_, _, err := command(t, append(args, "--config.file="+file)...)
		if err == nil || !strings.Contains(err.Error(), "watch_window") {
			t.Errorf("%v: error %v, want one that names watch_window", args, err)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, config := huaweiVendor(t)
	_, _, err = command(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(),
		"--web.listen-address="+listener.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v, want one that says that the address is in use", err)
	}
}
