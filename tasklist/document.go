package tasklist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/remedy"
)

// errEmpty is said of a document without content: somebody's half-written file,
// and not the wish to watch nothing.
var errEmpty = errors.New("is empty; an empty list is written []")

// What a document may hold. Each element of a list and each key of a mapping costs
// up to half a kilobyte while it is read, however short it is, and each task a
// quarter of one for as long as the document stays.
const (
	// maxElements bounds a document: 32 MiB hold about as many URLs.
	maxElements = 500_000
	// maxEntry bounds one entry of its list, all of which is in memory at once.
	maxEntry = 50_000
	// maxTasks bounds the tasks of a document.
	maxTasks = 50_000
	// chunk is how many bytes of YAML are read at once, unless an entry has more.
	chunk = 64 << 10
)

// tooLarge says that an entry, or what is one, has more than [maxEntry] elements.
func tooLarge(what string) string { return fmt.Sprintf("%s has more than %d elements", what, maxEntry) }

// listElement is an element of a document's list, as a YAML node, and the line where it
// begins.
type listElement struct {
	line int
	// node is nil if the element has more than [maxEntry] elements of its own.
	node *yaml.Node
}

// wholeError says that a document cannot be read in parts, from a line on.
type wholeError struct{ line int }

func (e *wholeError) Error() string {
	return fmt.Sprintf("line %d: from here on the document is no list of which each entry begins with a dash at the beginning of a line, "+
		"or it has a mistake; such a document has at most %d elements", e.line, maxEntry)
}

// eachElement calls f for each element of the list that data holds. JSON is told
// apart by its content. Of a document in YAML that is no list of blocks, or that has
// a mistake, the error is a [*wholeError], whatever f was called with by then: see
// [wholeList].
func eachElement(data []byte, f func(listElement) error) error {
	data = bytes.TrimPrefix(data, []byte(strict.ByteOrderMark))
	if !utf8.Valid(data) {
		return errors.New("is not valid UTF-8")
	}
	isJSON := json.Valid(data)
	if line := overfull(data, isJSON, maxElements); line > 0 {
		return tooManyElements(line, maxElements)
	}
	// Not every JSON document is YAML: an escaped surrogate pair, which is how
	// most encoders write an emoji, is refused there.
	if isJSON {
		return eachOfJSON(data, f)
	}
	return eachOfYAML(data, f)
}

// wholeList calls f for each element of the list that data holds, which is no JSON
// and could not be read in parts. whole is why; it stands if the document is large.
func wholeList(data []byte, whole *wholeError, f func(listElement) error) error {
	if overfull(data, false, maxEntry) > 0 {
		return whole
	}
	root, wrong := strict.Document(bytes.TrimPrefix(data, []byte(strict.ByteOrderMark)))
	switch {
	case wrong != nil && wrong.Syntax:
		return neither(data, &wrong.Mistake)
	case wrong != nil:
		return fmt.Errorf("line %d: %s", wrong.Line, wrong.Message)
	case root == nil:
		return errEmpty
	}
	if err := checkRoot(root); err != nil {
		return err
	}
	for _, node := range root.Content {
		if err := f(listElement{node.Line, node}); err != nil {
			return err
		}
	}
	return nil
}

// checkRoot reports what a document is if it is no list.
func checkRoot(root *yaml.Node) error {
	switch {
	case root.Kind == yaml.SequenceNode:
		return nil
	case strict.IsNull(root):
		return errEmpty
	default:
		return fmt.Errorf("line %d: a list of tasks or target groups is expected, found %s; such a list is [%s]",
			root.Line, strict.Kind(root), forms[anEntry].example)
	}
}

