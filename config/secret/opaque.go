package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Opaque is what a value shows of itself, in every way in which it can be
// printed, logged or marshalled. A type that embeds it shows nothing else.
type Opaque string

// String returns what may be shown.
func (o Opaque) String() string { return string(o) }

// Format writes what may be shown, for every verb and flag.
func (o Opaque) Format(f fmt.State, _ rune) {
	// fmt has no way to take a writer's error.
	_, _ = io.WriteString(f, string(o))
}

// LogValue returns what may be shown.
func (o Opaque) LogValue() slog.Value { return slog.StringValue(string(o)) }

// MarshalText returns what may be shown, in YAML and JSON too.
func (o Opaque) MarshalText() ([]byte, error) { return []byte(o), nil }
