package discovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/remedy"
)

// The tags of the scalars that both formats know.
const (
	tagNull  = "!!null"
	tagBool  = "!!bool"
	tagInt   = "!!int"
	tagFloat = "!!float"
	tagTime  = "!!timestamp"
	tagStr   = "!!str"
)

// errEmpty is said of a document without content: somebody's half-written file,
// and not the wish to watch nothing.
var errEmpty = errors.New("is empty; an empty list is written []")

// maxElements bounds the elements of lists and the keys of mappings in a document.
// Each costs up to half a kilobyte while the document is read, however short it
// is. 32 MiB hold about as many URLs, and an account is seldom given more than a
// hundredth of it as tasks.
const maxElements = 500_000

// readList returns the elements of the list that data holds, as YAML nodes that
// know their lines. JSON is told apart by its content.
func readList(data []byte) ([]*yaml.Node, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, errors.New("is not valid UTF-8")
	}
	if err := checkElements(data); err != nil {
		return nil, err
	}
	root, err := readDocument(data)
	if err != nil {
		return nil, err
	}
	switch {
	case root.Kind == yaml.SequenceNode:
		return root.Content, nil
	case root.Kind == yaml.ScalarNode && root.ShortTag() == tagNull:
		return nil, errEmpty
	default:
		return nil, fmt.Errorf("line %d: a list of tasks or target groups is expected, found %s; such a list is [%s]",
			root.Line, kindOf(root), forms[aTask].example)
	}
}

// checkElements refuses a document with more than [maxElements]. It looks at the
// text alone, since the parsers make nodes of the whole document before they
// return. What separates elements in JSON and in YAML is counted: brackets,
// commas, indicators and lines, but that the end of a line which ends with one of
// the others separates nothing more.
func checkElements(data []byte) error {
	elements, line := 0, 1
	filled := false // there is something after the last separator
	var before rune
	for _, r := range string(data) {
		if r == '\n' {
			line++
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
		if elements > maxElements {
			return fmt.Errorf("line %d: the document has more than %d elements up to here; several smaller ones can have them", line, maxElements)
		}
		before = r
	}
	return nil
}

func readDocument(data []byte) (*yaml.Node, error) {
	// Not every JSON document is YAML: an escaped surrogate pair, which is how
	// most encoders write an emoji, is refused there.
	if json.Valid(data) {
		return newJSONReader(data).value()
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, next yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, errEmpty
	}
	if err != nil {
		return nil, neither(data, err)
	}
	switch err := decoder.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, neither(data, err)
	default:
		return nil, fmt.Errorf("line %d: a second document begins; one is expected", next.Line)
	}
	if len(document.Content) == 0 {
		return nil, errEmpty
	}
	return document.Content[0], nil
}

// neither is the error of a document that is no YAML, as err says. What begins as
// JSON is told how far it is that, too.
func neither(data []byte, err error) error {
	mistake := remedy.Syntax(data, err)
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
}

func newJSONReader(data []byte) *jsonReader {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return &jsonReader{data: data, decoder: decoder, line: 1}
}

// value reads the next value. Its depth is bounded by [json.Valid].
func (r *jsonReader) value() (*yaml.Node, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: r.lineHere()}
	switch token := token.(type) {
	case json.Delim:
		err = r.composite(node, token)
	case string:
		node.Tag, node.Value = tagStr, token
	case json.Number:
		node.Tag, node.Value = tagFloat, token.String()
	case bool:
		node.Tag, node.Value = tagBool, strconv.FormatBool(token)
	default:
		node.Tag, node.Value = tagNull, "null"
	}
	return node, err
}

func (r *jsonReader) composite(node *yaml.Node, open json.Delim) error {
	node.Kind = yaml.SequenceNode
	if open == '{' {
		// Keys and values alternate, in the tokens as in a mapping's content.
		node.Kind = yaml.MappingNode
	}
	for r.decoder.More() {
		element, err := r.value()
		if err != nil {
			return err
		}
		node.Content = append(node.Content, element)
	}
	if _, err := r.decoder.Token(); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	return nil
}

// lineHere returns the line of the token that was read last.
func (r *jsonReader) lineHere() int {
	offset := r.decoder.InputOffset()
	r.line += bytes.Count(r.data[r.counted:offset], []byte("\n"))
	r.counted = offset
	return r.line
}

// kindOf names what a node is, for a message.
func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	case yaml.AliasNode:
		return "an alias (aliases are not supported: write the value out)"
	default:
		switch {
		case node.Style&yaml.TaggedStyle != 0:
			return "a tag (tags are not supported: quote a text that begins with !)"
		case node.ShortTag() == tagNull:
			return "nothing"
		}
		return fmt.Sprintf("%q", abbreviate(node.Value))
	}
}
