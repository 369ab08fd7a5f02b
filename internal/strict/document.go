package strict

import (
	"bytes"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/remedy"
)

// ByteOrderMark is what some editors open a text in UTF-8 with.
const ByteOrderMark = "\uFEFF"

// Mistake is what makes a text no document.
type Mistake struct {
	remedy.Mistake

	// Syntax is set where the text is no YAML.
	Syntax bool
}

// Document returns the root of the only YAML document in data; nil if there is
// nothing in it, or if something is wrong with it.
func Document(data []byte) (root *yaml.Node, wrong *Mistake) {
	if line, message := unreadable(data); message != "" {
		return nil, &Mistake{Mistake: remedy.Mistake{Line: line, Message: message}}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if err == nil {
		err = decoder.Decode(&second)
		if err == nil {
			const message = "a second YAML document begins here; there must be only one"
			return nil, &Mistake{Mistake: remedy.Mistake{Line: second.Line, Message: message}}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, &Mistake{Mistake: remedy.Syntax(data, err), Syntax: true}
	}
	if len(first.Content) == 0 || IsNull(first.Content[0]) {
		return nil, nil
	}
	return first.Content[0], nil
}

// unreadable finds the first place that no YAML parser may accept. The parser
// itself would not tell the line.
func unreadable(data []byte) (line int, message string) {
	line = 1
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		switch {
		case c == utf8.RuneError && size == 1:
			return line, "is not valid UTF-8"
		case c == '\n':
			line++
		case c != '\t' && c != '\r' && unicode.IsControl(c):
			return line, "contains a control character"
		}
		data = data[size:]
	}
	return line, ""
}
