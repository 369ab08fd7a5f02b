package exporter_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"prefetch_exporter/e2e/internal/run"
)

// demoDeadline is how long after its start `--demo` may take to show all task
// metrics of both vendors.
const demoDeadline = 15 * time.Second

// TestDemoShowsAllTaskMetrics starts the demo and expects every metric of a
// task that the contract names, for both vendors, soon enough for somebody who
// watches; and that promtool has nothing to say about the whole page.
func TestDemoShowsAllTaskMetrics(t *testing.T) {
	t.Parallel()
	demo := startDemo(t)

	wanted := []string{
		"prefetch_task_info",
		"prefetch_task_urls",
		"prefetch_task_success_ratio",
		"prefetch_task_age_seconds",
		"prefetch_task_created_timestamp_seconds",
		"prefetch_task_finished_timestamp_seconds",
		"prefetch_task_deadline_timestamp_seconds",
		"prefetch_task_settled",
		"prefetch_task_up",
		"prefetch_task_last_refresh_timestamp_seconds",
	}
	byVendor := map[string][]string{
		"huaweicloud_vod": wanted,
		// Only this vendor gives a rate for each URL.
		"cdnetworks": append(slices.Clone(wanted), "prefetch_task_edge_success_ratio"),
	}
	remaining := demoDeadline - time.Since(demo.Started)
	run.Eventually(t, remaining, "the demo shows all task metrics of both vendors", func() error {
		families, err := parse(scrape(t, demo.URL))
		if err != nil {
			return err
		}
		var missing []error
		for vendor, names := range byVendor {
			for _, name := range names {
				if !hasProvider(families[name], vendor) {
					missing = append(missing, fmt.Errorf("%s has no %s", vendor, name))
				}
			}
		}
		return errors.Join(missing...)
	})
	t.Logf("all task metrics after %v", time.Since(demo.Started).Round(time.Millisecond))

	promtool := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	promtool.Stdin = bytes.NewReader(scrape(t, demo.URL))
	if out, err := promtool.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestDemoTellsWhereToLook expects that the demo's user is told the address,
// and that the pages for machines answer.
func TestDemoTellsWhereToLook(t *testing.T) {
	t.Parallel()
	demo := run.Start(t, run.Exporter(t), "--demo", "--web.listen-address="+run.FreeAddress(t, "127.0.0.2"))

	run.Eventually(t, demoDeadline, "the demo prints where to look", func() error {
		if said := demo.Out.String() + demo.Log.String(); !strings.Contains(said, demo.URL) {
			return fmt.Errorf("%s is not in what it printed", demo.URL)
		}
		return nil
	})
	for _, path := range []string{"/-/healthy", "/-/ready", "/"} {
		run.Eventually(t, demoDeadline, path+" answers 200", func() error {
			_, err := run.Get(t, demo.URL+path)
			return err
		})
	}
}

// TestVersion builds both programs as a release is built and expects them to tell
// the version that the run.Repository says.
func TestVersion(t *testing.T) {
	t.Parallel()
	version, err := os.ReadFile(filepath.Join(run.Repository, "VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "make", "build", "OUTPUT="+filepath.Join(folder, "prefetch_exporter"))
	build.Dir = run.Repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	for _, program := range []string{"prefetch_exporter", "prefetchtool"} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(folder, program), "--version").CombinedOutput()
		if err != nil {
			t.Fatalf("%s --version: %v\n%s", program, err, out)
		}
		want := program + ", version " + strings.TrimSpace(string(version)) + " (branch: "
		if !strings.HasPrefix(string(out), want) {
			t.Errorf("--version says\n%s\nwant it to begin with\n%s", out, want)
		}
		for _, empty := range []string{"branch: ,", "revision: )", "revision: unknown", "build user:       \n", "build date:       \n"} {
			if strings.Contains(string(out), empty) {
				t.Errorf("--version does not know everything:\n%s", out)
			}
		}
	}
}

func startDemo(t *testing.T) *run.Process {
	t.Helper()
	return run.Start(t, run.Exporter(t), "--demo", "--web.listen-address=127.0.0.1:0")
}

func hasProvider(family *dto.MetricFamily, provider string) bool {
	return slices.ContainsFunc(family.GetMetric(), func(m *dto.Metric) bool {
		return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
			return l.GetName() == "provider" && l.GetValue() == provider
		})
	})
}

// scrape returns /metrics as text.
func scrape(t *testing.T, url string) []byte {
	t.Helper()
	body, err := run.Get(t, url+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func parse(exposition []byte) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(exposition))
	if err != nil {
		return nil, fmt.Errorf("read the exposition: %w", err)
	}
	return families, nil
}
