package exporter_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/textparse"

	"prefetch_exporter/e2e/internal/run"
)

// TestOpenMetricsPages has two strict parsers read the pages of the real program,
// Prometheus's own in Go and that of the library for Python: of an exporter without
// any task, and of the demo once both vendors answered.
func TestOpenMetricsPages(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) (url, metric string){
		"no task": func(t *testing.T) (url, metric string) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "config.yml")
			const config = "accounts:\n  - name: edge\n    cdnetworks: {endpoint: 'http://127.0.0.1:1', username: u, api_key: k}\n"
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			return run.Start(t, run.Exporter(t), "--config.file="+file, "--web.listen-address=127.0.0.1:0").URL, "prefetch_account_up"
		},
		"demo": func(t *testing.T) (url, metric string) {
			t.Helper()
			return startDemo(t).URL, "prefetch_task_edge_success_ratio"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, metric := start(t)
			run.Eventually(t, demoDeadline, "a page has "+metric, func() error {
				page := scrapeOpenMetrics(t, url)
				checkFamilies(t, page)
				checkPython(t, page)
				if !bytes.Contains(page, []byte("\n"+metric+"{")) {
					return errors.New("it has not")
				}
				return nil
			})
		})
	}
}

const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

func scrapeOpenMetrics(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	client := http.Client{Timeout: demoDeadline}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, openMetricsType) {
		t.Fatalf("Content-Type %q", got)
	}
	return page
}

// checkFamilies reads a page with Prometheus's parser. That one takes families that
// come twice and samples that belong to none, which OpenMetrics forbids, so both are
// looked for here.
func checkFamilies(t *testing.T, page []byte) {
	t.Helper()
	parser, err := textparse.New(page, openMetricsType, nil, textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seen, family := map[string]bool{}, ""
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, page)
		}
		switch entry {
		case textparse.EntryType:
			name, _ := parser.Type()
			if family = string(name); seen[family] {
				t.Fatalf("%s comes twice", family)
			}
			seen[family] = true
		case textparse.EntrySeries:
			if series, _, _ := parser.Series(); family == "" || !bytes.HasPrefix(series, []byte(family)) {
				t.Fatalf("%s stands below %s", series, family)
			}
		default:
		}
	}
	if len(seen) == 0 {
		t.Fatal("there is no family")
	}
}

func checkPython(t *testing.T, page []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(run.Repository, "scripts", "openmetrics"), file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, page)
	}
}
