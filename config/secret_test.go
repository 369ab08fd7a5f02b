package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config"
	"prefetch_exporter/config/secret"
)

const marker = "hunter2-the-secret"

// TestNothingPrintsASecret prints everything that holds a secret in every way
// that a log line, an error or a debug page might.
func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	file := writeFile(t, filepath.Join(t.TempDir(), "config.yml"), fmt.Sprintf(`accounts:
  - name: edge
    cdnetworks:
      username: ops
      api_key: %[1]s
      http_client_config:
        proxy_url: http://user:%[1]s@proxy.example.com
        proxy_connect_header: {Proxy-Authorization: [%[1]s]}
  - name: ak
    cdnetworks: {access_key: %[1]s-ak, secret_key: %[1]s, page_size: 7}
  - name: vod
    huaweicloud_vod: {region: cn-north-4, project_id: p, access_key: AK, secret_key: %[1]s, security_token: %[1]s}
  - name: token
    huaweicloud_vod: {region: cn-east-2, project_id: p, token: %[1]s}
  - name: iam
    huaweicloud_vod: {region: cn-north-4, project_id: p, iam: {domain: d, username: u, password: %[1]s}}
  - name: cdn
    huaweicloud_cdn: {domain_id: d, enterprise_project_id: all, access_key: AK, secret_key: %[1]s, security_token: %[1]s}
  - name: cdn-token
    huaweicloud_cdn: {endpoint: "https://cdn.myhuaweicloud.eu", token: %[1]s}
  - name: cdn-iam
    huaweicloud_cdn: {iam: {domain: d, username: u, password: %[1]s}}
  - name: edgeone
    tencentcloud_edgeone: {zone_id: zone-1, secret_id: %[1]s, secret_key: %[1]s, token: %[1]s}
  - name: tencent-cdn
    tencentcloud_cdn: {endpoint: "https://cdn.intl.tencentcloudapi.com", secret_id: AK, secret_key: %[1]s}
  - name: alibaba
    alibabacloud_cdn: {access_key_id: "%[1]s-id", access_key_secret: %[1]s, security_token: %[1]s}
  - name: alibaba-dynamic
    alibabacloud_dcdn: {endpoint: "https://dcdn.example.com", access_key_id: AK, access_key_secret: %[1]s}
  - name: volcengine
    volcengine_cdn: {access_key_id: %[1]s, secret_access_key: %[1]s, session_token: %[1]s}
  - name: byteplus
    byteplus_cdn: {region: singapore, page_size: 50, access_key_id: AK, secret_access_key: %[1]s}
  - name: baidu
    baiducloud_cdn: {edition: abroad, access_key_id: %[1]s, secret_access_key: %[1]s, session_token: %[1]s}
storage:
  etcd:
    endpoints: [https://etcd-0:2379]
    username: ops
    password: %[1]s
    tls_config: {server_name: etcd}
task_discovery:
  http:
    - url: https://u:%[1]s@example.com/?token=%[1]s
      http_client_config:
        basic_auth: {username: u, password: %[1]s}
        http_headers:
          X-One: {secrets: [%[1]s]}
          X-Two: {values: [%[1]s]}
    - url: https://example.com/2
      http_client_config:
        authorization: {credentials: %[1]s}
    - url: https://example.com/3
      http_client_config:
        bearer_token: %[1]s
    - url: https://example.com/4
      http_client_config:
        oauth2:
          client_id: id
          client_secret: %[1]s
          token_url: https://u:%[1]s@example.com/token?key=%[1]s
          endpoint_params: {password: %[1]s}
          claims: {deep: [{er: %[1]s}]}
`, marker))
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Masked()); strings.Contains(got, marker) {
		t.Errorf("Masked:\n%s", got)
	} else {
		golden(t, "testdata/masked-secrets.yml", strings.ReplaceAll(got, filepath.Dir(file), "DIR"))
	}
	keys := vod(&c.Accounts[2])
	things := []any{
		c, *c, c.Accounts, c.Accounts[0], *edge(&c.Accounts[0]), c.Accounts[0].Vendor, keys, *keys,
		edge(&c.Accounts[0]).HTTPClientConfig, &edge(&c.Accounts[0]).HTTPClientConfig,
		keys.SecretKey, *keys.SecretKey, vod(&c.Accounts[4]).IAM,
		c.Storage, c.Storage.Etcd, c.Storage.Etcd.Password, c.Storage.Etcd.TLSConfig,
		c.TaskDiscovery, c.TaskDiscovery.HTTP[0], &c.TaskDiscovery.HTTP[1], c.TaskDiscovery.HTTP[3].HTTPClientConfig,
	}
	for _, thing := range things {
		for way, text := range printed(t, thing) {
			if strings.Contains(text, marker) {
				t.Errorf("%s of %T shows the secret:\n%s", way, thing, text)
			}
		}
	}
	for way, text := range printed(t, keys.SecretKey) {
		text = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(text)
		if !strings.Contains(text, "<secret>") {
			t.Errorf("%s of a secret = %q", way, text)
		}
	}
}

