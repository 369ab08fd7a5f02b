package strict

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/remedy"
)

// IsNull reports whether the node is YAML's or JSON's null, which a key without a
// value has.
func IsNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// NoValue says that null stands where a value is expected.
func NoValue(key *yaml.Node) string {
	if key.LineComment != "" {
		return "has no value; what begins with # is a comment, and a text that does needs quotes"
	}
	return "has no value"
}

// Kind names what a node is, for a message. It shows the beginning of a text.
func Kind(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case IsNull(node):
		return "nothing"
	default:
		return Quote(node.Value)
	}
}

// Indirect says what to do about a node that is an alias, or has an anchor or a
// tag; empty if it is none and has none.
//
// They are refused because each hides a value from the place where it applies,
// and because an unquoted text that begins with *, & or ! would become one.
func Indirect(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.AliasNode:
		return remedy.Begins('*')
	case node.Anchor != "":
		return remedy.Begins('&')
	case node.Style&yaml.TaggedStyle != 0:
		return remedy.Begins('!')
	}
	return ""
}

// Entry is a key of a mapping and its value.
type Entry struct{ Key, Value *yaml.Node }

// Entries returns those of a mapping, each key once. The others are told to fail:
// keys of which unknown says something, those that were there before, and what is
// no key.
func Entries(mapping *yaml.Node, unknown func(key string) string, fail func(key *yaml.Node, what string)) []Entry {
	first := make(map[string]int, len(mapping.Content)/2)
	entries := make([]Entry, 0, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		what := Indirect(key)
		switch line, twice := first[key.Value]; {
		case what != "":
		case key.Kind != yaml.ScalarNode:
			what = "a key must be a single word"
		case twice:
			what = fmt.Sprintf("is given twice, first in line %d", line)
		default:
			what = unknown(key.Value)
		}
		if what != "" {
			fail(key, what)
			continue
		}
		first[key.Value] = key.Line
		entries = append(entries, Entry{key, mapping.Content[i+1]})
	}
	return entries
}

// Unknown says of an unknown key what somebody probably meant.
func Unknown(key string, known []string) string {
	all := strings.Join(known, ", ")
	switch near := remedy.Nearest(key, known); {
	case strings.Contains(key, ":"):
		return "unknown key; a space is missing after the colon"
	case near != "":
		return fmt.Sprintf("unknown key; did you mean %s? Known here: %s", near, all)
	default:
		return "unknown key; known here: " + all
	}
}

// Quote quotes the beginning of a text that is no secret.
func Quote(text string) string {
	const most = 64 // runes
	n := 0
	for i := range text {
		if n == most {
			return fmt.Sprintf("%q…", text[:i])
		}
		n++
	}
	return fmt.Sprintf("%q", text)
}
