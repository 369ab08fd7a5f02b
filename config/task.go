package config

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
)

const (
	maxName       = 256
	maxLabelValue = 1024
	maxURL        = 2048

	// Times outside are mistakes, such as seconds taken for years.
	minYear = 2000
	maxYear = 2199
)

var labelNameForm = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func readTasks(v value, account string) []prefetch.Task {
	items := v.list()
	if len(items) == 0 {
		return nil
	}
	tasks := make([]prefetch.Task, 0, len(items))
	type listed struct{ line, index int }
	first := make(map[string]listed, len(items))
	for _, item := range items {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		task, line := readTask(m, account), m.get("id").line
		if before, twice := first[task.ID]; twice && task.ID != "" {
			if !task.SaysAs(tasks[before.index]) {
				m.get("id").failf("the account has a task of this id already, in line %d, with other content", before.line)
			}
			continue
		}
		first[task.ID] = listed{line: line, index: len(tasks)}
		tasks = append(tasks, task)
	}
	return tasks
}

func readTask(m mapping, account string) prefetch.Task {
	t := prefetch.Task{
		Account:  account,
		ID:       readTaskID(m.get("id")),
		Created:  readTime(m.get("created")),
		Deadline: readTime(m.get("deadline")),
		URLs:     readTaskURLs(m.get("urls")),
		Labels:   readLabels(m.get("labels")),
		Source:   prefetch.SourceConfig,
	}
	if !t.Created.IsZero() && !t.Deadline.IsZero() && t.Deadline.Before(t.Created) {
		m.get("deadline").failf("is before created")
	}
	return t
}

func readTaskID(v value) string {
	id := v.requiredText()
	if id != "" {
		checkName(v, id)
	}
	return id
}

// readTime reads an RFC 3339 time. YAML's own timestamps are not used: they
// take a time without an offset for UTC.
func readTime(v value) time.Time {
	text := v.text()
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		v.failf("%s is not an RFC 3339 time with an offset, such as 2026-11-21T08:00:00Z or 2026-11-21T16:00:00+08:00", shown(text))
		return time.Time{}
	}
	t = t.UTC()
	if t.Year() < minYear || t.Year() > maxYear {
		v.failf("must be between the years %d and %d", minYear, maxYear)
		return time.Time{}
	}
	return t
}

func readTaskURLs(v value) []string {
	var urls []string
	first := map[string]int{}
	for i, item := range v.list() {
		text := item.text()
		if text == "" {
			continue
		}
		// Whether a URL that was submitted twice has two rows is the vendor's
		// affair, so it must stay possible.
		if before, twice := first[text]; twice {
			item.warnf("is listed already, as urls[%d]: the task settles only when the vendor shows a row for each", before)
		} else {
			first[text] = i
		}
		checkPrintable(item, text, maxURL)
		// What a vendor makes of odd URLs is its own affair: the rows must be
		// recognised, so nothing but the beginning is judged here.
		lower := strings.ToLower(text)
		if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
			item.failf("must begin with http:// or https://")
		}
		urls = append(urls, text)
	}
	return urls
}

func readLabels(v value) map[string]string {
	m, _ := v.mapping()
	if len(m.keys) == 0 {
		return nil
	}
	labels := make(map[string]string, len(m.keys))
	for _, name := range m.keys {
		entry := m.get(name)
		checkLabelName(entry, name)
		if !entry.scalar() {
			continue
		}
		labels[name] = entry.node.Value
		checkPrintable(entry, labels[name], maxLabelValue)
	}
	return labels
}

func checkLabelName(v value, name string) {
	switch {
	case !labelNameForm.MatchString(name):
		v.failf("a label name must match [a-zA-Z_][a-zA-Z0-9_]*")
	case strings.HasPrefix(name, "__"):
		v.failf("a label name must not begin with __")
	case name == "provider" || name == "account" || name == "task" || name == "status":
		v.failf("the label would hide the exporter's own label of this name")
	case len(name) > maxName:
		v.failf("a label name must not be longer than %d bytes", maxName)
	}
}

// checkName checks what becomes a label value and part of a path of the API.
func checkName(v value, name string) {
	switch {
	case name == "." || name == "..":
		v.failf("must not be . or .., which no address of the API can carry")
	case strings.TrimSpace(name) != name:
		v.failf("must not begin or end with a blank")
	default:
		checkPrintable(v, name, maxName)
	}
}

// checkedText reads a text that must be given.
func checkedText(v value) string {
	text := v.requiredText()
	if text != "" {
		checkPrintable(v, text, maxName)
		v.warnVariable(text)
	}
	return text
}

func checkPrintable(v value, text string, limit int) {
	switch {
	case len(text) > limit:
		v.failf("must not be longer than %d bytes", limit)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		v.failf("must not contain control characters or bytes that are not UTF-8")
	}
}
