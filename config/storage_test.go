package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/config"
)

// etcd is base with a store that replicas share, with these lines of it.
func etcd(lines ...string) string {
	return base + "storage:\n  etcd:\n    " + strings.Join(lines, "\n    ") + "\n"
}

func TestStorageDefaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		base: false, base + "storage:\n": false, base + "storage: {}\n": false, etcd("endpoints: [https://etcd:2379]"): true,
	} {
		if got := load(t, text).Storage.Etcd != nil; got != want {
			t.Errorf("with etcd: %t, want %t, of\n%s", got, want, text)
		}
	}
	e := load(t, etcd("endpoints: [https://ETCD:2379/, 'https://[::1]:22379']")).Storage.Etcd
	if want := []string{"https://etcd:2379", "https://[::1]:22379"}; !slices.Equal(e.Endpoints, want) {
		t.Errorf("endpoints are %q, want %q", e.Endpoints, want)
	}
	if e.Prefix != "/prefetch_exporter" || e.Username != "" || e.Password != nil || !e.TLSConfig.IsZero() || !e.Secure() {
		t.Errorf("etcd is %+v", *e)
	}
	if e.LeaseTTL != every(15*time.Second) || e.DialTimeout != every(5*time.Second) {
		t.Errorf("lease_ttl is %v, dial_timeout %v", e.LeaseTTL, e.DialTimeout)
	}
}

// TestPrefix: one group has one prefix, with a slash at its end and without.
func TestPrefix(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"/a": "/a", "/a/": "/a", "/a/b.c/": "/a/b.c", "'/日本'": "/日本"} {
		if got := load(t, etcd("endpoints: [http://localhost:2379]", "prefix: "+text)).Storage.Etcd.Prefix; got != want {
			t.Errorf("the prefix %s is %q, want %q", text, got, want)
		}
	}
}

// TestStorageFiles: the files of a store belong to the configuration, paths are
// relative to it, and a password counts anew when it changes.
func TestStorageFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := writeFile(t, filepath.Join(dir, "password"), "first")
	file := writeFile(t, filepath.Join(dir, "config.yml"), etcd(
		"endpoints: [https://etcd:2379]", "username: u", "password_file: password", "tls_config: {insecure_skip_verify: true}"))
	c, files, err := config.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{file, path}; !slices.Equal(files, want) {
		t.Errorf("files are %q, want %q", files, want)
	}
	want := file + ":9: storage.etcd.tls_config: insecure_skip_verify: etcd's certificate is not checked, so anybody on the way can read and change what is stored"
	if len(c.Warnings) != 1 || c.Warnings[0].Error() != want {
		t.Errorf("warnings are\n%v, want\n%s", c.Warnings, want)
	}
	writeFile(t, path, "second")
	if got := c.Storage.Etcd.Password.Value(); got != "second" {
		t.Errorf("the password is %q", got)
	}
}

// TestStorageCannotChange compares configurations, of which the second comes with a
// reload.
func TestStorageCannotChange(t *testing.T) {
	t.Parallel()
	const endpoints, cannot = "endpoints: [https://etcd:2379]", "; a reload cannot change the storage: start the exporter anew for that"
	full := []string{endpoints, "prefix: /a", "username: u", "password: p", "tls_config: {server_name: a}", "lease_ttl: 10s", "dial_timeout: 1s"}
	// with is the full store with another line.
	with := func(i int, line string) string {
		lines := slices.Clone(full)
		lines[i] = line
		return etcd(lines...)
	}
	file := writeFile(t, filepath.Join(t.TempDir(), "p"), "p")
	for _, c := range []struct{ name, before, after, want string }{
		{"embedded", base, base + "storage: {}\n", ""},
		{"the same", etcd(full...), "\n" + etcd(full...), ""},
		{"the same in other words", etcd(endpoints), etcd(endpoints, "prefix: /prefetch_exporter/", "lease_ttl: 15000ms"), ""},
		{"the same file", with(3, "password_file: "+file), with(3, "password_file: "+file), ""},
		{"new", base, etcd(endpoints), "4: storage.etcd: is new"},
		{"gone", etcd(endpoints), base, "1: storage.etcd: is gone"},
		{"endpoints", etcd(full...), with(0, "endpoints: [https://etcd:2379, https://other:2379]"), "6: storage.etcd.endpoints: is not what it was"},
		{"prefix", etcd(full...), with(1, "prefix: /b"), "7: storage.etcd.prefix: is not what it was"},
		{"default", etcd(full...), with(1, "# prefix"), "5: storage.etcd.prefix: is not what it was"},
		{"username", etcd(full...), with(2, "username: v"), "8: storage.etcd.username: is not what it was"},
		{"password", etcd(full...), with(3, "password: q"), "9: storage.etcd.password: is not what it was"},
		{"to a file", etcd(full...), with(3, "password_file: "+file), "5: storage.etcd.password: is not what it was"},
		{"no password", etcd(full...), etcd(slices.Concat(full[:2], full[4:])...), "5: storage.etcd.username: is not what it was"},
		{"tls_config", etcd(full...), with(4, "tls_config: {}"), "10: storage.etcd.tls_config: is not what it was"},
		{"lease_ttl", etcd(full...), with(5, "lease_ttl: 11s"), "11: storage.etcd.lease_ttl: is not what it was"},
		{"dial_timeout", etcd(full...), with(6, "dial_timeout: 2s"), "12: storage.etcd.dial_timeout: is not what it was"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, c.after)
			after, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			got, want := "", c.want
			if err := after.CheckStorage(load(t, c.before)); err != nil {
				got = err.Error()
			}
			if want != "" {
				want = path + ":" + want + cannot
			}
			if got != want {
				t.Errorf("the error is\n%s, want\n%s", got, want)
			}
		})
	}
}
