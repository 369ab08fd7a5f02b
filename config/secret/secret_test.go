package secret_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/secret"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What may stand in a file is what may stand in the configuration, but for the
// newlines at its end.
func TestContent(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]struct{ key, password string }{
		"abc/+=":             {},
		"a b":                {},
		"pässword":           {"contains a character that is not ASCII, at position 2", ""},
		"a\u200bc":           {"contains U+200B, which cannot be seen, at position 2", "contains U+200B, which cannot be seen, at position 2"},
		"a\tb":               {"contains a control character", "contains a control character"},
		"a\xffb":             {"is not valid UTF-8", "is not valid UTF-8"},
		"":                   {"is empty", "is empty"},
		"\ufeff":             {"is empty", "is empty"},
		"\ufeffabc":          {},
		"\xff\xfea\x00b\x00": {"is not valid UTF-8", "is not valid UTF-8"},
	} {
		for check, want := range map[string]string{"key": want.key, "password": want.password} {
			content := map[string]secret.Content{"key": secret.CheckKey, "password": secret.CheckPassword}[check]
			s, err := secret.Inline("field", value, content)
			if got := text(err); got != want {
				t.Errorf("%q as a %s: %q, want %q", value, check, got, want)
			}
			if err == nil && (s.Value() != strings.TrimPrefix(value, "\ufeff") || s.FromFile()) {
				t.Errorf("%q became %q", value, s.Value())
			}
			path := filepath.Join(t.TempDir(), "secret")
			write(t, path, value+"\r\n")
			if value == "\xff\xfea\x00b\x00" {
				want = "is UTF-16; save it as UTF-8"
			}
			s, err = secret.File("field", path, content)
			if got := strings.TrimPrefix(text(err), path+": "); got != want {
				t.Errorf("%q as a %s in a file: %q, want %q", value, check, got, want)
			}
			if err == nil && (s.Value() != strings.TrimPrefix(value, "\ufeff") || !s.FromFile()) {
				t.Errorf("%q became %q", value, s.Value())
			}
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A file counts from its change on; while it cannot be used, the last value does.
// Each change is told once, and the beginning of each failure.
func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, "first\n")
	s, err := secret.File("accounts[0].api_key_file", path, secret.CheckKey)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	s.Tell(secret.Hooks{
		Failed:  func(err error) { told = append(told, err.Error()) },
		Changed: func(field, path string) { told = append(told, field+" "+path) },
	})
	step := func(content, value string, news ...string) {
		t.Helper()
		told = nil
		write(t, path, content)
		for range 2 {
			if got := s.Value(); got != value {
				t.Errorf("with %q in the file: %q, want %q", content, got, value)
			}
		}
		if fmt.Sprint(told) != fmt.Sprint(news) {
			t.Errorf("with %q in the file told %q, want %q", content, told, news)
		}
	}
	step("first\n", "first")
	step("second\n", "second", "accounts[0].api_key_file "+path)
	step("", "second", "accounts[0].api_key_file: "+path+": is empty; the last value is kept")
	step("sècond", "second")
	step("second", "second")
	step(strings.Repeat("x", 1<<20+1), "second", "accounts[0].api_key_file: "+path+": is larger than 1 MiB; the last value is kept")
	for _, bad := range []string{filepath.Join(path, "none"), t.TempDir(), os.DevNull} {
		if _, err := secret.File("f", bad, secret.CheckKey); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// However it is printed, a secret shows what it may.
func TestOpaque(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, "hunter2")
	inline, err := secret.Inline("f", "hunter2", secret.CheckPassword)
	if err != nil {
		t.Fatal(err)
	}
	file, err := secret.File("f", path, secret.CheckPassword)
	if err != nil {
		t.Fatal(err)
	}
	shown := secret.Shown("https://example.com", "https://ops:hunter2@example.com")
	for want, s := range map[string]*secret.Secret{"<secret>": inline, path: file, "https://example.com": &shown} {
		yamlText, err := yaml.Marshal(s)
		if err != nil || !strings.Contains(string(yamlText), want) {
			t.Errorf("YAML %q, %v; want %q", yamlText, err, want)
		}
		jsonText, err := json.Marshal(s)
		if err != nil {
			t.Error(err)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", *s)
		for _, got := range []string{
			string(yamlText), string(jsonText), log.String(), s.String(), fmt.Sprintf("%+v %#v %d %x", s, *s, *s, s),
		} {
			if strings.Contains(got, "hunter2") || strings.Contains(got, fmt.Sprintf("%x", "hunter2")) {
				t.Errorf("%q shows the secret", got)
			}
		}
	}
}
