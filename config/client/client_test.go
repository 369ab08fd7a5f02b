package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
)

// value is a part of a configuration file, which stands in a folder with a file for a
// password, one that is empty and one that is no password.
func value(t *testing.T, text string) form.Value {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"password": "hunter2\n", "empty": "", "binary": "hun\x00ter2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &form.Reader{File: "config.yml", Dir: dir}
	root := r.Document([]byte(text))
	if root == nil {
		t.Fatal(r.Errs)
	}
	return form.Value{R: r, Node: root, Line: 1, Field: "client"}
}

// shown is what users see of a configuration.
func shown(t *testing.T, c any) string {
	t.Helper()
	text, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// problems are those that were found, without their place in the file.
func problems(errs form.Errors) (all []string) {
	for _, e := range errs {
		all = append(all, e.Field+": "+e.Message)
	}
	return all
}

// What is read is shown without what may be a credential.
func TestHTTP(t *testing.T) {
	t.Parallel()
	v := value(t, `
basic_auth: {username: u, password_file: password}
proxy_url: http://u:hunter2@proxy.example.com:3128
proxy_connect_header: {X-Key: [hunter2]}
http_headers: {X-A: {values: [hunter2]}, X-B: {secrets: [hunter2]}, X-C: {files: [password]}}
tls_config: {min_version: TLS13, insecure_skip_verify: true}
follow_redirects: false
`)
	c := client.ReadHTTP(v, client.HTTPKeys())
	if len(v.R.Errs) > 0 {
		t.Fatal(v.R.Errs)
	}
	if c.BasicAuth.PasswordFile != filepath.Join(v.R.Dir, "password") || c.FollowRedirects || c.TLSConfig.MinVersion != promconfig.TLSVersions["TLS13"] {
		t.Errorf("read %+v", c.HTTPClientConfig)
	}
	if want := []string{c.BasicAuth.PasswordFile, c.BasicAuth.PasswordFile}; !slices.Equal(v.R.Files, want) {
		t.Errorf("files are %q, want %q", v.R.Files, want)
	}
	text := shown(t, c)
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "proxy_url: http://<secret>@proxy.example.com:3128") {
		t.Errorf("shown as\n%s", text)
	}
	if printed := fmt.Sprintf("%+v %#v", c, c); strings.Contains(printed, "hunter2") {
		t.Errorf("printed as %s", printed)
	}
	empty := client.ReadHTTP(form.Value{R: v.R}, client.HTTPKeys())
	if !empty.FollowRedirects {
		t.Error("the library's defaults do not hold")
	}
}

// An account has TLS and a proxy, and no redirect is followed.
func TestVendorHTTP(t *testing.T) {
	t.Parallel()
	v := value(t, "{tls_config: {insecure_skip_verify: true}, proxy_url: 'http://proxy.example.com'}")
	c := client.ReadVendorHTTP(v)
	if c.FollowRedirects || !c.TLSConfig.InsecureSkipVerify || len(v.R.Errs) > 0 {
		t.Errorf("read %+v, %v", c.HTTPClientConfig, v.R.Errs)
	}
	if len(v.R.Warnings) != 1 || !strings.Contains(v.R.Warnings[0].Message, "certificate is not checked") {
		t.Errorf("warned of %v", v.R.Warnings)
	}
	if text := shown(t, c); text != "tls_config:\n    insecure_skip_verify: true\nproxy_url: http://proxy.example.com\n" {
		t.Errorf("shown as\n%s", text)
	}
	v = value(t, "{basic_auth: {username: u}, follow_redirects: true}")
	c = client.ReadVendorHTTP(v)
	if len(v.R.Errs) != 2 || !c.IsZero() && strings.Contains(shown(t, c), "basic_auth") {
		t.Errorf("errors %v, shown as %s", v.R.Errs, shown(t, c))
	}
}

func TestInvalidHTTP(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{unknown: 1}":                                                      "client.unknown: unknown key",
		"{proxy_url: example.com}":                                          "client.proxy_url: must be a URL",
		"{proxy_url: ftp://example.com}":                                    "client.proxy_url: must be a URL",
		"{proxy_url: ''}":                                                   "client.proxy_url: must not be empty",
		"{follow_redirects: hunter2}":                                       "client.follow_redirects: must be true or false",
		"{tls_config: {min_version: TLS14}}":                                "client.tls_config.min_version: \"TLS14\" is not a TLS version",
		"{tls_config: {ca_ref: x}}":                                         "client.tls_config.ca_ref: references to a secret manager",
		"{tls_config: {ca_file: none}}":                                     "client.tls_config.ca_file: ",
		"{tls_config: {ca_file: empty}}":                                    "client.tls_config.ca_file: ",
		"{tls_config: {ca: hunter2}}":                                       "client.tls_config: ",
		"{tls_config: []}":                                                  "client.tls_config: ",
		"{basic_auth: {password_file: binary}}":                             "client.basic_auth.password_file: ",
		`{basic_auth: {username: u, password: "hun\tter2"}}`:                "client.basic_auth.password: ",
		`{authorization: {credentials: "hun\nter2"}}`:                       "client.authorization.credentials: ",
		"{http_headers: {Host: {values: [x]}}}":                             "client: ",
		"{http_headers: {X: {values: {}}}}":                                 "client.http_headers.X.values: ",
		"{oauth2: {client_id: a, token_url: b, tls_config: {ca: hunter2}}}": "client.oauth2: ",
		"{bearer_token: a, basic_auth: {username: u, password: p}}":         "client: ",
	} {
		v := value(t, text)
		client.ReadHTTP(v, client.HTTPKeys())
		got := problems(v.R.Errs)
		if len(got) != 1 || !strings.HasPrefix(got[0], want) || strings.Contains(got[0], "hunter2") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	v := value(t, "{server_name: etcd, insecure_skip_verify: true}")
	c := client.ReadTLS(v)
	if len(v.R.Errs) > 0 || c.ServerName != "etcd" || c.IsZero() || !slices.Contains(client.TLSKeys(), "ca_file") {
		t.Errorf("read %+v, %v", c.TLSConfig, v.R.Errs)
	}
	if text := shown(t, c); text != "insecure_skip_verify: true\nserver_name: etcd\n" && !strings.Contains(text, "server_name: etcd\n") {
		t.Errorf("shown as\n%s", text)
	}
	if none := client.ReadTLS(form.Value{R: v.R}); !none.IsZero() || !(client.TLSConfig{}).IsZero() {
		t.Errorf("what is not given is %+v", none.TLSConfig)
	}
	for text, want := range map[string]string{
		"{unknown: 1}":              "client.unknown: unknown key",
		"{cert: x}":                 "client: ",
		"{ca: hunter2}":             "client: ",
		"{insecure_skip_verify: 3}": "client.insecure_skip_verify: must be true or false",
	} {
		v := value(t, text)
		client.ReadTLS(v)
		if got := problems(v.R.Errs); len(got) != 1 || !strings.HasPrefix(got[0], want) || strings.Contains(got[0], "hunter2") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
