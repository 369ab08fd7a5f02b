package form

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/secret"
	"prefetch_exporter/internal/strict"
	"prefetch_exporter/prefetch"
)

// Reader collects what reading one configuration file yields beside its values.
type Reader struct {
	File     string // as the user gave it, for messages
	Dir      string // absolute; relative paths in the file begin here
	Errs     Errors
	Warnings Errors
	Secrets  []*secret.Secret
	Files    []string // absolute; every file but the configuration itself
	Levels   map[string]Level
}

// Failf reports an error at a place, or of the whole document if field is empty.
func (r *Reader) Failf(line int, field, format string, args ...any) {
	r.Errs = append(r.Errs, r.problem(line, field, format, args...))
}

// Warnf reports what the user should know and what is no error.
func (r *Reader) Warnf(line int, field, format string, args ...any) {
	r.Warnings = append(r.Warnings, r.problem(line, field, format, args...))
}

func (r *Reader) problem(line int, field, format string, args ...any) Error {
	if field == "" {
		field = WholeDocument
	}
	err := fmt.Errorf(format, args...)
	return Error{File: r.File, Line: line, Field: field, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Absolute returns path as it is meant in the file that is being read.
func (r *Reader) Absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.Dir, path)
}

// Value is one value of the file and the place where it stands. The value of a
// key that was not given has no node, and the line where it should have been.
type Value struct {
	R     *Reader
	Node  *yaml.Node
	Line  int
	Field string
	Key   *yaml.Node // nil for an item of a list
}

// Given reports whether the file has the value.
func (v Value) Given() bool { return v.Node != nil }

// Failf reports an error at the place of v.
func (v Value) Failf(format string, args ...any) {
	v.R.Failf(v.Line, v.Field, format, args...)
}

// Warnf reports what the user should know of v and what is no error.
func (v Value) Warnf(format string, args ...any) {
	v.R.Warnf(v.Line, v.Field, format, args...)
}

// scalar reports whether v is a single value and not null; else it says what is
// wrong. What the value is stays out of the message: it may be a secret.
func (v Value) scalar() bool {
	switch {
	case v.Node.Kind != yaml.ScalarNode:
		v.Failf("must be a single value, is %s", strict.Kind(v.Node))
	case strict.IsNull(v.Node):
		v.Failf("%s", strict.NoValue(v.Key))
	default:
		return true
	}
	return false
}

// Text returns the literal text of v: an id such as 0123 or 1e10 stays as it
// was written. It returns "" if v was not given, or is wrong and was reported.
func (v Value) Text() string {
	if !v.Given() || !v.scalar() {
		return ""
	}
	if v.Node.Value == "" {
		v.Failf("must not be empty")
	}
	return v.Node.Value
}

// RequiredText is Text for a key that must be given.
func (v Value) RequiredText() string {
	if !v.Given() {
		v.Failf("is required")
		return ""
	}
	return v.Text()
}

// RequiredLine is RequiredText for what people are shown: one line of at most
// [prefetch.MaxName] bytes.
func (v Value) RequiredLine() string {
	text := v.RequiredText()
	if text != "" {
		if fault := prefetch.TextFault(text, prefetch.MaxName); fault != "" {
			v.Failf("%s", fault)
		}
		v.WarnVariable(text)
	}
	return text
}

// Boolean returns whether v is true; it is not if it was not given or is wrong.
func (v Value) Boolean() (b bool) {
	if v.Given() && v.scalar() && (v.Node.ShortTag() != "!!bool" || v.Node.Decode(&b) != nil) {
		v.Failf("must be true or false")
	}
	return b
}

// Span is what a number or a duration may be, and what it is if it is not given.
type Span[T int | time.Duration] struct{ Def, Low, High T }

// Integer returns the whole number v, and its default if it was not given or is wrong.
func (v Value) Integer(limits Span[int]) int {
	if !v.Given() || !v.scalar() {
		return limits.Def
	}
	var n int
	if v.Node.ShortTag() != "!!int" || v.Node.Decode(&n) != nil {
		v.Failf("must be a whole number, is %s", strict.Quote(v.Node.Value))
		return limits.Def
	}
	if n < limits.Low || n > limits.High {
		v.Failf("must be between %d and %d, is %d", limits.Low, limits.High, n)
		return limits.Def
	}
	return n
}

// Duration returns the duration v, and its default if it was not given or is wrong.
func (v Value) Duration(limits Span[time.Duration]) model.Duration {
	def := model.Duration(limits.Def)
	if !v.Given() || !v.scalar() {
		return def
	}
	d, err := model.ParseDuration(v.Node.Value)
	if err != nil {
		v.Failf("%s is not a duration such as 30s, 5m or 24h", strict.Quote(v.Node.Value))
		return def
	}
	if low, high := model.Duration(limits.Low), model.Duration(limits.High); d < low || d > high {
		v.Failf("must be between %s and %s, is %s", low, high, d)
		return def
	}
	return d
}