// eachOfJSON is eachElement for a valid document.
func eachOfJSON(data []byte, f func(listElement) error) error {
	list := newJSONReader(data)
	// Its root alone: a mapping may have half a million keys.
	if root, _ := list.open(); root.Kind != yaml.SequenceNode {
		return checkRoot(root)
	}
	for list.decoder.More() {
		list.nodes = 0
		node := list.value()
		e := listElement{node.Line, node}
		if list.nodes > maxEntry {
			e.node = nil
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

func tooManyElements(line, most int) error {
	return fmt.Errorf("line %d: the document has more than %d elements up to here; several smaller ones can have them", line, most)
}

// overfull returns the line in which a text has more elements than most; 0 if it has
// not. It looks at the text alone, since the parsers make nodes of all of it before
// they return. What separates elements is counted: brackets, commas, indicators and
// lines, but that the end of a line which ends with one of the others separates
// nothing more. In JSON, whose texts end where they must, nothing in them counts.
func overfull(data []byte, isJSON bool, most int) (line int) {
	elements, line := 0, 1
	filled := false // there is something after the last separator
	var before rune
	text := jsonText{}
	for _, r := range string(data) {
		if r == '\n' {
			line++
		}
		if isJSON && text.has(r) {
			filled = true
			continue
		}
		switch r {
		case ',', '[', '{':
			elements++
			filled = false
		case '\n', '\r', '\u0085', '\u2028', '\u2029':
			if filled {
				elements++
			}
			filled = false
		case ' ', '\t':
			if before == '-' || before == '?' {
				elements++
				filled = false
			}
		default:
			filled = true
		}
		if elements > most {
			return line
		}
		before = r
	}
	return 0
}

// jsonText follows the texts of a JSON document.
type jsonText struct{ quoted, escaped bool }

// has reports whether the next character belongs to a text.
func (t *jsonText) has(r rune) bool {
	if !t.quoted {
		t.quoted = r == '"'
		return t.quoted
	}
	t.quoted = t.escaped || r != '"'
	t.escaped = r == '\\' && !t.escaped
	return true
}

// neither is the error of a document that is no YAML, as mistake says. What begins as
// JSON is told how far it is that, too.
func neither(data []byte, mistake *remedy.Mistake) error {
	key := ""
	if mistake.Key != "" {
		key = mistake.Key + ": "
	}
	yamlProblem := fmt.Sprintf("line %d: %s%s", mistake.Line, key, mistake.Message)
	begin := bytes.TrimSpace(data)
	var document any
	wrong := new(json.SyntaxError)
	if !bytes.HasPrefix(begin, []byte("[")) && !bytes.HasPrefix(begin, []byte("{")) ||
		!errors.As(json.Unmarshal(data, &document), &wrong) {
		return errors.New("is neither JSON nor YAML: " + yamlProblem)
	}
	line := bytes.Count(data[:wrong.Offset], []byte("\n")) + 1
	return fmt.Errorf("is neither JSON (line %d: %w) nor YAML (%s)", line, wrong, yamlProblem)
}

// jsonReader turns a valid JSON document into YAML nodes, so that both formats
// are understood by the same code and duplicate keys stay visible.
type jsonReader struct {
	data    []byte
	decoder *json.Decoder
	line    int
	counted int64 // bytes of data whose newlines are in line
	// nodes is how many there are of the entry being read. Those above [maxEntry]
	// are counted and not kept.
	nodes int
}

func newJSONReader(data []byte) *jsonReader {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return &jsonReader{data: data, decoder: decoder, line: 1}
}

// value reads the next value. Its depth is bounded by [json.Valid].
func (r *jsonReader) value() *yaml.Node {
	node, composite := r.open()
	if !composite {
		return node
	}
	// Keys and values alternate, in the tokens as in a mapping's content.
	for r.decoder.More() {
		if element := r.value(); r.nodes <= maxEntry {
			node.Content = append(node.Content, element)
		}
	}
	_, _ = r.decoder.Token() // the bracket; the document is valid
	return node
}

// open reads the next value, of a list or a mapping only that it begins.
func (r *jsonReader) open() (node *yaml.Node, composite bool) {
	token, _ := r.decoder.Token() // the document is valid
	node = &yaml.Node{Kind: yaml.ScalarNode, Line: r.lineHere()}
	r.nodes++
	switch token := token.(type) {
	case json.Delim:
		node.Kind = yaml.SequenceNode
		if token == '{' {
			node.Kind = yaml.MappingNode
		}
		return node, true
	case string:
		node.Tag, node.Value = "!!str", token
	case json.Number:
		node.Tag, node.Value = "!!float", token.String()
	case bool:
		node.Tag, node.Value = "!!bool", strconv.FormatBool(token)
	default:
		node.Tag, node.Value = "!!null", "null"
	}
	return node, false
}

// lineHere returns the line of the token that was read last.
func (r *jsonReader) lineHere() int {
	offset := r.decoder.InputOffset()
	r.line += bytes.Count(r.data[r.counted:offset], []byte("\n"))
	r.counted = offset
	return r.line
}
