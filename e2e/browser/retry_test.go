package browser_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
)

// TestAskNow presses the button of an account that pauses after failures, over
// plain HTTP and from a host that the browser does not trust: it then sends no
// Sec-Fetch-Site, and the exporter must know by Origin that the page is its own.
func TestAskNow(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(vendor.Close)
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("accounts:\n  - name: vod\n    huaweicloud_vod: {endpoint: %q, project_id: 0123456789abcdef0123456789abcdef, "+
		"access_key: AK, secret_key: SK}\n    tasks: [%s]\n", vendor.URL, "{id: a}, {id: b}, {id: c}, {id: d}, {id: e}, {id: f}")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	exporter := run.Start(t, run.Exporter(t), "--config.file="+config, "--storage.path="+t.TempDir(),
		"--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle")
	run.Eventually(t, time.Minute, "the account pauses", func() error {
		page, err := run.Get(t, exporter.URL+"/tasks")
		if err == nil && !strings.Contains(string(page), "Ask now") {
			err = errors.New("no button")
		}
		return err
	})
	b := openTab(startBrowser(t), t, strings.Replace(exporter.URL, "127.0.0.1", elsewhere, 1))
	b.visit("/tasks")
	before := calls.Load()
	b.click("form.retry button")
	if got := b.address(); got != "/tasks#accounts" {
		t.Errorf("led to %s: %q", got, b.texts("body"))
	}
	run.Eventually(t, time.Minute, "the vendor is asked", func() error {
		if calls.Load() == before {
			return errors.New("no call yet")
		}
		return nil
	})
}
