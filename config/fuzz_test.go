package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config"
	"prefetch_exporter/config/form"
)

// FuzzLoad asserts what Load promises for any bytes: a configuration or errors
// that all tell their place, never both and never neither; and that what may be
// shown of a configuration does not depend on its secrets.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yml", examplePath} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "config.yml")
		c, err := loadBytes(t, path, data)
		if err != nil {
			checkErrors(t, path, c, err)
			return
		}
		checkConfig(t, c)
		other, ok := withOtherSecrets(data)
		if !ok {
			return
		}
		// Other secrets need not be valid, for instance where one is a key in
		// PEM form.
		if changed, err := loadBytes(t, path, other); err == nil && !bytes.Equal(c.Masked(), changed.Masked()) {
			t.Errorf("what is shown depends on secrets:\n%s\nand:\n%s", c.Masked(), changed.Masked())
		}
	})
}

func loadBytes(t *testing.T, path string, data []byte) (*config.Config, error) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path)
}

func checkErrors(t *testing.T, path string, c *config.Config, err error) {
	t.Helper()
	if c != nil {
		t.Error("a configuration and an error")
	}
	var all form.Errors
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("error %T %v has no problems", err, err)
	}
	last := 1
	for _, one := range all {
		if one.File != path || one.Line < last || one.Field == "" || one.Message == "" {
			t.Errorf("problem %+v after line %d", one, last)
		}
		if strings.ContainsAny(one.Error(), "\n\r") {
			t.Errorf("problem %q is more than one line", one.Error())
		}
		last = one.Line
	}
}

func checkConfig(t *testing.T, c *config.Config) {
	t.Helper()
	if c == nil || len(c.Accounts) == 0 {
		t.Fatal("neither a configuration with accounts nor an error")
	}
	names := map[string]bool{}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if names[a.Name] || a.Name == "" {
			t.Errorf("account name %q is empty or given twice", a.Name)
		}
		names[a.Name] = true
		if a.Vendor == nil {
			t.Errorf("account %q has no provider", a.Name)
		}
		if a.RateLimit.Calls < 1 || a.RateLimit.Per <= 0 || a.PollInterval <= 0 {
			t.Errorf("account %q: limit %v, poll interval %v", a.Name, a.RateLimit, a.PollInterval)
		}
		if parts := strings.SplitN(a.Identity(), "|", 3); len(parts) != 3 || parts[0] != a.Provider() || parts[1] == "" || parts[2] == "" {
			t.Errorf("account %q: identity %q", a.Name, a.Identity())
		}
		ids := map[string]bool{}
		for _, task := range a.Tasks {
			if task.ID == "" || ids[task.ID] || task.Account != a.Name {
				t.Errorf("account %q: task %+v", a.Name, task)
			}
			ids[task.ID] = true
		}
	}
}

// withOtherSecrets returns the configuration with each of its secrets replaced.
func withOtherSecrets(data []byte) ([]byte, bool) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, false
	}
	replaceSecrets(&root, false)
	changed, err := yaml.Marshal(&root)
	return changed, err == nil
}

func replaceSecrets(node *yaml.Node, secret bool) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	if node.Kind == yaml.ScalarNode && secret {
		node.SetString("REPLACED" + node.Value)
	}
	for i, child := range node.Content {
		if node.Kind != yaml.MappingNode {
			replaceSecrets(child, secret)
			continue
		}
		if i%2 == 1 {
			replaceSecrets(child, secret || isSecret(node.Content[i-1].Value))
		}
	}
}

func isSecret(key string) bool {
	switch key {
	// Ours. The access key of an account is part of its identity but not shown.
	case "api_key", "access_key", "secret_key", "security_token", "token", "password",
		// Those of prometheus/common.
		"key", "credentials", "bearer_token", "client_secret", "client_certificate_key",
		"proxy_connect_header", "secrets", "values", "endpoint_params", "claims":
		return true
	default:
		return false
	}
}

// FuzzSource asserts that the name of a source never shows more than where it is.
func FuzzSource(f *testing.F) {
	for _, seed := range []string{
		"https://h/tasks", "http://h", "https://u:p@[::1]:8080/a%2Fb/c?d", "https://h/a?b=c@d", "https://@h/", "https://h/%3Fq%23f", "https://h?x", "https://h/?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := loadBytes(t, filepath.Join(t.TempDir(), "config.yml"), []byte(base+"task_discovery: {http: [{url: "+string(quoted)+"}]}\n"))
		if err != nil {
			return
		}
		source := c.TaskDiscovery.HTTP[0]
		whole, err := url.Parse(source.URL.Value())
		if err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		name, err := url.Parse(source.Source())
		if err != nil {
			t.Fatalf("the name of %q, %q: %v", text, source.Source(), err)
		}
		if name.User != nil || strings.ContainsAny(source.Source(), "?#") {
			t.Fatalf("%q is shown as %q", text, source.Source())
		}
		if name.Scheme != whole.Scheme || name.Host != whole.Host || name.Path != whole.Path {
			t.Fatalf("%q is shown as %q, which is elsewhere", text, source.Source())
		}
	})
}
