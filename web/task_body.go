package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/remedy"
)

// decodeTask reads the body of a PUT,
//
//	{"created": …, "deadline": …, "urls": […], "labels": {…}}
//
// in which everything may be left out or null; an empty body says nothing. A body
// of null, which is what a script makes of a missing value, and keys that are
// unknown, written in another case or given twice are errors: a deadline that is
// silently not there is found out when it was missed. The error names every field
// of a wrong form; what the fields say is not judged here.
func decodeTask(body []byte) (prefetch.Task, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return prefetch.Task{}, nil
	}
	if !utf8.Valid(body) {
		return prefetch.Task{}, errors.New("the body is not valid UTF-8")
	}
	// From here on only the types can be wrong.
	var document json.RawMessage
	if err := json.Unmarshal(body, &document); err != nil {
		return prefetch.Task{}, fmt.Errorf("the body is not JSON: %w", err)
	}
	var r bodyReader
	task := r.task(document)
	if len(r.problems) > 0 {
		return prefetch.Task{}, errors.New(strings.Join(r.problems, "; "))
	}
	return task, nil
}

// bodyReader collects what is wrong with a body, each as "field: what is wrong".
type bodyReader struct{ problems []string }

const (
	// maxProblems bounds what is told of one body, which can be wrong in as many
	// places as it has bytes.
	maxProblems = 20
	// maxMembers bounds the keys of an object that are read. A body has few, and each
	// costs many times its bytes.
	maxMembers = 1000
)

func (r *bodyReader) addf(field, format string, args ...any) {
	r.add(field + ": " + fmt.Sprintf(format, args...))
}

func (r *bodyReader) add(problem string) {
	switch {
	case len(r.problems) < maxProblems:
		r.problems = append(r.problems, problem)
	case len(r.problems) == maxProblems:
		r.problems = append(r.problems, "and more")
	}
}

func (r *bodyReader) task(document json.RawMessage) prefetch.Task {
	var task prefetch.Task
	for _, m := range r.members("body", "", `{"deadline": "2026-11-21T10:00:00Z"}`, document) {
		if kindOf(m.value) == "null" {
			continue
		}
		switch m.name {
		case "created":
			task.Created = r.time(m.name, m.value)
		case "deadline":
			task.Deadline = r.time(m.name, m.value)
		case "urls":
			task.URLs = r.urls(m.name, m.value)
		case "labels":
			task.Labels = r.labels(m.name, m.value)
		default:
			r.add(fmt.Sprintf("unknown key %s%s", quote(m.name), unknown(m.name)))
		}
	}
	return task
}

// unknown says what somebody probably meant who used another key, as the end of a
// message.
func unknown(key string) string {
	known := []string{"created", "deadline", "urls", "labels"}
	switch near := remedy.Nearest(key, known); {
	case key == "id" || key == "account" || key == "task":
		return " (it belongs in the path, /api/v1/tasks/{account}/{id})"
	case near != "":
		return " (did you mean " + near + "?)"
	default:
		return " (known here: " + strings.Join(known, ", ") + ")"
	}
}

// member is one key of a JSON object and its value.
type member struct {
	name  string
	value json.RawMessage
}

// members returns those of an object in their order, each key once. before is
// put before the names of keys in errors, example is such an object.
func (r *bodyReader) members(field, before, example string, object json.RawMessage) []member {
	if kind := kindOf(object); kind != "an object" {
		r.addf(field, "must be an object such as %s, found %s", example, kind)
		return nil
	}
	var found []member
	seen := map[string]bool{}
	decoder := json.NewDecoder(bytes.NewReader(object))
	_, err := decoder.Token() // the brace
	for err == nil && decoder.More() && len(r.problems) <= maxProblems {
		var key json.Token
		var value json.RawMessage
		key, err = decoder.Token()
		if err == nil {
			err = decoder.Decode(&value)
		}
		name := fmt.Sprint(key)
		switch {
		case err != nil:
			r.addf(field, "cannot be read: %v", err)
		case seen[name]:
			r.addf(before+shorten(name), "is given twice")
		case len(found) == maxMembers:
			r.addf(field, "must not have more than %d keys", maxMembers)
			return found
		default:
			seen[name] = true
			found = append(found, member{name, value})
		}
	}
	return found
}

func (r *bodyReader) time(field string, value json.RawMessage) time.Time {
	text, ok := r.text(field, value)
	if !ok {
		return time.Time{}
	}
	var t time.Time
	// Unlike time.Parse, UnmarshalText keeps to the letter of RFC 3339. What Go
	// takes for "no time" would pass as not given.
	if err := t.UnmarshalText([]byte(text)); err != nil || t.IsZero() {
		r.addf(field, "%s is not a time of RFC 3339 with an offset, such as 2026-11-21T08:00:00Z", quote(text))
		return time.Time{}
	}
	return t.UTC()
}

func (r *bodyReader) urls(field string, value json.RawMessage) []string {
	if kind := kindOf(value); kind != "a list" {
		r.addf(field, `must be a list such as ["https://example.com/a.mp4"], found %s`, kind)
		return nil
	}
	// They are counted before any is read: each costs many times its bytes.
	var all []ignored
	var elements []json.RawMessage
	if json.Unmarshal(value, &all) == nil && len(all) > prefetch.MaxURLs {
		r.addf(field, "%s", prefetch.TooMany(prefetch.MaxURLs, len(all)))
		return nil
	}
	_ = json.Unmarshal(value, &elements) // it is a list in valid JSON
	var urls []string                    // nil for an empty list, which says nothing
	for i, element := range elements {
		if text, ok := r.text(fmt.Sprintf("%s[%d]", field, i), element); ok {
			urls = append(urls, text)
		}
	}
	return urls
}

// ignored is any value of JSON. A list of them takes no memory.
type ignored struct{}

// UnmarshalJSON does nothing.
func (*ignored) UnmarshalJSON([]byte) error { return nil }

func (r *bodyReader) labels(field string, value json.RawMessage) map[string]string {
	before := field + "."
	labels := map[string]string{}
	for _, m := range r.members(field, before, `{"title": "launch"}`, value) {
		if text, ok := r.text(before+shorten(m.name), m.value); ok {
			labels[m.name] = text
		}
	}
	return labels
}

func (r *bodyReader) text(field string, value json.RawMessage) (string, bool) {
	var text string
	if kind := kindOf(value); kind != "a text" || json.Unmarshal(value, &text) != nil {
		r.addf(field, "must be a text, found %s", kind)
		return "", false
	}
	return text, true
}

// kindOf tells what a valid JSON value is by its first character.
func kindOf(value json.RawMessage) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	default:
		return "a number"
	}
}

// maxQuoted bounds what an error repeats of somebody's words, in runes.
const maxQuoted = 64

func quote(text string) string { return fmt.Sprintf("%q", shorten(text)) }

func shorten(text string) string {
	if utf8.RuneCountInString(text) <= maxQuoted {
		return text
	}
	return string([]rune(text)[:maxQuoted]) + "…"
}
