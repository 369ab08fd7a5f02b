package exporter_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

// TestFewFiles lets one client open 300 connections that say nothing, where the
// exporter may open 128 files: it is scraped all the same, and has files to
// spare.
func TestFewFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	config := filepath.Join(folder, "config.yml")
	text := "accounts:\n  - name: vod\n    huaweicloud_vod: {region: cn-north-4, project_id: p, access_key: AK, secret_key: SK}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	limited := filepath.Join(folder, "limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n 128\nexec %q \"$@\"\n", run.Exporter(t))
	if err := os.WriteFile(limited, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p := run.Start(t, limited, "--config.file="+config, "--web.listen-address="+run.FreeAddress(t, "127.0.0.2"))
	held := make([]net.Conn, 300)
	for i := range held {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		held[i] = conn
		t.Cleanup(func() { _ = conn.Close() })
	}
	for range 10 {
		began := time.Now()
		used := resourcesOf(t, scrape(t, p.URL))
		if took := time.Since(began); took > 5*time.Second || used.files > 100 {
			t.Errorf("a scrape took %v, and shows %.0f open files", took, used.files)
		}
	}
	if strings.Contains(p.Log.String(), "too many open files") {
		t.Errorf("it ran out of files:\n%s", p.Log.String())
	}
}
