package prefetch

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// nameOf returns the name of a value, such as "settled", and "Phase(7)" for one that
// has none.
func nameOf[T ~uint8](value T, names []string) string {
	if int(value) < len(names) {
		return names[value]
	}
	return fmt.Sprintf("%s(%d)", kindOf[T](), uint8(value))
}

// readName sets a value to the one with the name that text is, as same compares.
func readName[T ~uint8](to *T, text []byte, names []string, same func(a, b string) bool) error {
	i := slices.IndexFunc(names, func(name string) bool { return same(name, string(text)) })
	if i < 0 {
		return fmt.Errorf("unknown %s %q", strings.ToLower(kindOf[T]()), text)
	}
	*to = T(i)
	return nil
}

// kindOf is what such values are called, such as "Phase".
func kindOf[T any]() string { return reflect.TypeFor[T]().Name() }

func exactly(a, b string) bool { return a == b }
