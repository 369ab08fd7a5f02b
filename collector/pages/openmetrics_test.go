package pages_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/collector/pages"
)

// TestOpenMetricsIsStrict has a strict parser read whole pages, those of every part
// of the program: of all typical states, before and after the pieces of a page are
// kept, in each version, and as promhttp renders them where pages cannot be put
// together.
func TestOpenMetricsIsStrict(t *testing.T) {
	t.Parallel()
	handlers := map[string]http.Handler{"broken": pages.NewHandler(handlerOptions(brokenSource{}))}
	for _, s := range states() {
		handlers[s.name] = s.handler()
	}
	folder := t.TempDir()
	var files []string
	save := func(name, page string) {
		files = append(files, filepath.Join(folder, name+".openmetrics"))
		if err := os.WriteFile(files[len(files)-1], []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save("everything", text(t, getPath(t, everything(), "/metrics", acceptOpenMetrics)))
	for name, h := range handlers {
		save(name+", first", text(t, getPath(t, h, "/metrics", acceptOpenMetrics)))
		save(name+", second", text(t, getPath(t, h, "/metrics", acceptOpenMetrics)))
		save(name+", old", text(t, getPath(t, h, "/metrics", "application/openmetrics-text;version=0.0.1")))
	}
	if out := strict(t, files...); out != "" {
		t.Errorf("the strict parser of OpenMetrics:\n%s", strings.ReplaceAll(out, folder+"/", ""))
	}
}

// everything is a state in which every metric has a series.
func everything() http.Handler {
	settled := settledTask()
	settled.ID = "settled"
	o := handlerOptions(&source{snapshotOf(windowAccount(), vodAccount(launch(), settled), tellingAccount())})
	recorded(o.Recorder)
	return pages.NewHandler(o)
}

// strict returns what a strict parser complains of in pages of OpenMetrics, which
// is nothing, or one line for each page.
func strict(t *testing.T, files ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "../../scripts/openmetrics", files...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 127 && os.Getenv("CI") == "" {
		t.Skip(string(out))
	}
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}

// TestStrictParserIsStrict keeps the proof above from being empty.
func TestStrictParserIsStrict(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for page, want := range map[string]string{
		"# TYPE a gauge\na 1\n# EOF\n":                              "",
		"# TYPE a gauge\na 1\n":                                     "Missing # EOF",
		"# TYPE a gauge\na 1\n# TYPE a counter\na_total 1\n# EOF\n": "metadata after samples",
		"# EOF\n": "there is no sample",
	} {
		file := filepath.Join(folder, "page")
		if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := strict(t, file); !strings.Contains(out, want) || (want == "") != (out == "") {
			t.Errorf("%q: %s", page, out)
		}
	}
}

// The gauge that clashes with a counter is left out of every format, so that what
// Prometheus stores does not hang on the one that it asks for.
func TestClashingGaugeIsLeftOut(t *testing.T) {
	t.Parallel()
	h := pages.NewHandler(handlerOptions(&source{}))
	const counter = "go_memstats_alloc_bytes_total"
	for _, accept := range []string{acceptText, acceptProtobuf} {
		names := decode(t, getPath(t, h, "/metrics", accept)).Names()
		if slices.Contains(names, "go_memstats_alloc_bytes") || !slices.Contains(names, counter) || !slices.Contains(names, "go_memstats_heap_alloc_bytes") {
			t.Errorf("%s: %v", accept, names)
		}
	}
}
