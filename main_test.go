package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/exporter"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	testProject = "0123456789abcdef0123456789abcdef"
	testSecret  = "a-secret-that-must-not-be-seen"
	// patience bounds every wait; a test that passes needs a fraction of it.
	patience = 30 * time.Second
)

// output is what a program wrote so far.
type output struct {
	// unread lets writing wait as long as it is held.
	unread sync.RWMutex

	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.unread.RLock()
	defer o.unread.RUnlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a run of the exporter that goes on.
type process struct {
	t              *testing.T
	client         *http.Client
	url            string
	stdout, stderr *output
	stop           func() error
}

var listening = regexp.MustCompile(`"?msg"?[:=]"Listening on",? ?"?address"?[:=]"?([^\s",]+)`)

// serve runs the program until the test ends or stop is called.
func serve(t *testing.T, args ...string) *process {
	t.Helper()
	return serveWith(t, func(*exporter.Options) {}, args...)
}

// serveWith is serve with options that no flag can set.
func serveWith(t *testing.T, with func(*exporter.Options), args ...string) *process {
	t.Helper()
	p := &process{t: t, client: &http.Client{Transport: &http.Transport{}}, stdout: &output{}, stderr: &output{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- runWith(ctx, append(args, "--web.listen-address=127.0.0.1:0"), streams{p.stdout, p.stderr}, with)
	}()
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		p.client.CloseIdleConnections()
		_ = p.stop()
	})
	p.eventually("listens", func() bool {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("the program ended: %v\n%s", err, p.stderr)
		default:
		}
		m := listening.FindStringSubmatch(p.stderr.String())
		if m == nil {
			return false
		}
		p.url = "http://" + m[1]
		return true
	})
	return p
}

// eventually waits until ok, which has a bound that no passing test comes near.
func (p *process) eventually(what string, ok func() bool) {
	p.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(patience)
	for !ok() {
		select {
		case <-ticker.C:
		case <-timeout:
			p.t.Fatalf("after %v still not: %s\nstderr:\n%s", patience, what, p.stderr)
		}
	}
}

// get returns the status and the body of an answer.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	return p.do(http.MethodGet, path)
}

func (p *process) do(method, path string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.answer(req)
}

