package secret

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"prefetch_exporter/internal/strict"
)

// Content says what is wrong with a secret, without showing it; nil if nothing is.
type Content func(value string) error

var (
	// ErrEmpty is the error of a secret without a character.
	ErrEmpty    = errors.New("is empty")
	errControl  = errors.New("contains a control character")
	errUTF16    = errors.New("is UTF-16; save it as UTF-8")
	errEncoding = errors.New("is not valid UTF-8")
)

// decodeText returns the text of a file without a byte-order mark.
func decodeText(data []byte) (string, error) {
	text := string(data)
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return "", errUTF16
	}
	return strings.TrimPrefix(text, strict.ByteOrderMark), nil
}

// CheckKey is the [Content] of keys and tokens, which are printable ASCII at every
// vendor: anything else came in unseen, with a copy from a web page or a chat, and a
// vendor only says that it does not know the user.
func CheckKey(value string) error {
	if err := CheckPassword(value); err != nil {
		return err
	}
	for i, r := range []rune(value) {
		if r > unicode.MaxASCII {
			return fmt.Errorf("contains a character that is not ASCII, at position %d", i+1)
		}
	}
	return nil
}

// CheckPassword is the [Content] of passwords, which may have letters of every
// script and nothing that cannot be seen.
func CheckPassword(value string) error {
	switch {
	case value == "":
		return ErrEmpty
	case !utf8.ValidString(value):
		return errEncoding
	case strings.ContainsFunc(value, unicode.IsControl):
		return errControl
	}
	for i, r := range []rune(value) {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("contains %U, which cannot be seen, at position %d", r, i+1)
		}
	}
	return nil
}
