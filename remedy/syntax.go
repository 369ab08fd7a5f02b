package remedy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSearch bounds how many bytes are parsed to find the line of a mistake.
const maxSearch = 1 << 20

var (
	yamlProblem   = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '((?s).*)' referenced$`)

	// special finds a value that begins with a character which no text without
	// quotes may begin with, and the key before it.
	special = regexp.MustCompile("(?:([A-Za-z0-9_.-]{1,64})[\"']?:|^[ \\t]*-|[\\[,])[ \\t]+([*&%@`!|>])|[\\[]([*&%@`])")
	// indent is what stands before the text of a line.
	indent = regexp.MustCompile(`^[ \t-]*`)
)

// misplaced are the parser's errors about a character that begins a text.
var misplaced = map[string]bool{
	"found character that cannot start any token":           true,
	"did not find expected alphabetic or numeric character": true,
	"did not find expected comment or line break":           true,
}

// hints say what mostly causes an error of the YAML parser, by its text.
var hints = map[string]string{
	"mapping values are not allowed in this context": "" +
		"a text with a colon and a space in it needs quotes, a key the same indentation as those beside it",
	"could not find expected ':'":         "is there a space after each colon, and is each quote closed?",
	"did not find expected key":           "are the keys that belong together indented alike?",
	"did not find expected '-' indicator": "are the items of the list indented alike?",
	"found unexpected end of stream":      "is each quote closed?",
}

// Mistake is what makes a text no YAML.
type Mistake struct {
	// Line is where it is, from 1.
	Line int
	// Key is the one whose value it is; "" if none can be told.
	Key string
	// Message says what is wrong and what to do. It shows at most one character
	// of the text, which may be a secret.
	Message string
}

// Syntax explains an error of the YAML parser, which was given data.
func Syntax(data []byte, err error) Mistake {
	line, message := 1, err.Error()
	if parts := yamlProblem.FindStringSubmatch(message); parts != nil {
		line, message = max(1, atoi(parts[1])), parts[2]
	}
	// An unquoted password that begins with * is taken for an alias, and the
	// parser would show it, but not where it is.
	if alias := unknownAnchor.FindStringSubmatch(message); alias != nil {
		line, text := lineOfAlias(data, alias[1])
		return Mistake{Line: line, Key: keyBefore(text, '*'), Message: Begins('*')}
	}
	line = syntaxLine(data, line)
	text := lineAt(data, line)
	found := special.FindStringSubmatch(text)
	switch {
	case isTab(text, message):
		return Mistake{Line: line, Message: "a tab indents the line; YAML allows only spaces"}
	case found != nil && (found[2] == "!" || misplaced[message]):
		return Mistake{Line: line, Key: found[1], Message: Begins((found[2] + found[3])[0])}
	case hints[message] != "":
		message += "; " + hints[message]
	}
	return Mistake{Line: line, Message: message}
}

// Begins says what to do about a text without quotes that begins with c, which
// YAML takes for something else.
func Begins(c byte) string {
	switch c {
	case '*', '&':
		return fmt.Sprintf("begins with %c: YAML aliases and anchors are not supported; if it is a text, quote it", c)
	case '!':
		return "begins with !: YAML tags are not supported; if it is a text, quote it"
	default:
		return fmt.Sprintf("begins with %c, which means something else in YAML; quote it", c)
	}
}

func isTab(line, message string) bool {
	return strings.Contains(message, "tab character") ||
		strings.Contains(message, "cannot start any token") && strings.Contains(indent.FindString(line), "\t")
}

// lineOfAlias returns the first line in which *name stands as a value, and its
// number.
func lineOfAlias(data []byte, name string) (number int, text string) {
	for line := range bytes.Lines(data) {
		number++
		before, _, found := bytes.Cut(line, []byte("*"+name))
		if before = bytes.TrimRight(before, " \t"); found && (len(before) == 0 || bytes.ContainsAny(before[len(before)-1:], ":-[,{")) {
			return number, string(line)
		}
	}
	return 1, ""
}

// keyBefore returns the key whose value begins with c in the line.
func keyBefore(line string, c byte) string {
	for _, found := range special.FindAllStringSubmatch(line, -1) {
		if found[2] == string(c) {
			return found[1]
		}
	}
	return ""
}

// lineAt returns the line of this number, from 1.
func lineAt(data []byte, number int) string {
	for line := range bytes.Lines(data) {
		if number--; number == 0 {
			return string(line)
		}
	}
	return ""
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

// atoi returns the number that s is, and 0 if s is none.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