func (p *process) answer(req *http.Request) (int, string) {
	p.t.Helper()
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// metric returns the value of a series as it is written; empty if there is none.
func (p *process) metric(series string) string {
	p.t.Helper()
	_, body := p.get("/metrics")
	return metric(body, series)
}

func metric(exposition, series string) string {
	for line := range strings.Lines(exposition) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// huaweiVendor is a simulated vendor with one settled task, and the
// configuration of an account there.
func huaweiVendor(t *testing.T) (*simhuaweicloud.Server, string) {
	t.Helper()
	vendor := simhuaweicloud.New(simhuaweicloud.Options{
		Quota:      simulator.Quota{Calls: 1, Per: time.Hour},
		AccessKeys: map[string]string{"AKTEST": testSecret},
	})
	vendor.Submit(simulator.Task{
		ID: "settled", Owner: testProject, Created: time.Now().Add(-time.Hour),
		URLs: []simulator.URLPlan{{URL: "https://example.com/a"}, {URL: "https://example.com/b", Fails: true}},
	})
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	return vendor, fmt.Sprintf(`
accounts:
  - name: vod
    rate_limit: {calls: 1, per: 1h}
    huaweicloud_vod:
      endpoint: %s
      project_id: %s
      access_key: AKTEST
      secret_key: %s
    tasks:
      - id: settled
`, server.URL, testProject, testSecret)
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// command runs the program to its end.
func command(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut output
	err = run(t.Context(), args, &out, &errOut)
	return out.String(), errOut.String(), err
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{"--version": "prefetch_exporter, version", "--help": "--config.file"} {
		stdout, stderr, err := command(t, flag)
		if err != nil || !strings.Contains(stdout, want) || stderr != "" {
			t.Errorf("%s: error %v, stdout %q, stderr %q; want %q on stdout", flag, err, stdout, stderr, want)
		}
	}
}

func TestUnknownFlags(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"--no-such-flag":             "unknown long flag '--no-such-flag', try --help",
		"--config.flie=x":            "unknown long flag '--config.flie'; did you mean --config.file? See --help",
		"--config-file=x":            "unknown long flag '--config-file'; did you mean --config.file? See --help",
		"--web.enable_task_api":      "unknown long flag '--web.enable_task_api'; did you mean --web.enable-task-api? See --help",
		"--web.lisen-address=:1":     "unknown long flag '--web.lisen-address'; did you mean --web.listen-address? See --help",
		"--enable-lifecycle":         "unknown long flag '--enable-lifecycle'; did you mean --web.enable-lifecycle? See --help",
		"-config.file=x":             "unknown short flag '-c'; did you mean --config.file? See --help",
		"-x":                         "unknown short flag '-x', try --help",
		"--no-web.enable-task-apies": "unknown long flag '--no-web.enable-task-apies'; did you mean --web.enable-task-api? See --help",
	} {
		if _, _, err := command(t, arg); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", arg, err, want)
		}
	}
}

// TestWithoutAConfigurationFile is what a first try often is.
func TestWithoutAConfigurationFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yml")
	for _, args := range [][]string{{"--config.check"}, {"--once"}, {}} {
		_, _, err := command(t, append(args, "--config.file="+file, "--storage.path="+t.TempDir())...)
		if err == nil {
			t.Fatalf("%v: no error", args)
		}
		for _, want := range []string{file + ":1: document: ", "no such file", "config.example.yml", "--demo"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v: error %q does not say %q", args, err, want)
			}
		}
	}
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	if stdout, _, err := command(t, "--config.check", "--config.file=config.example.yml"); err != nil || stdout != "config.example.yml is valid\n" {
		t.Errorf("config.example.yml: error %v, stdout %q", err, stdout)
	}
	file := writeFile(t, "bad.yml", "global: {poll_interval: soon}\naccounts:\n  - name: a\n  - name: a\n")
	_, _, err := command(t, "--config.check", "--config.file="+file)
	if err == nil {
		t.Fatal("a broken file is valid")
	}
	for _, want := range []string{":1: global.poll_interval: ", ":3: accounts[0]", ":4: accounts[1].name: "} {
		if !strings.Contains(err.Error(), file+want) {
			t.Errorf("the error has no line %q:\n%v", want, err)
		}
	}
	if _, _, err := command(t, "--config.check", "--config.file="+file+".missing"); err == nil {
		t.Error("a missing file is valid")
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	vendor, config := huaweiVendor(t)
	file, data := writeFile(t, "config.yml", config), t.TempDir()
	for run := range 3 {
		stdout, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+data)
		if err != nil {
			t.Fatalf("run %d: %v\n%s", run, err, stderr)
		}
		const labels = `{account="vod",provider="huaweicloud_vod",task="settled"`
		for series, want := range map[string]string{
			"prefetch_task_settled" + labels + "}": "1",
			"prefetch_task_urls" + `{account="vod",provider="huaweicloud_vod",status="failed",task="settled"}`: "1",
			"prefetch_task_success_ratio" + labels + "}":                                                       "0.5",
			`prefetch_account_up{account="vod",provider="huaweicloud_vod"}`:                                    "1",
		} {
			if got := metric(stdout, series); got != want {
				t.Errorf("run %d: %s is %q, want %q", run, series, got, want)
			}
		}
		if strings.Contains(stdout+stderr, testSecret) {
			t.Errorf("run %d shows a secret", run)
		}
	}
	if calls := vendor.Stats().Calls; calls != 1 {
		t.Errorf("three runs made %d calls, want 1: the first settled the task", calls)
	}
}

