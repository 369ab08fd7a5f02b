package remedy_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/remedy"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"poll_interval", "retention", "max_staleness", "task_limit", "url", "web.listen-address"}
	for word, want := range map[string]string{
		"task_limit":              "task_limit",
		"task_limits":             "task_limit",
		"tasklimit":               "task_limit",
		"Task-Limit":              "task_limit",
		"pollinterval":            "poll_interval",
		"poll":                    "poll_interval",
		"interval":                "poll_interval",
		"retension":               "retention",
		"retention_time":          "retention",
		"ulr":                     "",
		"urls":                    "url",
		"ur":                      "url",
		"web.lisen_address":       "web.listen-address",
		"":                        "",
		"max":                     "",
		"quite_another":           "",
		strings.Repeat("x", 65):   "",
		strings.Repeat("url", 99): "",
	} {
		if got := remedy.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	// What is part of two is near to neither.
	if got := remedy.Nearest("secret", []string{"secret_key_value", "secret_key_file"}); got != "" {
		t.Errorf("one of two: %q", got)
	}
	for word, want := range map[string]string{"task_limits": "task_limit", "rate_limit": "", "URL": "url"} {
		if got := remedy.Slip(word, known); got != want {
			t.Errorf("Slip(%q) = %q, want %q", word, got, want)
		}
	}
}

// TestSyntax wants the place of each mistake, wherever the value stands.
func TestSyntax(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"*x":    remedy.Begins('*'),
		"*.yml": remedy.Begins('*'),
		"&":     remedy.Begins('&'),
		"%x":    remedy.Begins('%'),
		"@x":    remedy.Begins('@'),
		"`x":    remedy.Begins('`'),
	} {
		for form, where := range map[string]remedy.Mistake{
			"a: 1\nb:\n  c: %s\n  d: 2\n":           {Line: 3, Key: "c"},
			"a: 1\n\"b\":   %s\n":                   {Line: 2, Key: "b"},
			"a: {b: 1, c: %s, d: 2}\n":              {Line: 1, Key: "c"},
			"a:\n  - 1\n  - %s\n  - 2\n":            {Line: 3},
			"a:\n  - b: %s\n":                       {Line: 2, Key: "b"},
			"a: [%s]\n":                             {Line: 1},
			"a: [1, %s]\n":                          {Line: 1},
			"# *x and %% and @\na: \"*x\"\nb: %s\n": {Line: 3, Key: "b"},
		} {
			text := []byte(fmt.Sprintf(form, value))
			var node yaml.Node
			err := yaml.Unmarshal(text, &node)
			if err == nil {
				t.Fatalf("%q is YAML", text)
			}
			where.Message = want
			if got := remedy.Syntax(text, err); got != where {
				t.Errorf("%q (%v):\n got %+v\nwant %+v", text, err, got, where)
			}
		}
	}
}

// FuzzSyntax wants a line that exists, and no text of what may be a secret.
func FuzzSyntax(f *testing.F) {
	for _, seed := range []string{"a: *secretsecret", "a:\n\tsecretsecret: 1", "a: @secretsecret\nb: {", "secretsecret: a: b", "- *x\n*secretsecret"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var node yaml.Node
		err := yaml.Unmarshal(text, &node)
		if err == nil {
			return
		}
		got := remedy.Syntax(text, err)
		if got.Line < 1 || got.Line > strings.Count(string(text), "\n")+1 || got.Message == "" {
			t.Errorf("%q (%v): %+v", text, err, got)
		}
		if strings.Contains(got.Message, "secretsecret") || strings.ContainsFunc(got.Message, unicode.IsControl) {
			t.Errorf("%q: the message shows some of the text: %s", text, got.Message)
		}
	})
}
