package stack_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"prefetch_exporter/e2e/internal/run"
)

const (
	alertsFolder  = run.Repository + "/alerts"
	rulesFile     = "prefetch_rules.yml"
	settingsFile  = "prefetch_settings.yml"
	exampleFile   = "alertmanager.example.yml"
	templates     = "templates"
	dashboardsDir = run.Repository + "/dashboards"

	// haste divides the times for which an alert waits and holds, and for which
	// Alertmanager gathers and repeats: a minute is a second. Expressions,
	// thresholds, texts, routes, groups and inhibitions stay untouched; the exact
	// times are proven by the rules' own tests.
	haste = 60
	// scrapeInterval is how long an answer of the exporter may take too, which
	// shares the machine with other tests.
	scrapeInterval = "3s"
	// job is the name of the scrape job, an `up` of which the rules know.
	job = "prefetch_exporter"
)

// release is one release of each program.
type release struct {
	name                                       string
	prometheus, promtool, alertmanager, amtool string
	// native tells that Prometheus stores native histograms and no classic
	// buckets; the other release proves the classic ones.
	native bool
}

// releases are the current release and the installed one. E2E_TOOLS is the
// folder in which `make deps` puts the current one.
func releases(t *testing.T) []release {
	t.Helper()
	folder := os.Getenv("E2E_TOOLS")
	if folder == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("E2E_TOOLS is not set; run make e2e")
		}
		t.Skip("E2E_TOOLS is not set; run make e2e")
	}
	current := func(name string) string { return filepath.Join(folder, name) }
	return []release{
		{
			name: "current", prometheus: current("prometheus"), promtool: current("promtool"),
			alertmanager: current("alertmanager"), amtool: current("amtool"), native: true,
		},
		{
			name: "installed", prometheus: installed(t, "prometheus"), promtool: installed(t, "promtool"),
			alertmanager: installed(t, "prometheus-alertmanager", "alertmanager"), amtool: installed(t, "amtool"),
		},
	}
}

// installed finds a program by the first of its names that is on the PATH.
func installed(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not on the PATH; run make e2e", names[0])
	return ""
}

var versionLine = regexp.MustCompile(`^\w+, version (\S+)`)

// version is what the program says of itself.
func version(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "--version").CombinedOutput()
	found := versionLine.FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%s --version: %v\n%s", program, err, out)
	}
	return string(found[1])
}

// leg is a Prometheus that scrapes the site, the Alertmanager that it tells of
// alerts, and who is told in the end.
type leg struct {
	release

	prometheus, alertmanager *run.Process
	receiver                 *receiver
	// exporter is the address of the exporter.
	exporter string
	// versions and panels are for the log.
	versions string
	panels   panelLog
}

func startLeg(t *testing.T, r release, exporter string) *leg {
	t.Helper()
	target, err := url.Parse(exporter)
	if err != nil {
		t.Fatal(err)
	}
	l := &leg{release: r, receiver: startReceiver(t), exporter: exporter}
	l.versions = fmt.Sprintf("Prometheus %s, Alertmanager %s", version(t, r.prometheus), version(t, r.alertmanager))
	l.alertmanager = startAlertmanager(t, r.alertmanager, l.receiver.url)
	alertmanager, err := url.Parse(l.alertmanager.URL)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, file := range []string{rulesFile, settingsFile} {
		write(t, filepath.Join(folder, file), hasten(t, read(t, filepath.Join(alertsFolder, file)), "for", "keep_firing_for"))
	}
	histograms := ""
	if r.native {
		histograms = "scrape_native_histograms: true"
	}
	config := filepath.Join(folder, "prometheus.yml")
	write(t, config, fmt.Sprintf(`
global: {scrape_interval: %s, scrape_timeout: %s, evaluation_interval: 1s}
rule_files: [%s, %s]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs:
  - job_name: %s
    static_configs: [{targets: [%q]}]
    %s
`, scrapeInterval, scrapeInterval, rulesFile, settingsFile, alertmanager.Host, job, target.Host, histograms))
	l.prometheus = run.Start(t, r.prometheus,
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
	return l
}

// startAlertmanager runs the example of a configuration; only the receivers'
// addresses are replaced, and the times divided by haste.
func startAlertmanager(t *testing.T, program, receiver string) *run.Process {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(filepath.Join(folder, templates), os.DirFS(filepath.Join(alertsFolder, templates))); err != nil {
		t.Fatal(err)
	}
	const exampleReceiver = "http://127.0.0.1:9099"
	example := read(t, filepath.Join(alertsFolder, exampleFile))
	if !strings.Contains(example, exampleReceiver) {
		t.Fatalf("%s has no receiver at %s", exampleFile, exampleReceiver)
	}
	example = hasten(t, example, "group_wait", "group_interval", "repeat_interval")
	config := filepath.Join(folder, "alertmanager.yml")
	write(t, config, strings.ReplaceAll(example, exampleReceiver, receiver))
	return run.Start(t, program,
		"--config.file="+config, "--storage.path="+filepath.Join(folder, "data"),
		"--web.listen-address=127.0.0.1:0", "--web.external-url=http://alertmanager.example.com", "--cluster.listen-address=")
}

// hasten divides the durations that stand after these keys.
func hasten(t *testing.T, text string, keys ...string) string {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^( *(?:` + strings.Join(keys, "|") + `): )(\w+)$`)
	return lines.ReplaceAllStringFunc(text, func(line string) string {
		found := lines.FindStringSubmatch(line)
		d, err := model.ParseDuration(found[2])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return found[1] + model.Duration(time.Duration(d)/haste).String()
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
