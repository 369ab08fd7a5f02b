package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/remedy"
)

// wholeDocument is the field of a problem that no key has.
const wholeDocument = "document"

// document parses data and returns its root, or nil after it reported why there
// is none. The tree that it returns holds no aliases, anchors or tags.
//
// They are refused because each hides a value from the place where it applies,
// and because an unquoted password that begins with *, & or ! would become one.
func (r *reader) document(data []byte) *yaml.Node {
	if line, message := unreadable(data); message != "" {
		r.failf(line, wholeDocument, "%s", message)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		r.failf(1, wholeDocument, "is empty")
		return nil
	case err != nil:
		r.failSyntax(data, err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.failf(second.Line, wholeDocument, "a second YAML document begins here; there must be only one")
		return nil
	case !errors.Is(err, io.EOF):
		r.failSyntax(data, err)
		return nil
	}
	root := first.Content[0]
	if isNull(root) {
		r.failf(1, wholeDocument, "is empty")
		return nil
	}
	before := len(r.errs)
	r.refuseIndirection(root, "")
	if len(r.errs) > before {
		return nil
	}
	return root
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

// failSyntax reports an error of the YAML parser, of the key alone where only that
// can be told.
func (r *reader) failSyntax(data []byte, err error) {
	mistake := remedy.Syntax(data, err)
	r.failf(mistake.Line, mistake.Key, "%s", mistake.Message)
}

// refuseIndirection reports what in a value is an alias, an anchor or a tag.
func (r *reader) refuseIndirection(node *yaml.Node, field string) {
	switch {
	case node.Kind == yaml.AliasNode:
		r.failf(node.Line, field, "%s", remedy.Begins('*'))
	case node.Anchor != "":
		r.failf(node.Line, field, "%s", remedy.Begins('&'))
	case node.Style&yaml.TaggedStyle != 0:
		r.failf(node.Line, field, "%s", remedy.Begins('!'))
	}
	for i, child := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode:
			r.refuseIndirection(child, fmt.Sprintf("%s[%d]", field, i))
		case i%2 == 0: // a key
			r.refuseIndirection(child, field)
		default:
			r.refuseIndirection(child, join(field, shownKey(node.Content[i-1].Value)))
		}
	}
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}
