package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/prefetch"
)

// reader collects what reading one configuration file yields beside its values.
type reader struct {
	file     string // as the user gave it, for messages
	dir      string // absolute; relative paths in the file begin here
	errs     Errors
	warnings []Error
	secrets  []*Secret
	files    []string // absolute; every file but the configuration itself
	levels   map[string]level
}

func (r *reader) failf(line int, field, format string, args ...any) {
	r.errs = append(r.errs, r.problem(line, field, format, args...))
}

func (r *reader) warnf(line int, field, format string, args ...any) {
	r.warnings = append(r.warnings, r.problem(line, field, format, args...))
}

func (r *reader) problem(line int, field, format string, args ...any) Error {
	if field == "" {
		field = wholeDocument
	}
	err := fmt.Errorf(format, args...)
	return Error{File: r.file, Line: line, Field: field, Message: err.Error(), Err: errors.Unwrap(err)}
}

// absolute returns path as it is meant in the file that is being read.
func (r *reader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.dir, path)
}

// value is one value of the file and the place where it stands. The value of a
// key that was not given has no node, and the line where it should have been.
type value struct {
	r     *reader
	node  *yaml.Node
	line  int
	field string
	key   *yaml.Node // nil for an item of a list
}

func (v value) given() bool { return v.node != nil }

func (v value) failf(format string, args ...any) {
	v.r.failf(v.line, v.field, format, args...)
}

func (v value) warnf(format string, args ...any) {
	v.r.warnf(v.line, v.field, format, args...)
}

// scalar reports whether v is a single value and not null; else it says what is
// wrong. What the value is stays out of the message: it may be a secret.
func (v value) scalar() bool {
	switch {
	case v.node.Kind != yaml.ScalarNode:
		v.failf("must be a single value, is %s", strict.Kind(v.node))
	case strict.IsNull(v.node):
		v.failf("%s", strict.NoValue(v.key))
	default:
		return true
	}
	return false
}

// text returns the literal text of v: an id such as 0123 or 1e10 stays as it
// was written. It returns "" if v was not given, or is wrong and was reported.
func (v value) text() string {
	if !v.given() || !v.scalar() {
		return ""
	}
	if v.node.Value == "" {
		v.failf("must not be empty")
	}
	return v.node.Value
}

// requiredText is text for a key that must be given.
func (v value) requiredText() string {
	if !v.given() {
		v.failf("is required")
		return ""
	}
	return v.text()
}

func (v value) boolean(def bool) bool {
	if !v.given() || !v.scalar() {
		return def
	}
	var b bool
	if v.node.ShortTag() != "!!bool" || v.node.Decode(&b) != nil {
		v.failf("must be true or false")
		return def
	}
	return b
}

// span is what a number or a duration may be, and what it is if it is not given.
type span[T int | time.Duration] struct{ def, low, high T }

func (v value) integer(limits span[int]) int {
	if !v.given() || !v.scalar() {
		return limits.def
	}
	var n int
	if v.node.ShortTag() != "!!int" || v.node.Decode(&n) != nil {
		v.failf("must be a whole number, is %s", strict.Quote(v.node.Value))
		return limits.def
	}
	if n < limits.low || n > limits.high {
		v.failf("must be between %d and %d, is %d", limits.low, limits.high, n)
		return limits.def
	}
	return n
}

func (v value) duration(limits span[time.Duration]) model.Duration {
	def := model.Duration(limits.def)
	if !v.given() || !v.scalar() {
		return def
	}
	d, err := model.ParseDuration(v.node.Value)
	if err != nil {
		v.failf("%s is not a duration such as 30s, 5m or 24h", strict.Quote(v.node.Value))
		return def
	}
	if low, high := model.Duration(limits.low), model.Duration(limits.high); d < low || d > high {
		v.failf("must be between %s and %s, is %s", low, high, d)
		return def
	}
	return d
}

