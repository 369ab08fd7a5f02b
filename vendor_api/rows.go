package vendorapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MaxRows is how many rows of one answer are read. Vendors take some hundred URLs
// a task, so that only what is broken or hostile comes near it.
const MaxRows = 20_000

// Rows reads the elements of a list in valid JSON, in their order. For each, read
// is told the row, nil if the element is no object, and the element as it was
// written; both are valid during the call only. What it does not want to keep is left
// out. The fields of Row must take any value, as [Text] does.
//
// A list that is missing, or null, has none.
//
// The error says that list is none, or that it has more than [MaxRows] elements:
// a part of an answer would have a wrong total, so such an answer counts as
// unreadable as a whole. The elements are counted before any is read, so that
// millions of them cost no memory.
func Rows[Row, URL any](list json.RawMessage, read func(row *Row, raw json.RawMessage) (u URL, keep bool)) ([]URL, error) {
	if len(list) == 0 || string(list) == "null" {
		return []URL{}, nil
	}
	if list[0] != '[' {
		return nil, fmt.Errorf("is not a list: %s", Excerpt(list))
	}
	n := length(list)
	if n > MaxRows {
		return nil, fmt.Errorf("has more than %d rows", MaxRows)
	}
	urls := make([]URL, 0, n)
	var row Row
	decoder := json.NewDecoder(bytes.NewReader(list))
	_, _ = decoder.Token() // the bracket
	for i := 0; i < n && decoder.More(); i++ {
		begin := decoder.InputOffset()
		row = *new(Row)
		element := &row
		if err := decoder.Decode(&element); err != nil {
			element = nil // of another type
		}
		raw := bytes.TrimLeft(list[begin:decoder.InputOffset()], ", \t\r\n")
		if u, keep := read(element, raw); keep {
			urls = append(urls, u)
		}
	}
	return urls, nil
}

// length is how many elements a list in valid JSON has, or one more than
// [MaxRows] if they are more.
func length(list json.RawMessage) int {
	if len(bytes.TrimSpace(list[1:len(list)-1])) == 0 {
		return 0
	}
	n, depth, quoted := 1, 0, false
	for i := 0; i < len(list) && n <= MaxRows; i++ {
		switch c := list[i]; {
		case c == '\\':
			i++ // of a string, and so is what it escapes
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 1:
			n++
		}
	}
	return n
}

// Object reads the body of an answer, which is a JSON object, into doc. The error says
// why it is none.
func Object(body []byte, doc any) error {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return errors.New("the answer is empty")
	}
	if body[0] != '{' {
		return errors.New("the answer is not a JSON object")
	}
	if err := json.Unmarshal(body, doc); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	return nil
}
