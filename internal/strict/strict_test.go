package strict_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"a: b":              "a mapping",
		"[1]\n---\n":        "2 : a second YAML document begins here; there must be only one",
		"a: 1\n...\n# end":  "a mapping",
		"":                  "empty",
		"# only\n":          "empty",
		"---\n":             "empty",
		"null":              "empty",
		"~":                 "empty",
		"a: b\nc\xff: d":    "2 : is not valid UTF-8",
		"a: b\n\n\x00: d":   "3 : contains a control character",
		"a:\tb\r\n":         "a mapping",
		"a: *x":             "1 a: begins with *: YAML aliases and anchors are not supported; if it is a text, quote it, no YAML",
		"a: b\n---\n[":      "3 : did not find expected node content, no YAML",
		"a: \"open\nb: c\n": "1 : found unexpected end of stream; is each quote closed?, no YAML",
	} {
		got := "empty"
		switch root, wrong := strict.Document([]byte(data)); {
		case wrong != nil && root != nil:
			t.Errorf("%q has a root and a mistake", data)
		case wrong != nil:
			got = fmt.Sprintf("%d %s: %s", wrong.Line, wrong.Key, wrong.Message)
			if wrong.Syntax {
				got += ", no YAML"
			}
		case root != nil:
			got = strict.Kind(root)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", data, got, want)
		}
	}
}

func node(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	return document.Content[0]
}

func TestKind(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 65)
	for text, want := range map[string]string{
		"[]": "a list", "{}": "a mapping", "null": "nothing", "~": "nothing", `"null"`: `"null"`, "1.50": `"1.50"`,
		long: `"` + long[:128] + `"…`, long[:128]: `"` + long[:128] + `"`, `"a\nb"`: `"a\nb"`,
	} {
		if got := strict.Kind(node(t, text)); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func TestIndirect(t *testing.T) {
	t.Parallel()
	list := node(t, "[plain, &a anchor, *a, !x tag, !!str text, '*quoted', [&b inside]]")
	want := []string{"", "begins with &", "begins with *", "begins with !", "begins with !", "", ""}
	for i, item := range list.Content {
		if got := strict.Indirect(item); !strings.HasPrefix(got, want[i]) || (got == "") != (want[i] == "") {
			t.Errorf("item %d: %q, want %q", i, got, want[i])
		}
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	var wrong, right []string
	entries := strict.Entries(node(t, "a: 1\nb: 2 # two\na: 3\n? [c]\n: 4\n&d d: 5\nother: 6\nb: # none\n"), func(key string) string {
		if len(key) > 1 {
			return strict.Unknown(key, []string{"a", "b", "d"})
		}
		return ""
	}, func(key *yaml.Node, what string) {
		wrong = append(wrong, fmt.Sprintf("%d %s: %s", key.Line, key.Value, what))
	})
	for _, e := range entries {
		right = append(right, e.Key.Value+"="+e.Value.Value)
	}
	if diff := cmp.Diff([]string{"a=1", "b=2"}, right); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"3 a: is given twice, first in line 1",
		"4 : a key must be a single word",
		"6 d: begins with &: YAML aliases and anchors are not supported; if it is a text, quote it",
		"7 other: unknown key; known here: a, b, d",
		"8 b: is given twice, first in line 2",
	}, wrong); diff != "" {
		t.Errorf("wrong (-want +got):\n%s", diff)
	}
}

func TestNoValue(t *testing.T) {
	t.Parallel()
	mapping := node(t, "a:\nb: #hash\n")
	if got := strict.NoValue(mapping.Content[0]); got != "has no value" {
		t.Errorf("a %s", got)
	}
	if got := strict.NoValue(mapping.Content[2]); !strings.HasPrefix(got, "has no value; what begins with # is a comment") {
		t.Errorf("b %s", got)
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"lables":  "unknown key; did you mean labels? Known here: urls, labels",
		"other":   "unknown key; known here: urls, labels",
		"urls:[]": "unknown key; a space is missing after the colon",
	} {
		if got := strict.Unknown(key, []string{"urls", "labels"}); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}
