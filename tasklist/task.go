package tasklist

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/prefetch"
)

// The keys of a task and of a target group.
const (
	keyAccount  = "account"
	keyID       = "id"
	keyCreated  = "created"
	keyDeadline = "deadline"
	keyURLs     = "urls"
	keyLabels   = "labels"
	keyTargets  = "targets"
)

// Keys returns the keys that a task has in the configuration, where its account is
// known.
func Keys() []string { return []string{keyID, keyCreated, keyDeadline, keyURLs, keyLabels} }

// form is how an entry is written.
type form struct {
	// example is one that YAML and JSON can be.
	example string
	keys    []string
	// elsewhere are keys that belong at another place, as many think that they do not.
	elsewhere []string
	place     string
	// unknown says of any key what was probably meant, and "" of one that is known; nil
	// where keys and elsewhere tell that.
	unknown func(key string) string
	// strictNull makes a key without a value a mistake; else it is the same as
	// leaving the key out.
	strictNull bool
}

// The forms of an entry.
const (
	anEntry = "entry"
	aGroup  = "group"
	aBody   = "body"
)

var forms = map[string]form{
	anEntry: {
		example: `{"account": "edge", "id": "3ff59d129a2c40a39b9be8c9de9975d6"}`,
		keys:    []string{keyAccount, keyID, keyCreated, keyDeadline, keyURLs, keyLabels},
	},
	aGroup: {
		example:   `{"targets": ["3ff59d129a2c40a39b9be8c9de9975d6"], "labels": {"account": "edge"}}`,
		keys:      []string{keyTargets, keyLabels},
		elsewhere: []string{keyAccount, keyCreated, keyDeadline}, place: "under labels",
	},
	aBody: {
		example:   `{"deadline": "2026-11-21T10:00:00Z"}`,
		keys:      []string{keyCreated, keyDeadline, keyURLs, keyLabels},
		elsewhere: []string{keyAccount, keyID, "task"}, place: "in the path, /api/v1/tasks/{account}/{id}",
	},
}

// unknownKey says what was probably meant by a key; empty if the form has it.
func (f *form) unknownKey(key string) string {
	switch {
	case f.unknown != nil:
		return f.unknown(key)
	case slices.Contains(f.keys, key):
		return ""
	case slices.Contains(f.elsewhere, key):
		return "unknown key here; it belongs " + f.place
	default:
		return strict.Unknown(key, f.keys)
	}
}

// rfc3339 is the letter of RFC 3339, but that T and Z are capitals, as it allows to
// demand. Go's own parser takes hours of one digit, a comma before the fraction, and
// offsets of any size.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// reader reads one entry and collects what is wrong with it.
type reader struct {
	form

	node   *yaml.Node
	values map[string]strict.Entry
	faults prefetch.Faults
}

// of is the fault of a key that is to be told.
func of(key string) prefetch.Fault { return prefetch.Fault{Key: key, Index: -1} }

func (r *reader) fail(f prefetch.Fault, what string) {
	f.What, f.Line = what, r.line(f)
	r.faults.Put(f)
}

// line returns where that is written which a fault is of.
func (r *reader) line(f prefetch.Fault) int {
	e, given := r.values[f.Key]
	switch {
	case f.Line > 0:
		return f.Line
	case !given:
		return r.node.Line
	case f.Index >= 0:
		return e.Value.Content[f.Index].Line
	case f.Label != "":
		for i := 0; i < len(e.Value.Content); i += 2 {
			if key := e.Value.Content[i]; key.Value == f.Label {
				return key.Line
			}
		}
	}
	return e.Key.Line
}

// open reads the keys of an entry. It reports whether there is one.
func (r *reader) open(node *yaml.Node) bool {
	r.node, r.values = node, map[string]strict.Entry{}
	if !r.isMapping(of(""), node, r.example) {
		return false
	}
	for _, e := range strict.Entries(node, r.unknownKey, func(key *yaml.Node, what string) {
		f := of(key.Value)
		f.Line = key.Line
		r.fail(f, what)
	}) {
		r.values[e.Key.Value] = e
	}
	return true
}

// is reports whether a node is of a kind and not null; else it says what it must be.
func (r *reader) is(kind yaml.Kind, at prefetch.Fault, node *yaml.Node, what ...string) bool {
	switch indirect := strict.Indirect(node); {
	case indirect != "":
		r.fail(at, indirect)
	case node.Kind != kind || strict.IsNull(node):
		r.fail(at, "must be "+strings.Join(what, "")+", found "+strict.Kind(node))
	default:
		return true
	}
	return false
}

func (r *reader) isMapping(at prefetch.Fault, node *yaml.Node, example string) bool {
	return r.is(yaml.MappingNode, at, node, "a mapping such as ", example)
}

// absent reports whether null was written, which is the same as leaving the key out.
func absent(node *yaml.Node) bool { return strict.IsNull(node) && strict.Indirect(node) == "" }

