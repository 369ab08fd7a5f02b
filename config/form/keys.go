package form

import (
	"iter"
	"reflect"
	"strings"

	"prefetch_exporter/config/secret"
)

// Fields returns the keys that a struct has in YAML, in its order, with their types.
func Fields(t reflect.Type) iter.Seq2[string, reflect.Type] {
	return func(yield func(string, reflect.Type) bool) {
		for _, field := range reflect.VisibleFields(t) {
			key, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if field.IsExported() && options != "inline" && !yield(key, field.Type) {
				return
			}
		}
	}
}

// KeysOf returns the keys of a mapping that becomes a T: the yaml tags of its
// fields, and for a secret the key of its file too.
func KeysOf[T any]() []string {
	var keys []string
	for key, t := range Fields(reflect.TypeFor[T]()) {
		keys = append(keys, key)
		if t == reflect.TypeFor[*secret.Secret]() {
			keys = append(keys, key+"_file")
		}
	}
	return keys
}
