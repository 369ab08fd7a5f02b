package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
)

// maxSecretFile bounds a file that holds a secret or a certificate; a bundle of
// all public CAs is about a quarter of it.
const maxSecretFile = 1 << 20

// Masked is what is shown instead of a secret.
const Masked = "<secret>"

// FileTag marks the path of a secret's file in what [Secret.MarshalYAML] returns.
const FileTag = "!file"

var (
	errNotRegular = errors.New("is not a regular file")
	errTooLarge   = errors.New("is larger than 1 MiB")
)

// Secret is a value that must not be seen, written in the configuration or read
// from a file. However it is printed or logged, it shows as <secret>, or if it is
// a URL, as that without its credentials. It is safe for concurrent use.
type Secret struct {
	Opaque

	source *source
}

// source is behind a pointer, so that copies of a Secret share one state
// and no way to print a Secret reaches the value.
type source struct {
	field string
	path  string // empty for a value written in the configuration
	check Content

	mu      sync.Mutex
	value   string
	failing bool
	hooks   Hooks
}

// Inline returns a secret that is written in the configuration under field, or what
// is wrong with it.
func Inline(field, value string, check Content) (*Secret, error) {
	value = strings.TrimPrefix(value, strict.ByteOrderMark)
	if err := check(value); err != nil {
		return nil, err
	}
	return &Secret{Masked, &source{field: field, value: value}}, nil
}

// File returns a secret that is read from the file at path, or why it cannot be.
func File(field, path string, check Content) (*Secret, error) {
	value, err := readText(path, check)
	if err != nil {
		return nil, err
	}
	return &Secret{Masked, &source{field: field, path: path, value: value, check: check}}, nil
}

// Shown returns a value of which more may be seen than that there is one.
func Shown(shown, value string) Secret { return Secret{Opaque(shown), &source{value: value}} }

// Value returns the secret in clear. A secret that was given as a file is read
// anew by every call, so a changed file counts from the next use on; as long as
// the file cannot be read, is empty or contains what such a secret never does,
// Value returns what it last held.
func (s Secret) Value() string {
	value, report := s.source.read()
	report()
	return value
}

// FromFile reports whether the value may change while the exporter runs.
func (s Secret) FromFile() bool { return s.source.path != "" }

// Same reports whether two secrets are one file, or were written in the
// configuration and are equal. Each may be nil, which is the same as nil.
func Same(a, b *Secret) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.FromFile() || b.FromFile() {
		return a.source.path == b.source.path
	}
	return a.source.value == b.source.value
}

// Hooks are told what becomes of the secrets that are read from a file. They
// are called by [Secret.Value], in its goroutine; each may be nil.
type Hooks struct {
	// Failed is told that a file cannot be read: once when that begins, and again
	// only after it could be read in between. The error names the field and the
	// file, and contains no secret.
	Failed func(err error)
	// Changed is told that a file holds another value than before.
	Changed func(field, path string)
}

// Tell sets the hooks of the secret.
func (s Secret) Tell(hooks Hooks) {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	s.source.hooks = hooks
}

// MarshalYAML returns what may be shown, and the path of a secret in a file, which
// is none, under a tag by which its key can be found.
func (s Secret) MarshalYAML() (any, error) {
	if s.FromFile() {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: FileTag, Value: s.source.path}, nil
	}
	return s.String(), nil
}

// read returns the value, and a function that reports what is news; it is to be
// called without the lock.
func (s *source) read() (value string, report func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	report = func() {}
	if s.path == "" {
		return s.value, report
	}
	value, err := readText(s.path, s.check)
	switch failed, changed := s.hooks.Failed, s.hooks.Changed; {
	case err == nil:
		if value != s.value && changed != nil {
			report = func() { changed(s.field, s.path) }
		}
		s.value, s.failing = value, false
	case !s.failing && failed != nil:
		s.failing = true
		report = func() { failed(fmt.Errorf("%s: %w; the last value is kept", s.field, err)) }
	}
	return s.value, report
}

// readText returns the content of a file without a byte-order mark at its
// beginning and the newlines at its end. Empty is an error because a file that is
// being rewritten is empty for a moment.
func readText(path string, check Content) (string, error) {
	data, err := ReadFile(path)
	if err != nil {
		return "", err
	}
	value, err := decodeText(data)
	if err == nil {
		value = strings.TrimRight(value, "\r\n")
		err = check(value)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return value, nil
}

// ReadFile reads a small regular file. Devices and pipes are refused: they may
// block or never end, and cannot be read twice.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, errNotRegular)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if len(data) > maxSecretFile {
		return nil, fmt.Errorf("%s: %w", path, errTooLarge)
	}
	return data, nil
}
