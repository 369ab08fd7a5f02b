package tool_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"prefetch_exporter/cmd/prefetchtool/internal/tool"
	"prefetch_exporter/exporter"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

const (
	keyID, secret = "AKTEST", "a-secret-that-must-not-be-seen"
	// patience bounds every wait; a test that passes needs a fraction of it.
	patience = 30 * time.Second
)

// output is what a program wrote so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// site is two simulated vendors and a real exporter, with the accounts ali and edge.
type site struct {
	t       *testing.T
	ali     *simalibabacloud.Server
	edge    *simcdnetworks.Server
	config  string
	data    string
	web     string // of --web.config.file
	address string
	log     *output
	stop    func()
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// newSite has both vendors, and an exporter that runs.
func newSite(t *testing.T) *site {
	t.Helper()
	s := vendors(t)
	s.start()
	return s
}

// vendors is a site without an exporter.
func vendors(t *testing.T) *site {
	t.Helper()
	folder := t.TempDir()
	s := &site{
		t: t, config: filepath.Join(folder, "config.yml"), data: filepath.Join(folder, "data"), address: "127.0.0.1:0",
		ali:  simalibabacloud.New(simalibabacloud.Options{AccessKeys: map[string]string{keyID: secret}}),
		edge: simcdnetworks.New(simcdnetworks.Options{APIKeys: map[string]string{"ops": secret}}),
	}
	s.write(fmt.Sprintf(`
global: {poll_interval: 100ms}
accounts:
  - name: ali
    rate_limit: {calls: 5000, per: 1m}
    alibabacloud_cdn: {endpoint: %q, access_key_id: %s, access_key_secret: %s}
  - name: edge
    rate_limit: {calls: 5000, per: 1m}
    cdnetworks: {endpoint: %q, username: ops, api_key: %s}
`, s.serve(s.ali), keyID, secret, s.serve(s.edge), secret))
	return s
}

func (s *site) write(config string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// rewrite replaces something of the configuration.
func (s *site) rewrite(old, by string) {
	s.t.Helper()
	config, err := os.ReadFile(s.config)
	if err != nil || !strings.Contains(string(config), old) {
		s.t.Fatalf("%v: no %q in the configuration", err, old)
	}
	s.write(strings.Replace(string(config), old, by, 1))
}

func (s *site) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	s.t.Cleanup(server.Close)
	return server.URL
}

// start runs the exporter until the test ends or stop is called, where it ran before.
func (s *site) start() {
	s.t.Helper()
	s.log = &output{}
	systemd := false
	e, err := exporter.New(exporter.Options{
		ConfigFile: s.config, StoragePath: s.data, TelemetryPath: "/metrics", TaskAPI: true,
		Logger: slog.New(slog.NewTextHandler(s.log, nil)),
		Web:    &toolkit.FlagConfig{WebListenAddresses: &[]string{s.address}, WebSystemdSocket: &systemd, WebConfigFile: &s.web},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
		if err := e.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() { s.stop() })
	eventually(s.t, "the exporter listens", func() bool {
		m := listening.FindStringSubmatch(s.log.String())
		if m != nil {
			s.address = m[1]
		}
		return m != nil
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(patience)
	for !ok() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

// submit has the vendor of the account ali know a task, which is over at once: with
// so many URLs that succeeded, and that failed.
func (s *site) submit(id string, succeeded, failed int) {
	s.ali.Submit(aliTask(id, succeeded, failed))
}

func aliTask(id string, succeeded, failed int) simulator.Task {
	task := simulator.Task{ID: id, Owner: keyID, Created: time.Now().Add(-time.Hour)}
	for i := range succeeded + failed {
		task.URLs = append(task.URLs, simulator.URLPlan{
			URL: fmt.Sprintf("https://example.com/%s/%d.mp4", id, i), Fails: i >= succeeded, Reason: "Origin Timeout",
		})
	}
	return task
}

// url is where the exporter is.
func (s *site) url() string { return "http://" + s.address }

// result is what a run of the tool left.
type result struct {
	code           int
	stdout, stderr string
}

// invocation is a run of the tool that goes on.
type invocation struct {
	stdout, stderr *output
	cancel         context.CancelFunc
	code           chan int
}

// begin runs the tool against the site, with what stdin has.
func (s *site) begin(stdin string, args ...string) *invocation {
	s.t.Helper()
	i := &invocation{stdout: &output{}, stderr: &output{}, code: make(chan int, 1)}
	ctx, cancel := context.WithCancel(s.t.Context())
	i.cancel = cancel
	s.t.Cleanup(cancel)
	go func() {
		i.code <- tool.RunQuickly(ctx, tool.Process{
			Args: append(args, "--exporter.url="+s.url()), Stdin: strings.NewReader(stdin),
			Stdout: i.stdout, Stderr: i.stderr, Getenv: func(string) string { return "" },
		})
	}()
	return i
}

// end waits for the run's own end.
func (i *invocation) end(t *testing.T) result {
	t.Helper()
	select {
	case code := <-i.code:
		return result{code, i.stdout.String(), i.stderr.String()}
	case <-time.After(patience):
		t.Fatalf("after %v the tool still runs:\n%s%s", patience, i.stdout, i.stderr)
		return result{}
	}
}

// run runs the tool to its end.
func (s *site) run(args ...string) result {
	s.t.Helper()
	return s.begin("", args...).end(s.t)
}

// want fails unless a run exited with code and wrote what matches each pattern, to
// either stream.
func (r result) want(t *testing.T, code int, patterns ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit %d, want %d", r.code, code)
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(r.stdout + r.stderr) {
			t.Errorf("nothing matches %s", p)
		}
	}
	if strings.Contains(r.stdout+r.stderr, secret) {
		t.Error("a secret is shown")
	}
	if t.Failed() {
		t.Fatalf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}

// terminal runs the tool on a terminal of 100 columns until it ends, or until what
// it wrote matches, and returns that.
func (s *site) terminal(until string, args ...string) (drawn string, code int) {
	s.t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		s.t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		s.t.Fatal(err)
	}
	var screen output
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&screen, master) // ends with an error when the other side is closed
	}()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		ended <- tool.RunQuickly(ctx, tool.Process{
			Args: append(args, "--exporter.url="+s.url()), Stdin: strings.NewReader(""), Stdout: tty, Stderr: tty,
			Getenv: func(string) string { return "" },
		})
	}()
	if until != "" {
		pattern := regexp.MustCompile(until)
		eventually(s.t, "the screen shows "+until, func() bool { return pattern.MatchString(screen.String()) })
		cancel()
	}
	code = <-ended
	if err := tty.Close(); err != nil {
		s.t.Error(err)
	}
	<-read
	return screen.String(), code
}

// request asks the exporter and returns the status.
func (s *site) request(method, path string) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url()+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req) //nolint:forbidigo // it is closed with the exporter
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
