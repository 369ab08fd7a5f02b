package exporter_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/exporter"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/store/storetest"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// What a disk that hangs does to an exporter is seen: it is not healthy after two
// minutes, while scrapes go on, its loop's progress stays where it was, and its
// errors are counted. It is healthy again when the disk goes on.
func TestADiskThatHangsIsSeen(t *testing.T) {
	t.Parallel()
	const owner, account = "0123456789abcdef0123456789abcdef", `{account="vod",provider="huaweicloud_vod"}`
	folder := t.TempDir()
	file := filepath.Join(folder, "config.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
accounts:
  - name: vod
    rate_limit: {calls: 1, per: 1m}
    huaweicloud_vod: {endpoint: "http://127.0.0.1:1", project_id: %s, access_key: AK, secret_key: SK}
    tasks: [{id: launch}]
`, owner), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		vendor := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: map[string]string{"AK": "SK"}})
		vendor.Submit(simulator.Task{ID: "launch", Owner: owner, Created: time.Now(), URLs: []simulator.URLPlan{{URL: "https://example.com/a", Wait: 24 * time.Hour}}})
		var d storetest.Disk
		e, err := exporter.New(exporter.Options{
			ConfigFile: file, StoragePath: filepath.Join(folder, "data"), TelemetryPath: "/metrics",
			Logger: slog.New(slog.DiscardHandler), RoundTripper: simulator.Transport(vendor), BeforeCommit: d.Wait,
			Clock: clock.Wall(time.Now),
		})
		if err != nil {
			t.Fatal(err)
		}
		pages, err := e.Pages()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := e.Work(ctx)
		get := func(path string) (int, string) {
			w := httptest.NewRecorder()
			pages.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody))
			return w.Code, w.Body.String()
		}
		metric := func(series string) (value float64) {
			t.Helper()
			status, text := get("/metrics")
			_, rest, found := strings.Cut(text, "\n"+series+" ")
			if _, err := fmt.Sscan(rest, &value); status != http.StatusOK || !found || err != nil {
				t.Fatalf("%s: %d %v in\n%s", series, status, err, text)
			}
			return value
		}
		progress := func() time.Duration {
			at := metric("prefetch_exporter_loop_last_progress_timestamp_seconds" + account)
			return time.Since(time.UnixMilli(int64(at * 1000))).Round(time.Second)
		}
		healthy := func(want int, says ...string) {
			t.Helper()
			status, text := get("/-/healthy")
			for _, say := range says {
				if !strings.Contains(text, say) {
					t.Errorf("it does not say %q: %s", say, text)
				}
			}
			if status != want {
				t.Errorf("healthy is %d %s, want %d", status, text, want)
			}
		}
		wait := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		wait(10 * time.Minute)
		healthy(http.StatusOK)
		if late, errors := progress(), metric(`prefetch_exporter_store_errors_total{reason="write"}`); late != 0 || errors != 0 {
			t.Errorf("while all is well the loop is %v late, and the store had %v errors", late, errors)
		}
		d.Freeze()
		wait(2 * time.Minute)
		healthy(http.StatusOK)
		wait(time.Minute + 20*time.Second)
		healthy(http.StatusServiceUnavailable, `the loop of account "vod" has not moved for 3m`, "the store has waited for its disk for 3m")
		if late := progress(); late < 2*time.Minute || late > 4*time.Minute {
			t.Errorf("the loop is %v late", late)
		}
		if n := metric(`prefetch_exporter_store_errors_total{reason="write"}`); n < 3 {
			t.Errorf("%v errors of the store are counted", n)
		}
		calls := vendor.Stats().Calls
		wait(time.Hour)
		if n := vendor.Stats().Calls - calls; n > 0 {
			t.Errorf("%d calls left that could not be written down", n)
		}
		d.Thaw()
		wait(2 * time.Minute)
		healthy(http.StatusOK)
		if n := vendor.Stats().Calls - calls; n == 0 || progress() != 0 {
			t.Errorf("when the disk goes on %d calls left, and the loop is %v late", n, progress())
		}
		cancel()
		if err := ended(); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