// list returns the items of a list.
func (r *reader) list(key, example string) []*yaml.Node {
	e, given := r.values[key]
	if !given || absent(e.Value) || !r.is(yaml.SequenceNode, of(key), e.Value, "a list such as ", example) {
		return nil
	}
	return e.Value.Content
}

// text returns a scalar as it was written: an id such as 0123 or 1e10 stays as it is.
// It is false for what is none.
func (r *reader) text(at prefetch.Fault, node *yaml.Node) (string, bool) {
	if !r.is(yaml.ScalarNode, at, node, "a text") {
		return "", false
	}
	return node.Value, true
}

// optional is the text of a value that may be null; false if there is none.
func (r *reader) optional(at prefetch.Fault, e strict.Entry) (string, bool) {
	if absent(e.Value) {
		if r.strictNull {
			r.fail(at, strict.NoValue(e.Key))
		}
		return "", false
	}
	return r.text(at, e.Value)
}

func (r *reader) textOf(key string) (string, bool) {
	e, given := r.values[key]
	if !given {
		return "", false
	}
	return r.optional(of(key), e)
}

func (r *reader) name(key string) string {
	text, _ := r.textOf(key)
	return text
}

func (r *reader) time(key string) time.Time {
	if text, ok := r.textOf(key); ok {
		return r.parseTime(of(key), text)
	}
	return time.Time{}
}

func (r *reader) parseTime(at prefetch.Fault, text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !rfc3339.MatchString(text) {
		r.fail(at, strict.Quote(text)+" is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00")
		return time.Time{}
	}
	if t.IsZero() {
		t = t.Add(1) // Go takes this moment for "no time", and it would be no fault.
	}
	return t.UTC()
}

func (r *reader) urls() []string {
	items := r.list(keyURLs, `["https://example.com/a.mp4"]`)
	var urls []string // nil for an empty list, which says nothing
	for i, item := range items {
		text, _ := r.text(prefetch.Fault{Key: keyURLs, Index: i}, item) // also what is none has a place
		urls = append(urls, text)
	}
	return urls
}

func (r *reader) labels() map[string]string {
	e, given := r.values[keyLabels]
	if !given || absent(e.Value) || !r.isMapping(of(keyLabels), e.Value, `{"title": "launch"}`) {
		return nil
	}
	label := func(name string) prefetch.Fault { return prefetch.Fault{Key: keyLabels, Index: -1, Label: name} }
	all := func(string) string { return "" }
	var labels map[string]string
	for _, e := range strict.Entries(e.Value, all, func(key *yaml.Node, what string) {
		f := label(key.Value)
		f.Line = key.Line
		r.fail(f, what)
	}) {
		if text, ok := r.optional(label(e.Key.Value), e); ok {
			if labels == nil {
				labels = make(map[string]string)
			}
			labels[e.Key.Value] = text
		}
	}
	return labels
}

// task reads an entry that is one task. What is given is not read.
func (r *reader) task(given prefetch.Task) prefetch.Task {
	return prefetch.Task{
		Account:  cmp.Or(given.Account, r.name(keyAccount)),
		ID:       cmp.Or(given.ID, r.name(keyID)),
		Created:  r.time(keyCreated),
		Deadline: r.time(keyDeadline),
		URLs:     r.urls(),
		Labels:   r.labels(),
		Source:   given.Source,
	}
}

// group reads a target group: what it says of each of its targets, and these.
func (r *reader) group() (common prefetch.Task, targets []*yaml.Node) {
	targets = r.list(keyTargets, `["3ff59d129a2c40a39b9be8c9de9975d6"]`)
	labels := r.labels()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text, at := labels[name], prefetch.Fault{Key: keyLabels, Index: -1, Label: name}
		switch {
		case name == keyAccount:
			common.Account = text
		// To Prometheus a label that is empty is none.
		case name == keyCreated && text != "":
			common.Created = r.parseTime(at, text)
		case name == keyDeadline && text != "":
			common.Deadline = r.parseTime(at, text)
		}
	}
	maps.DeleteFunc(labels, func(name, _ string) bool {
		return strings.HasPrefix(name, "__") || name == keyAccount || name == keyCreated || name == keyDeadline
	})
	if len(labels) > 0 {
		common.Labels = labels
	}
	return common, targets
}

// judge adds what is wrong with a task that was read. What could not be read would be
// called wrong, or missing, a second time.
func (r *reader) judge(t prefetch.Task) {
	told := make(map[string]bool, len(r.faults))
	for _, f := range r.faults {
		told[f.Place()] = true
	}
	for _, f := range t.Faults() {
		if !told[f.Place()] {
			r.fail(f, f.What)
		}
	}
}

// doubts is what is odd of a task with which nothing is wrong.
func (r *reader) doubts(t prefetch.Task) prefetch.Faults {
	doubts := t.Doubts()
	for i := range doubts {
		doubts[i].Line = r.line(doubts[i])
	}
	return doubts
}
