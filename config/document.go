package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// wholeDocument is the field of a problem that no key has.
const wholeDocument = "document"

const indirection = "YAML anchors and aliases are not supported; a text that begins with & or * needs quotes"

var (
	yamlPrefix    = regexp.MustCompile(`^yaml: (line \d+: )?`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// document parses data and returns its root, or nil after it reported why there
// is none. The tree that it returns holds no aliases, anchors or tags.
//
// They are refused because each hides a value from the place where it applies,
// and because an unquoted password that begins with *, & or ! would become one.
func (r *reader) document(data []byte) *yaml.Node {
	if line, message := unreadable(data); message != "" {
		r.fail(line, wholeDocument, "%s", message)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		r.fail(1, wholeDocument, "is empty")
		return nil
	case err != nil:
		r.failSyntax(data, err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.fail(second.Line, wholeDocument, "a second YAML document begins here; there must be only one")
		return nil
	case !errors.Is(err, io.EOF):
		r.failSyntax(data, err)
		return nil
	}
	root := first.Content[0]
	if isNull(root) {
		r.fail(1, wholeDocument, "is empty")
		return nil
	}
	before := len(r.errs)
	r.refuseIndirection(root)
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

// failSyntax reports an error of the YAML parser.
func (r *reader) failSyntax(data []byte, err error) {
	message := yamlPrefix.ReplaceAllString(err.Error(), "")
	// An unquoted password that begins with * is taken for an alias, and the
	// parser would show it.
	if alias := unknownAnchor.FindStringSubmatch(message); alias != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+alias[1]))
		r.fail(bytes.Count(before, []byte("\n"))+1, wholeDocument, "%s", indirection)
		return
	}
	r.fail(syntaxLine(data), wholeDocument, "%s", message)
}

// syntaxLine returns the line that makes data no YAML: the one after the
// longest beginning that can be parsed. The line that the parser tells is often
// that of the list or mapping around the problem.
func syntaxLine(data []byte) int {
	rest := &lineReader{lines: bytes.SplitAfter(data, []byte("\n"))}
	lines := rest.lines
	if parses(rest) {
		return 1
	}
	// The parser reads little ahead, so the search begins close to the place.
	for n := len(lines) - len(rest.lines) - 1; n > 0; n-- {
		if parses(bytes.NewReader(bytes.Join(lines[:n], nil))) {
			return n + 1
		}
	}
	return 1
}

func parses(in io.Reader) bool {
	decoder := yaml.NewDecoder(in)
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// lineReader returns one line from each Read, so that what is left tells how
// far a parser came.
type lineReader struct{ lines [][]byte }

func (l *lineReader) Read(p []byte) (int, error) {
	if len(l.lines) == 0 {
		return 0, io.EOF
	}
	n := copy(p, l.lines[0])
	if l.lines[0] = l.lines[0][n:]; len(l.lines[0]) == 0 {
		l.lines = l.lines[1:]
	}
	return n, nil
}

func (r *reader) refuseIndirection(node *yaml.Node) {
	switch {
	case node.Kind == yaml.AliasNode, node.Anchor != "":
		r.fail(node.Line, wholeDocument, "%s", indirection)
	case node.Style&yaml.TaggedStyle != 0:
		r.fail(node.Line, wholeDocument, "YAML tags are not supported; a text that begins with ! needs quotes")
	}
	for _, child := range node.Content {
		r.refuseIndirection(child)
	}
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}