func TestOnceFailsWhenACallFails(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", strings.Replace(config, testSecret, "wrong", 1))
	stdout, _, err := command(t, "--once", "--config.file="+file, "--storage.path="+t.TempDir())
	if err == nil {
		t.Error("no error")
	}
	const series = `prefetch_account_failing{account="vod",provider="huaweicloud_vod",reason="auth"}`
	if got := metric(stdout, series); got != "1" {
		t.Errorf("%s is %q, want 1", series, got)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	file, data := writeFile(t, "config.yml", config), t.TempDir()
	serve(t, "--config.file="+file, "--storage.path="+data)
	_, _, err := command(t, "--once", "--config.file="+file, "--storage.path="+data)
	if err == nil || !strings.Contains(err.Error(), data) {
		t.Errorf("error %v, want one that names %s", err, data)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(),
		"--web.external-url=https://ops.example.com/prefetch", "--web.enable-pprof")
	p.eventually("ready", func() bool {
		status, _ := p.get("/prefetch/-/ready")
		return status == http.StatusOK
	})
	for path, want := range map[string]string{
		"/prefetch/":          "prefetch_exporter",
		"/":                   "prefetch_exporter",
		"/prefetch/-/healthy": "Healthy",
		"/prefetch/metrics":   "prefetch_exporter_build_info",
		"/prefetch/config":    "secret_key: <secret>",
	} {
		status, body := p.get(path)
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d, want %q in:\n%s", path, status, want, body)
		}
		if strings.Contains(body, testSecret) {
			t.Errorf("GET %s shows a secret", path)
		}
	}
	if status, _ := p.get("/metrics"); status != http.StatusNotFound {
		t.Errorf("GET /metrics outside of the prefix: %d, want 404", status)
	}

	// What is under way when the program is told to stop may finish.
	slow := make(chan int, 1)
	go func() {
		status, _ := p.get("/prefetch/debug/pprof/trace?seconds=1")
		slow <- status
	}()
	p.eventually("a slow request is under way", func() bool {
		_, body := p.get("/prefetch/debug/pprof/goroutine?debug=2")
		return strings.Contains(body, "net/http/pprof.Trace")
	})
	if err := p.stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	if status := <-slow; status != http.StatusOK {
		t.Errorf("the request under way ended with %d", status)
	}
	if strings.Contains(p.stderr.String(), testSecret) {
		t.Error("the log shows a secret")
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir(), "--web.enable-lifecycle")
	const (
		tasks      = `prefetch_account_tasks{account="vod",phase="settled",provider="huaweicloud_vod"}`
		successful = "prefetch_exporter_config_last_reload_successful"
	)
	p.eventually("the task is settled", func() bool { return p.metric(tasks) == "1" })

	writeFile(t, file, config+"      - id: second\n")
	if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	if got := p.metric(`prefetch_account_tasks{account="vod",phase="pending",provider="huaweicloud_vod"}`); got != "1" {
		t.Errorf("after the reload %q tasks are pending, want 1", got)
	}
	if got := p.metric(tasks); got != "1" {
		t.Errorf("after the reload %q tasks are settled, want 1 still", got)
	}

	writeFile(t, file, config+"nonsense: true\n")
	status, body := p.do(http.MethodPost, "/-/reload")
	if status != http.StatusInternalServerError || !strings.Contains(body, "nonsense") {
		t.Errorf("a broken file: %d %s, want 500 with the error", status, body)
	}
	if got := p.metric(successful); got != "0" {
		t.Errorf("%s is %q, want 0", successful, got)
	}
	if got := p.metric(tasks); got != "1" {
		t.Errorf("after the failed reload %q tasks are settled, want 1 still", got)
	}

	// An account that is gone is gone at the next scrape.
	writeFile(t, file, strings.Replace(config, "name: vod", "name: other", 1))
	if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	if _, body := p.get("/metrics"); strings.Contains(body, `account="vod"`) {
		t.Error("series of the removed account are left")
	}
	if got := p.metric(successful); got != "1" {
		t.Errorf("%s is %q, want 1", successful, got)
	}
}

func TestReloadNeedsTheFlag(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir())
	if status, _ := p.do(http.MethodPost, "/-/reload"); status != http.StatusForbidden {
		t.Errorf("reload without --web.enable-lifecycle: %d, want 403", status)
	}
}

func TestAutoReload(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir(), "--config.enable-auto-reload")
	writeFile(t, file, strings.Replace(config, "id: settled", "id: another", 1))
	p.eventually("the changed file is in force", func() bool {
		_, body := p.get("/metrics")
		return strings.Contains(body, `task="another"`) && !strings.Contains(body, `task="settled"`)
	})
}

func TestDemo(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo")
	for _, account := range []string{
		`account="vod-demo",provider="huaweicloud_vod"`, `account="edge-demo",provider="cdnetworks"`,
		`account="cn-demo",provider="huaweicloud_cdn"`, `account="ali-demo",provider="alibabacloud_cdn"`,
	} {
		for series, want := range map[string]string{
			"prefetch_task_settled{" + account + `,task="launch-done"}`:       "1",
			"prefetch_task_up{" + account + `,task="launch-stuck"}`:           "1",
			"prefetch_task_up{" + account + `,task="launch-succeeds"}`:        "1",
			"prefetch_task_up{" + account + `,task="launch-with-failures"}`:   "1",
			"prefetch_task_up{" + account + `,task="launch-misses-deadline"}`: "1",
			"prefetch_task_success_ratio{" + account + `,task="launch-done"}`: "1",
		} {
			p.eventually(series+" is "+want, func() bool { return p.metric(series) == want })
		}
	}
	if got := p.metric(`prefetch_task_info{account="cn-demo",provider="huaweicloud_cdn",task="launch-done"}`); got != "1" {
		t.Errorf("a launch that nobody named has the info %q", got)
	}
	if err := p.stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	for _, want := range []string{"Four simulated vendors", "/metrics", "launch-stuck", "Ctrl-C"} {
		if !strings.Contains(p.stdout.String(), want) {
			t.Errorf("the demo does not tell of %q", want)
		}
	}
}
