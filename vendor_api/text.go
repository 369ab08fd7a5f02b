package vendorapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// maxWords bounds what one answer can make the log say.
const maxWords = 10

// AddWord adds a word that no page documents to those of an answer, unless it is
// among them or they are many already.
func AddWord(words []string, word string) []string {
	if len(words) >= maxWords || slices.Contains(words, word) {
		return words
	}
	return append(words, word)
}

// MaxText is how many bytes of a text in an answer are kept. Vendors take 2,000
// characters a URL.
const MaxText = 8 << 10

// Text is a JSON value of which only its text counts: vendors send numbers as
// strings and strings as numbers. Reading one never fails, so that it cannot
// spoil the object around it.
type Text struct {
	// Kind is the value's first byte in JSON, which tells its type; 0 if there was
	// no value.
	Kind byte
	// String is a string's text, what a number or a boolean is written as, the
	// beginning of what a list or an object is written as, and empty for null.
	String string
	// Cut reports that the text was longer than [MaxText].
	Cut bool
}

// UnmarshalJSON reads a value.
func (t *Text) UnmarshalJSON(value []byte) error {
	*t = Text{Kind: value[0]}
	switch value[0] {
	case 'n':
	case '"':
		t.readString(value)
	case '[', '{':
		t.String = Excerpt(value)
	default:
		t.String, t.Cut = cut(value)
	}
	return nil
}

// readString reads a JSON string, and no more of it than is kept: what is not
// UTF-8 has three times its length when it was replaced.
func (t *Text) readString(value []byte) {
	inside := value[1 : len(value)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside[:min(len(inside), MaxText+utf8.UTFMax)]) {
		// A string without escapes is its own text: most are.
		t.String, t.Cut = cut(inside)
		return
	}
	const longest = len(`\u0000`) // no byte of a text has more in JSON
	end := min(len(inside), longest*(MaxText+utf8.UTFMax))
	var text string
	for json.Unmarshal(append(append([]byte{'"'}, inside[:end]...), '"'), &text) != nil && end > 0 {
		end-- // it ends within an escape
	}
	t.String, t.Cut = cut([]byte(text))
	t.Cut = t.Cut || end < len(inside)
}

// cut returns the text of at most [MaxText] bytes, as characters that are whole.
func cut(text []byte) (kept string, wasCut bool) {
	if len(text) <= MaxText {
		return string(text), false
	}
	end := MaxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return string(text[:end]), true
}
