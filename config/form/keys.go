package form

import (
	"reflect"
	"strings"

	"prefetch_exporter/config/secret"
)

// KeysOf returns the keys of a mapping that becomes a T: the yaml tags of its
// fields, and for a secret the key of its file too.
func KeysOf[T any]() []string {
	var keys []string
	for field := range reflect.TypeFor[T]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		keys = append(keys, key)
		if field.Type == reflect.TypeFor[*secret.Secret]() {
			keys = append(keys, key+"_file")
		}
	}
	return keys
}
