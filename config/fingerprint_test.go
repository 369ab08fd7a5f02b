package config_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestFingerprint compares an account's configurations on two replicas.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "key"), "another")
	of := func(text string) string {
		c := load(t, text)
		found, err := c.Fingerprint(&c.Accounts[0])
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	const text = `accounts:
  - name: a
    rate_limit: {calls: 2, per: 5m}
    cdnetworks: {username: ops, api_key: K, http_client_config: {proxy_url: "http://proxy:1"}}
`
	first := of(text)
	if len(first) != 16 {
		t.Errorf("the fingerprint is %q", first)
	}
	for name, c := range map[string]struct {
		old, replaced string
		same          bool
	}{
		"the same":            {"", "", true},
		"another secret":      {"api_key: K", "api_key: L", true},
		"a secret in a file":  {"api_key: K", "api_key_file: " + file, true},
		"a default":           {"name: a", "name: a\n    poll_interval: 1m", true},
		"the interval of all": {"accounts:", "global: {poll_interval: 2m}\naccounts:", false},
		"the limit":           {"calls: 2", "calls: 3", false},
		"the interval":        {"name: a", "name: a\n    poll_interval: 2m", false},
		"whose quota":         {"ops", "dev", false},
		"the proxy":           {"proxy:1", "proxy:2", false},
		"the retention":       {"accounts:", "global: {retention: 2h}\naccounts:", false},
		"the limit of tasks":  {"accounts:", "global: {task_limit: 7}\naccounts:", false},
		"how old":             {"accounts:", "global: {max_staleness: 7h}\naccounts:", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			second := of(strings.Replace(text, c.old, c.replaced, 1))
			if (first == second) != c.same {
				t.Errorf("fingerprints %s and %s, the same should be %t", first, second, c.same)
			}
		})
	}
	if with := of(text + "    tasks: [{id: x}]\n"); with != first {
		t.Error("tasks change the fingerprint")
	}
	// With an access key in a file, nobody knows whose quota it is.
	const keyed = "accounts: [{name: a, alibabacloud_cdn: {access_key_id%s, access_key_secret: S}}]\n"
	if of(strings.Replace(keyed, "%s", ": K", 1)) == of(strings.Replace(keyed, "%s", "_file: "+file, 1)) {
		t.Error("two identities have one fingerprint")
	}
	c := load(t, "storage: {etcd: {endpoints: ['https://etcd:2379']}}\n"+text)
	if found, err := c.Fingerprint(&c.Accounts[0]); err != nil || found != first {
		t.Errorf("the storage changes the fingerprint: %s, %v", found, err)
	}
}
