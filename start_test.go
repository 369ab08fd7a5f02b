package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goodHash is of the password "launch", at bcrypt's lowest cost.
const goodHash = "$2a$04$FyApj96y3dx/Oi7EZ/p0O.9tjeYscdoTvK8fWCuf7PmagANlZ5M.K"

// A start that fails asks no vendor and takes no slot of the quota: the port and
// the web configuration come first.
func TestFailedStartCostsNoCall(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	const free = "--web.listen-address=127.0.0.1:0"
	webConfig := func(content string) string {
		return "--web.config.file=" + writeFile(t, filepath.Join(t.TempDir(), "web.yml"), content)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"address in use":      {[]string{"--web.listen-address=" + listener.Addr().String()}, "address already in use"},
		"second address":      {[]string{free, "--web.listen-address=" + listener.Addr().String()}, "address already in use"},
		"no bcrypt hash":      {[]string{free, webConfig("basic_auth_users: {ops: plain-password}\n")}, "web.yml:1: basic_auth_users.ops: is not a bcrypt hash"},
		"no certificate":      {[]string{free, webConfig("tls_server_config: {cert_file: none.pem, key_file: none.pem}\n")}, "none.pem"},
		"no web config":       {[]string{free, "--web.config.file=" + filepath.Join(t.TempDir(), "none.yml")}, "none.yml"},
		"unusable prefix":     {[]string{free, "--web.route-prefix=/a b"}, "route prefix"},
		"unusable telemetry":  {[]string{free, "--web.telemetry-path=/api/metrics"}, "telemetry path"},
		"unusable public URL": {[]string{free, "--web.external-url=ftp://x"}, "--web.external-url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor, config := huaweiVendor(t)
			file, data := writeFile(t, "config.yml", config), t.TempDir()
			base := []string{"--config.file=" + file, "--storage.path=" + data}
			for range 3 { // a race would be lost now and then
				_, stderr, err := command(t, append(base, c.args...)...)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("error %v, want %q", err, c.want)
				}
				if text := err.Error() + stderr; strings.Contains(text, "plain-password") {
					t.Errorf("a password is shown:\n%s", text)
				}
			}
			if n := vendor.Stats().Calls; n != 0 {
				t.Errorf("%d requests reached the vendor", n)
			}
			// The one call of the quota is there still.
			if _, stderr, err := command(t, append(base, "--once")...); err != nil || vendor.Stats().Calls != 1 {
				t.Errorf("after the failed starts: error %v, %d calls\n%s", err, vendor.Stats().Calls, stderr)
			}
		})
	}
}

// --config.check judges the web configuration and the files of tasks too, and
// says everything that is wrong with all of them.
func TestConfigCheckOfOtherFiles(t *testing.T) {
	t.Parallel()
	const (
		tasks = "/tasks/launch.yml"
		web   = "/web.yml"
	)
	_, config := huaweiVendor(t)
	for name, c := range map[string]struct {
		tasks, web string
		wrong      []string // lines of the error
		warnings   []string
	}{
		"all is well": {
			"- {account: vod, id: a}\n", "basic_auth_users: {ops: " + goodHash + "}\n", nil,
			[]string{`warning: task_discovery.files: there is no file now that "`, `/later/*.json" means`},
		},
		"everything is wrong": {
			"- {account: vod, id: a}\n- {account: vodd, id: b}\n- {account: vodd, id: c}\n- {account: vod, id: d, color: red}\n",
			"basic_auth_users:\n  ops: " + goodHash + "\n  pipeline: hunter2\n",
			[]string{
				tasks + `:2: account: there is no account "vodd"`,
				tasks + `:4: task "d" of account "vod": color: unknown key`,
				web + ":3: basic_auth_users.pipeline: is not a bcrypt hash",
			}, nil,
		},
		"a file that is no list": {"account: vod\n", "{}\n", []string{tasks + ": line 1: a list of tasks"}, nil},
		"an empty file":          {"", "{}\n", []string{tasks + ": is empty"}, nil},
		"an odd task": {
			"- {account: vod, id: a, urls: [\"https://example.com/a\", \"https://example.com/a\"]}\n", "{}\n", nil,
			[]string{tasks + `:1: task "a" of account "vod": urls[1]: is listed already`},
		},
		"users that are none": {"[]\n", "basic_auth_users: hunter2\n", []string{web + ":1: basic_auth_users: must be a mapping"}, nil},
		"a text":              {"[]\n", "hunter2\n", []string{web + ": must be a mapping"}, nil},
		"no YAML":             {"[]\n", "a: b: c\n", []string{web + ": yaml: "}, nil},
		"an unknown key":      {"[]\n", "basic_auth_userz: {}\n", []string{web + ": ", "basic_auth_userz"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			file := writeFile(t, filepath.Join(folder, "config.yml"), config+"task_discovery: {files: [\"tasks/*.yml\", \"later/*.json\"]}\n")
			if err := os.Mkdir(filepath.Join(folder, "tasks"), 0o700); err != nil {
				t.Fatal(err)
			}
			writeFile(t, folder+tasks, c.tasks)
			writeFile(t, folder+web, c.web)
			_, stderr, err := command(t, "--config.check", "--config.file="+file, "--web.config.file="+folder+web)
			if (err != nil) != (c.wrong != nil) {
				t.Errorf("error %v, want %q", err, c.wrong)
			}
			text := fmt.Sprint(err)
			for _, want := range c.wrong {
				if !strings.Contains(text, want) {
					t.Errorf("the error has no %q:\n%s", want, text)
				}
			}
			for _, want := range c.warnings {
				if !strings.Contains(stderr, want) {
					t.Errorf("there is no warning %q:\n%s", want, stderr)
				}
			}
			if strings.Contains(text+stderr, "hunter2") {
				t.Errorf("a password is shown:\n%s%s", text, stderr)
			}
		})
	}
}

// A configuration that is broken does not hide what is wrong with the web's.
func TestConfigCheckTellsOfBoth(t *testing.T) {
	t.Parallel()
	_, _, err := command(t, "--config.check", "--config.file="+writeFile(t, "bad.yml", "nonsense: 1\n"),
		"--web.config.file="+writeFile(t, "web.yml", "basic_auth_users: {ops: x}\n"))
	if text := fmt.Sprint(err); !strings.Contains(text, "nonsense") || !strings.Contains(text, "basic_auth_users.ops") {
		t.Errorf("error %v, want both files' problems", err)
	}
}
