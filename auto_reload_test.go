package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A secret that comes later than the configuration that names it: as soon as it
// is there, the configuration comes into force.
func TestAutoReloadWaitsForASecret(t *testing.T) {
	t.Parallel()
	const successful = "prefetch_exporter_config_last_reload_successful"
	_, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", strings.Replace(config, "secret_key: "+testSecret, "secret_key_file: secret", 1))
	secret := writeFile(t, filepath.Join(filepath.Dir(file), "secret"), testSecret)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir(), "--config.enable-auto-reload")

	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	p.eventually("the secret is missed", func() bool { return p.metric(successful) == "0" })
	writeFile(t, secret, testSecret)
	p.eventually("the secret is found", func() bool { return p.metric(successful) == "1" })
}
