package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"prefetch_exporter/internal/strict"
)

// content says what is wrong with a secret, without showing it; nil if nothing is.
type content func(value string) error

var (
	errEmpty    = errors.New("is empty")
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

// checkKey is the [content] of keys and tokens, which are printable ASCII at every
// vendor: anything else came in unseen, with a copy from a web page or a chat, and a
// vendor only says that it does not know the user.
func checkKey(value string) error {
	if err := checkPassword(value); err != nil {
		return err
	}
	for i, r := range []rune(value) {
		if r > unicode.MaxASCII {
			return fmt.Errorf("contains a character that is not ASCII, at position %d", i+1)
		}
	}
	return nil
}

// checkPassword is the [content] of passwords, which may have letters of every
// script and nothing that cannot be seen.
func checkPassword(value string) error {
	switch {
	case value == "":
		return errEmpty
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

var (
	// variables are references as shells, templates and Windows write them.
	variables = regexp.MustCompile(`\$\{[A-Za-z_][^{}]*\}|\$\([^()]+\)|\{\{.+\}\}|^\$[A-Za-z_][A-Za-z0-9_]*$|^%[A-Za-z_][A-Za-z0-9_]*%$`)
	// fillers are what people write where a value is to come.
	fillers = regexp.MustCompile(`^[A-Z0-9]*EXAMPLE$|^<.*>$|` +
		`^(?i:change[-_ ]?me|replace[-_ ]?me|your[-_ ].*|placeholder|todo|x{3,}|\*{3,}|\.{3})$`)
)

// warnMistaken warns of a secret that is what it is by mistake only. What it says is
// not shown: it may be a secret all the same.
func (v value) warnMistaken(secret string) {
	switch {
	case v.warnVariable(secret):
	case fillers.MatchString(secret):
		v.warnf("looks like the placeholder of an example")
	case strings.TrimSpace(secret) != secret:
		v.warnf("begins or ends with a blank, which counts")
	}
}

// warnVariable warns of a text that should have been another by now.
func (v value) warnVariable(text string) bool {
	found := variables.MatchString(text)
	if found {
		v.warnf("looks like a variable that nothing filled in; none is expanded here")
	}
	return found
}
