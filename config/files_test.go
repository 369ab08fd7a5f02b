package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"prefetch_exporter/config"
)

// The files of a configuration are told whether it can be used or not: the one
// that is missing is the one to wait for.
func TestReadTellsFiles(t *testing.T) {
	t.Parallel()
	const text = `accounts:
  - name: edge
    cdnetworks: {username: u, api_key_file: key, http_client_config: {tls_config: {ca_file: tls/ca.pem}}}
  - name: vod
    huaweicloud_vod: {region: cn-north-4, project_id: p, token_file: /nowhere/token}
task_discovery:
  http: [{url: "https://example.com", http_client_config: {bearer_token_file: key}}]
`
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "config.yml"), text)
	want := []string{file, "/nowhere/token", filepath.Join(dir, "key"), filepath.Join(dir, "tls/ca.pem")}
	slices.Sort(want[1:])
	if c, files, err := config.Read(file); c != nil || err == nil || !slices.Equal(files, want) {
		t.Errorf("without its files: %v, %v\n got %q\nwant %q", c, err, files, want)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if c, files, err := config.Read(file); c != nil || err == nil || !slices.Equal(files, []string{file}) {
		t.Errorf("of a file that is not there: %v, %v, %q", c, err, files)
	}
	writeFile(t, filepath.Join(dir, "key"), "secret")
	writeFile(t, file, "accounts:\n  - name: edge\n    cdnetworks: {username: u, api_key_file: key}\n")
	if c, files, err := config.Read(file); c == nil || err != nil || !slices.Equal(files, []string{file, filepath.Join(dir, "key")}) {
		t.Errorf("with its files: %v, %v, %q", c, err, files)
	}
}
