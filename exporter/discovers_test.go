package exporter_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prefetch_exporter/config"
	"prefetch_exporter/exporter"
)

// What a vendor's section says of discover is what its client can do: else tasks that
// nobody names would be asked for in vain, or refused without a reason.
func TestDiscoverIsWhatTheClientCan(t *testing.T) {
	t.Parallel()
	sections := map[string]string{
		"huaweicloud_vod":      "{region: ap-southeast-3, project_id: p, access_key: a, secret_key: s}",
		"huaweicloud_cdn":      "{access_key: a, secret_key: s}",
		"cdnetworks":           "{username: u, api_key: k}",
		"alibabacloud_cdn":     "{access_key_id: a, access_key_secret: s}",
		"alibabacloud_dcdn":    "{access_key_id: a, access_key_secret: s}",
		"tencentcloud_edgeone": "{zone_id: zone-a, secret_id: a, secret_key: s}",
		"tencentcloud_cdn":     "{secret_id: a, secret_key: s}",
		"volcengine_cdn":       "{access_key_id: a, secret_access_key: s}",
		"byteplus_cdn":         "{access_key_id: a, secret_access_key: s}",
		"baiducloud_cdn":       "{access_key_id: a, secret_access_key: s}",
	}
	load := func(name, more string) (*config.Config, error) {
		file := filepath.Join(t.TempDir(), "config.yml")
		text := fmt.Sprintf("accounts: [{name: a, %s: %s%s}]\n", name, sections[name], more)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Load(file)
	}
	for name := range sections {
		cfg, err := load(name, "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		accounts, err := exporter.Clients(cfg, exporter.ClientOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		caps := accounts[0].Provider.Capabilities()
		_, err = load(name, ", discover: 24h")
		if refused := err != nil; refused == caps.Discovers() || refused && !strings.Contains(err.Error(), "discover") {
			t.Errorf("%s: the client discovers: %v; discover says %v", name, caps.Discovers(), err)
		}
	}
}
