package tasklist

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// eachOfYAML reads a list of blocks some entries at a time: a parser's nodes of all of
// it would take thirty times its bytes. A block ends where a line begins with the
// next dash, wherever it has one. Where that is inside of a text, what is before it
// is no YAML.
func eachOfYAML(data []byte, f func(listElement) error) error {
	blocks, line := splitBlocks(data)
	if len(blocks) == 0 {
		return &wholeError{line}
	}
	for len(blocks) > 0 {
		n, size := 0, 0
		for ; n < len(blocks) && (n == 0 || size+len(blocks[n].text) <= chunk); n++ {
			if overfull(blocks[n].text, false, maxEntry) > 0 {
				break
			}
			size += len(blocks[n].text)
		}
		if n == 0 {
			if err := f(listElement{line: blocks[0].line}); err != nil {
				return err
			}
			blocks = blocks[1:]
			continue
		}
		if err := readBlocks(blocks[:n], size, f); err != nil {
			return err
		}
		blocks = blocks[n:]
	}
	return nil
}

// readBlocks reads blocks that follow each other, of so many bytes.
func readBlocks(blocks []block, size int, f func(listElement) error) error {
	text := make([]byte, 0, size)
	for _, b := range blocks {
		text = append(text, b.text...)
	}
	var document yaml.Node
	if yaml.Unmarshal(text, &document) != nil || len(document.Content) != 1 ||
		document.Content[0].Kind != yaml.SequenceNode || len(document.Content[0].Content) != len(blocks) {
		return &wholeError{blocks[0].line}
	}
	for _, node := range document.Content[0].Content {
		if err := f(listElement{blocks[0].line + node.Line - 1, node}); err != nil {
			return err
		}
	}
	return nil
}

// block is one entry of a list in YAML, from its dash to the next one's, and the line
// where it begins.
type block struct {
	line int
	text []byte
}

// splitBlocks splits a list whose dashes begin their lines. There are no blocks if
// data is none, as is seen in a line.
func splitBlocks(data []byte) (blocks []block, line int) {
	number, start, end := 0, 0, 0
	for line := range bytes.Lines(data) {
		number++
		begin := end
		end += len(line)
		content := bytes.TrimRight(line, " \t\r\n")
		switch {
		case len(content) == 0, content[0] == '#':
		case string(content) == "-", bytes.HasPrefix(content, []byte("- ")), bytes.HasPrefix(content, []byte("-\t")):
			if n := len(blocks); n > 0 {
				blocks[n-1].text = data[start:begin]
				blocks = append(blocks, block{line: number, text: data[begin:]})
				start = begin
				continue
			}
			// What is before the first belongs to it, so that nothing is unread.
			blocks = []block{{line: 1, text: data}}
		case len(blocks) > 0 && (content[0] == ' ' || content[0] == '\t'):
		case len(blocks) == 0 && string(content) == "---":
		default:
			return nil, number
		}
	}
	return blocks, 1
}
