package discovery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/remedy"
)

const (
	// maxQuoted bounds what an error repeats of somebody's words, in runes.
	maxQuoted = 64
	// maxIssues bounds what is told of one entry: it can be wrong in half a
	// million places.
	maxIssues = 20
)

// labelAccount is the key, and in target groups the label, that names the account.
const labelAccount = "account"

// issues are what is wrong with one entry, each as "field: what is wrong".
type issues []string

// issuesOf are what is said of a task that was read.
func issuesOf(faults []prefetch.Fault) issues {
	var found issues
	for _, fault := range faults {
		found = append(found, fault.String())
	}
	return found
}

func (found *issues) addf(field, format string, args ...any) {
	if len(*found) > maxIssues {
		return
	}
	if len(*found) == maxIssues {
		*found = append(*found, "and more")
		return
	}
	text := fmt.Sprintf(format, args...)
	if field != "" {
		text = field + ": " + text
	}
	*found = append(*found, text)
}

func (found *issues) String() string { return strings.Join(*found, "; ") }

// nameTask puts the name of the task, if it has one, before the first issue.
func (found *issues) nameTask(task prefetch.Task) {
	if task.ID != "" {
		(*found)[0] = fmt.Sprintf("task %q of account %q: %s", abbreviate(task.ID), abbreviate(task.Account), (*found)[0])
	}
}

// abbreviate bounds what a message repeats of somebody's words.
func abbreviate(text string) string {
	count := 0
	for i := range text {
		if count == maxQuoted {
			return text[:i] + "…"
		}
		count++
	}
	return text
}

// form is how something is written, and which keys it may have; any if there are
// none.
type form struct {
	example string
	keys    []string
	// labels are keys that belong under labels, as many think that they do not.
	labels []string
}

// What a list holds.
const (
	aTask    = "task"
	aGroup   = "group"
	ofLabels = "labels"
)

// forms are those of what a list holds.
var forms = map[string]form{
	aTask: {
		example: "{account: edge, id: 3ff59d129a2c40a39b9be8c9de9975d6}",
		keys:    []string{labelAccount, "id", "created", "deadline", "urls", "labels"},
	},
	aGroup: {
		example: "{targets: [3ff59d129a2c40a39b9be8c9de9975d6], labels: {account: edge}}",
		keys:    []string{"targets", "labels"},
		labels:  []string{labelAccount, "created", "deadline"},
	},
	ofLabels: {example: "{title: launch}"},
}

// unknown says what somebody probably meant who used another key, as the end of a
// message.
func (f form) unknown(key string) string {
	if slices.Contains(f.labels, key) {
		return " (it belongs under labels)"
	}
	if near := remedy.Nearest(key, f.keys); near != "" {
		return " (did you mean " + near + "?)"
	}
	return " (known here: " + strings.Join(f.keys, ", ") + ")"
}

// mapping returns the values of a mapping by key, without those that are null.
// Keys that its form does not have, one of [forms], are an issue.
func (found *issues) mapping(field string, node *yaml.Node, what string) map[string]*yaml.Node {
	f := forms[what]
	if node.Kind != yaml.MappingNode {
		found.addf(field, "must be a mapping such as %s, found %s", f.example, kindOf(node))
		return nil
	}
	values := make(map[string]*yaml.Node)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if name.Kind != yaml.ScalarNode {
			found.addf(field, "a key must be a word, found %s", kindOf(name))
			continue
		}
		if _, twice := values[name.Value]; twice {
			found.addf(field, "the key %q is there twice", abbreviate(name.Value))
		}
		if len(f.keys) > 0 && !slices.Contains(f.keys, name.Value) {
			found.addf(field, "unknown key %q%s", abbreviate(name.Value), f.unknown(name.Value))
		}
		values[name.Value] = value
	}
	for name, value := range values {
		if value.Kind != yaml.ScalarNode || value.ShortTag() != tagNull {
			continue
		}
		if value.Anchor != "" {
			found.addf(name, "%s", remedy.Begins('&'))
		}
		delete(values, name)
	}
	return values
}

// text returns a scalar as it was written; "" for nil.
func (found *issues) text(field string, node *yaml.Node) string {
	if node == nil {
		return ""
	}
	if node.Kind == yaml.ScalarNode {
		switch node.ShortTag() {
		case tagStr, tagInt, tagFloat, tagBool, tagTime:
			return node.Value
		}
	}
	found.addf(field, "must be a text, found %s", kindOf(node))
	return ""
}

func (found *issues) texts(field string, node *yaml.Node) []string {
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		found.addf(field, "must be a list such as [https://example.com/a.mp4], found %s", kindOf(node))
		return nil
	}
	var texts []string
	for i, element := range node.Content {
		texts = append(texts, found.text(fmt.Sprintf("%s[%d]", field, i), element))
	}
	return texts
}

func (found *issues) labels(node *yaml.Node) map[string]string {
	if node == nil {
		return nil
	}
	values := found.mapping("labels", node, ofLabels)
	if len(values) == 0 {
		return nil
	}
	labels := make(map[string]string, len(values))
	for _, name := range sortedKeys(values) {
		labels[name] = found.text("labels."+abbreviate(name), values[name])
	}
	return labels
}

func (found *issues) time(field string, node *yaml.Node) time.Time {
	if node == nil {
		return time.Time{}
	}
	if node.Kind != yaml.ScalarNode || node.Value == "" {
		found.addf(field, "must be a time, found %s", kindOf(node))
		return time.Time{}
	}
	return found.parseTime(field, node.Value)
}

// parseTime reads RFC 3339 with an offset; "" is no time, as an empty label is
// no label to Prometheus.
func (found *issues) parseTime(field, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	var t time.Time
	// Unlike time.Parse, UnmarshalText keeps to the letter of RFC 3339.
	if err := t.UnmarshalText([]byte(text)); err != nil {
		found.addf(field, "%q is not a time of RFC 3339 with an offset, such as 2026-11-21T08:00:00Z", abbreviate(text))
		return time.Time{}
	}
	if t.IsZero() {
		// Go takes this moment for "no time", so Validate would let it pass.
		found.addf(field, "must be between the years %d and %d", prefetch.MinYear, prefetch.MaxYear)
	}
	return t.UTC()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
