package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// wholeDocument is the field of a problem that no key has.
const wholeDocument = "document"

// maxSearch bounds how many bytes are parsed to find the line of a problem.
const maxSearch = 1 << 20

const indirection = "YAML anchors and aliases are not supported; a text that begins with & or * needs quotes"

var (
	yamlProblem   = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

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
	line, message := 1, err.Error()
	if parts := yamlProblem.FindStringSubmatch(message); parts != nil {
		line, message = max(1, atoi(parts[1])), parts[2]
	}
	// An unquoted password that begins with * is taken for an alias, and the
	// parser would show it.
	if alias := unknownAnchor.FindStringSubmatch(message); alias != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+alias[1]))
		r.failf(bytes.Count(before, []byte("\n"))+1, wholeDocument, "%s", indirection)
		return
	}
	r.failf(syntaxLine(data, line), wholeDocument, "%s", message)
}

// syntaxLine returns the line that makes data no YAML: the one after the
// longest beginning that can be parsed. The line that the parser tells is often
// that of the list or mapping around the problem, so it is only what is
// returned if the search would take long.
func syntaxLine(data []byte, told int) int {
	in := &lineReader{rest: data}
	if parses(in) {
		return told
	}
	// The parser reads little ahead, so the search begins close to the place.
	end, effort := len(data)-len(in.rest), 0
	for end > 0 {
		end = bytes.LastIndexByte(data[:end-1], '\n') + 1
		if effort += end; effort > maxSearch {
			return told
		}
		if parses(bytes.NewReader(data[:end])) {
			return bytes.Count(data[:end], []byte("\n")) + 1
		}
	}
	return told
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

// lineReader returns at most one line from each Read, so that the rest tells
// how far a parser came.
type lineReader struct{ rest []byte }

func (l *lineReader) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		return 0, io.EOF
	}
	line := l.rest
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end+1]
	}
	n := copy(p, line)
	l.rest = l.rest[n:]
	return n, nil
}

func (r *reader) refuseIndirection(node *yaml.Node) {
	switch {
	case node.Kind == yaml.AliasNode, node.Anchor != "":
		r.failf(node.Line, wholeDocument, "%s", indirection)
	case node.Style&yaml.TaggedStyle != 0:
		r.failf(node.Line, wholeDocument, "YAML tags are not supported; a text that begins with ! needs quotes")
	}
	for _, child := range node.Content {
		r.refuseIndirection(child)
	}
}

// atoi returns the number that s is, and 0 if s is none.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}