// List returns the items of v; none if v was not given or is null.
func (v Value) List() []Value {
	if !v.Given() || strict.IsNull(v.Node) {
		return nil
	}
	if v.Node.Kind != yaml.SequenceNode {
		v.Failf("must be a list%s", v.form())
		return nil
	}
	items := make([]Value, len(v.Node.Content))
	for i, node := range v.Node.Content {
		items[i] = Value{R: v.R, Node: node, Line: node.Line, Field: fmt.Sprintf("%s[%d]", v.Field, i)}
	}
	return items
}

// RequiredList is List for a key that must be given, with at least one item.
func (v Value) RequiredList(item string) []Value {
	if !v.Given() {
		v.Failf("is required")
		return nil
	}
	before := len(v.R.Errs)
	items := v.List()
	if len(items) == 0 && len(v.R.Errs) == before {
		v.Failf("must list at least one %s", item)
	}
	return items
}

// Mapping is a YAML mapping of the file.
type Mapping struct {
	Value

	entries map[string]Value
	Keys    []string // in the order of the file
}

// Mapping returns v as a mapping, empty if it is null or was not given. Keys that
// are not among those of its level are reported; where there is no such level,
// every key is accepted. It returns false, after it reported why, if v is no
// mapping.
func (v Value) Mapping() (Mapping, bool) { return v.MappingOf(v.level().Keys) }

// MappingOf is Mapping with other keys than those of the level.
func (v Value) MappingOf(known []string) (Mapping, bool) {
	m := Mapping{Value: v, entries: map[string]Value{}}
	if !v.Given() || strict.IsNull(v.Node) {
		return m, true
	}
	if v.Node.Kind != yaml.MappingNode {
		v.Failf("must be a mapping of keys to values%s", v.form())
		return m, false
	}
	unknown := func(key string) string { return v.Unknown(key, known) }
	for _, e := range strict.Entries(v.Node, unknown, func(key *yaml.Node, what string) {
		field := v.Field
		if key.Kind == yaml.ScalarNode {
			field = Join(field, prefetch.ShownKey(key.Value))
		}
		v.R.Failf(key.Line, field, "%s", what)
	}) {
		key := e.Key.Value
		m.entries[key] = Value{R: v.R, Node: e.Value, Key: e.Key, Line: e.Key.Line, Field: Join(v.Field, prefetch.ShownKey(key))}
		m.Keys = append(m.Keys, key)
	}
	return m, true
}

// Get returns the value of key, which may not have been given.
func (m Mapping) Get(key string) Value {
	if v, ok := m.entries[key]; ok {
		return v
	}
	return Value{R: m.R, Line: m.Line, Field: Join(m.Field, key)}
}

// Has reports whether one of keys was given.
func (m Mapping) Has(keys ...string) bool {
	for _, key := range keys {
		if m.Get(key).Given() {
			return true
		}
	}
	return false
}

// Secret returns the key or token that key or key_file gives; nil if neither does,
// or if it cannot be used, which is reported.
func (m Mapping) Secret(key string) *secret.Secret { return m.secretOf(key, secret.CheckKey) }

// RequiredSecret is Secret where key or key_file must be given.
func (m Mapping) RequiredSecret(key string) *secret.Secret { return m.required(key, secret.CheckKey) }

// RequiredPassword is RequiredSecret for what people made up.
func (m Mapping) RequiredPassword(key string) *secret.Secret {
	return m.required(key, secret.CheckPassword)
}

func (m Mapping) required(key string, check secret.Content) *secret.Secret {
	if !m.Has(key, key+"_file") {
		m.Get(key).Failf("is required, or %s_file", key)
		return nil
	}
	return m.secretOf(key, check)
}

func (m Mapping) secretOf(key string, check secret.Content) *secret.Secret {
	inline, file := m.Get(key), m.Get(key+"_file")
	given := inline
	switch {
	case inline.Given() && file.Given():
		file.Failf("the secret is given twice, as %s in line %d too", key, inline.Line)
		return nil
	case file.Given():
		given = file
	case !inline.Given():
		return nil
	}
	text := given.Text()
	if text == "" {
		return nil
	}
	var found *secret.Secret
	var err error
	if given == inline {
		found, err = secret.Inline(inline.Field, text, check)
	} else {
		path := m.R.Absolute(text)
		m.R.Files = append(m.R.Files, path)
		found, err = secret.File(file.Field, path, check)
	}
	if err != nil {
		given.Failf("%w", err)
		return nil
	}
	given.WarnMistaken(found.Value())
	m.R.Secrets = append(m.R.Secrets, found)
	return found
}

// OneOf joins what one can be chosen of.
func OneOf(all []string) string {
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// Join is the path of a key below a field.
func Join(field, key string) string {
	if field == "" || key == "" {
		return field + key
	}
	return field + "." + key
}