// list returns the items of v; none if v was not given or is null.
func (v value) list() []value {
	if !v.given() || strict.IsNull(v.node) {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.failf("must be a list%s", v.form())
		return nil
	}
	items := make([]value, len(v.node.Content))
	for i, node := range v.node.Content {
		items[i] = value{r: v.r, node: node, line: node.Line, field: fmt.Sprintf("%s[%d]", v.field, i)}
	}
	return items
}

// mapping is a YAML mapping of the file.
type mapping struct {
	value

	entries map[string]value
	keys    []string // in the order of the file
}

// mapping returns v as a mapping, empty if it is null or was not given. Keys that
// are not among those of its level are reported; where there is no such level,
// every key is accepted. It returns false, after it reported why, if v is no
// mapping.
func (v value) mapping() (mapping, bool) { return v.mappingOf(v.level().keys) }

// mappingOf is mapping with other keys than those of the level.
func (v value) mappingOf(known []string) (mapping, bool) {
	m := mapping{value: v, entries: map[string]value{}}
	if !v.given() || strict.IsNull(v.node) {
		return m, true
	}
	if v.node.Kind != yaml.MappingNode {
		v.failf("must be a mapping of keys to values%s", v.form())
		return m, false
	}
	unknown := func(key string) string { return v.unknown(key, known) }
	for _, e := range strict.Entries(v.node, unknown, func(key *yaml.Node, what string) {
		field := v.field
		if key.Kind == yaml.ScalarNode {
			field = join(field, prefetch.ShownKey(key.Value))
		}
		v.r.failf(key.Line, field, "%s", what)
	}) {
		key := e.Key.Value
		m.entries[key] = value{r: v.r, node: e.Value, key: e.Key, line: e.Key.Line, field: join(v.field, prefetch.ShownKey(key))}
		m.keys = append(m.keys, key)
	}
	return m, true
}

// get returns the value of key, which may not have been given.
func (m mapping) get(key string) value {
	if v, ok := m.entries[key]; ok {
		return v
	}
	return value{r: m.r, line: m.line, field: join(m.field, key)}
}

// has reports whether one of keys was given.
func (m mapping) has(keys ...string) bool {
	for _, key := range keys {
		if m.get(key).given() {
			return true
		}
	}
	return false
}

// secret returns the key or token that key or key_file gives; nil if neither does,
// or if it cannot be used, which is reported.
func (m mapping) secret(key string) *Secret { return m.secretOf(key, checkKey) }

// requiredSecret is secret where key or key_file must be given.
func (m mapping) requiredSecret(key string) *Secret { return m.required(key, checkKey) }

// requiredPassword is requiredSecret for what people made up.
func (m mapping) requiredPassword(key string) *Secret { return m.required(key, checkPassword) }

func (m mapping) required(key string, check content) *Secret {
	if !m.has(key, key+"_file") {
		m.get(key).failf("is required, or %s_file", key)
		return nil
	}
	return m.secretOf(key, check)
}

func (m mapping) secretOf(key string, check content) *Secret {
	inline, file := m.get(key), m.get(key+"_file")
	given := inline
	switch {
	case inline.given() && file.given():
		file.failf("the secret is given twice, as %s in line %d too", key, inline.line)
		return nil
	case file.given():
		given = file
	case !inline.given():
		return nil
	}
	text := given.text()
	if text == "" {
		return nil
	}
	var secret *Secret
	var err error
	if given == inline {
		secret, err = inlineSecret(inline.field, text, check)
	} else {
		path := m.r.absolute(text)
		m.r.files = append(m.r.files, path)
		secret, err = fileSecret(file.field, path, check)
	}
	if err != nil {
		given.failf("%w", err)
		return nil
	}
	given.warnMistaken(secret.Value())
	m.r.secrets = append(m.r.secrets, secret)
	return secret
}

// oneOf joins what one can be chosen of.
func oneOf(all []string) string {
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

func join(field, key string) string {
	if field == "" || key == "" {
		return field + key
	}
	return field + "." + key
}
