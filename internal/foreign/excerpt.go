// Package foreign makes texts of other programs fit to be shown: short, on one
// line, and without the credentials that they repeat. It is what calls to vendors
// and questions to task sources share; it must not know what a text means.
package foreign

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxShown bounds an excerpt, in bytes.
	maxShown = 300
	// maxExcerpted is how much of a text is read for that; the rest may be space.
	maxExcerpted = 4 * maxShown
	// ellipsis ends a text that was cut.
	ellipsis = "…"
)

// Excerpt returns the beginning of somebody else's text for an error or a log: on
// one line, valid UTF-8, without control and formatting characters (which could
// rewrite a terminal's line), at most 300 bytes.
func Excerpt(text []byte) string {
	cut := len(text) > maxExcerpted
	if cut {
		text = text[:maxExcerpted]
	}
	s := oneLine(string(text))
	if len(s) <= maxShown && !cut {
		return s
	}
	end := min(len(s), maxShown-len(ellipsis))
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

// oneLine returns a text on one line, valid UTF-8, without control and
// formatting characters.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(text), " ")
}