func printed(t *testing.T, thing any) map[string]string {
	t.Helper()
	ways := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		ways[verb] = fmt.Sprintf(verb, thing)
	}
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "thing", thing)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("x", "thing", thing)
	ways["slog text"], ways["slog JSON"] = text.String(), lines.String()
	if stringer, ok := thing.(fmt.Stringer); ok {
		ways["String"] = stringer.String()
	}
	asJSON, err := json.Marshal(thing)
	if err != nil {
		t.Errorf("JSON of %T: %v", thing, err)
	}
	asYAML, err := yaml.Marshal(thing)
	if err != nil {
		t.Errorf("YAML of %T: %v", thing, err)
	}
	ways["JSON"], ways["YAML"] = string(asJSON), string(asYAML)
	return ways
}

func fileSecret(t *testing.T) (found *secret.Secret, path string) {
	t.Helper()
	dir := t.TempDir()
	path = writeFile(t, filepath.Join(dir, "key"), "first\r\n")
	c, err := config.Load(writeFile(t, filepath.Join(dir, "config.yml"),
		"accounts:\n  - name: a\n    cdnetworks: {username: u, api_key_file: key}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return edge(&c.Accounts[0]).APIKey, path
}

func TestSecretFollowsItsFile(t *testing.T) {
	t.Parallel()
	key, path := fileSecret(t)
	var problems []string
	key.Tell(secret.Hooks{Failed: func(err error) { problems = append(problems, err.Error()) }})
	expect := func(value string, reports int) {
		t.Helper()
		if got := key.Value(); got != value {
			t.Errorf("Value = %q, want %q", got, value)
		}
		if len(problems) != reports {
			t.Errorf("%d errors were reported, want %d: %q", len(problems), reports, problems)
		}
	}
	expect("first", 0)
	writeFile(t, path, "again\n\n") // the same size, maybe the same time
	expect("again", 0)
	other := writeFile(t, path+".new", " by rename ")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	expect(" by rename ", 0)

	writeFile(t, path, "\n")
	expect(" by rename ", 1)
	expect(" by rename ", 1) // told once only
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect(" by rename ", 1)
	writeFile(t, path, "back")
	expect("back", 1)
	writeFile(t, path, "two\nlines")
	expect("back", 2)

	want := "accounts[0].cdnetworks.api_key_file: " + path + ": contains a control character; the last value is kept"
	if problems[1] != want {
		t.Errorf("reported %q, want %q", problems[1], want)
	}
}

func TestTellOfSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := writeFile(t, filepath.Join(dir, "key"), "k")
	c, err := config.Load(writeFile(t, filepath.Join(dir, "config.yml"),
		"accounts:\n  - name: a\n    cdnetworks: {username: u, api_key_file: key}\n"))
	if err != nil {
		t.Fatal(err)
	}
	reports := 0
	c.TellOfSecrets(secret.Hooks{Failed: func(error) { reports++ }})
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if got := edge(&c.Accounts[0]).APIKey.Value(); got != "k" || reports != 1 {
		t.Errorf("Value = %q with %d reports", got, reports)
	}
}

func TestSecretIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	key, path := fileSecret(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := key.Value(); got != "first" && got != "other" {
					t.Errorf("Value = %q", got)
				}
				key.Tell(secret.Hooks{Failed: func(error) {}})
			}
		})
	}
	for range 50 {
		writeFile(t, path+".new", "other")
		if err := os.Rename(path+".new", path); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}
