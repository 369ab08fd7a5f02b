package config

import (
	"fmt"
	"time"

	"prefetch_exporter/prefetch"
)

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
	before := len(m.r.errs)
	t := prefetch.Task{
		Account:  account,
		ID:       m.get("id").requiredText(),
		Created:  readTime(m.get("created")),
		Deadline: readTime(m.get("deadline")),
		URLs:     readTaskURLs(m.get("urls")),
		Labels:   readLabels(m.get("labels")),
		Source:   prefetch.SourceConfig,
	}
	reported := map[string]bool{}
	for _, err := range m.r.errs[before:] {
		reported[err.Field] = true
	}
	for _, fault := range t.Faults() {
		// What could not be read would be called wrong a second time, and the
		// account's name with each of its tasks.
		if place := m.place(fault); fault.Key != "account" && !reported[place.field] {
			place.failf("%s", fault.What)
		}
	}
	if len(m.r.errs) == before {
		for _, doubt := range t.Doubts() {
			m.place(doubt).warnf("%s", doubt.What)
		}
	}
	return t
}

// place is where the value stands that the fault of a task is about, whose mapping
// is m.
func (m mapping) place(fault prefetch.Fault) value {
	v := m.value
	if fault.Key != "" {
		v = m.get(fault.Key)
	}
	switch {
	case fault.Index >= 0:
		node := v.node.Content[fault.Index]
		return value{r: v.r, node: node, line: node.Line, field: fmt.Sprintf("%s[%d]", v.field, fault.Index)}
	case fault.Label != "":
		for i := 0; i < len(v.node.Content); i += 2 {
			if key := v.node.Content[i]; key.Value == fault.Label {
				return value{r: v.r, node: v.node.Content[i+1], line: key.Line, field: join(v.field, shownKey(key.Value))}
			}
		}
	}
	return v
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
	if t.IsZero() {
		// Go takes this moment for "no time".
		v.failf("must be between the years %d and %d", prefetch.MinYear, prefetch.MaxYear)
	}
	return t.UTC()
}

// readTaskURLs returns a text for each item, so that each has the item's place.
func readTaskURLs(v value) []string {
	var urls []string
	for _, item := range v.list() {
		urls = append(urls, item.text())
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
		entry, text := m.get(name), ""
		if entry.scalar() {
			text = entry.node.Value
		}
		labels[name] = text
	}
	return labels
}

// checkName checks what becomes a label value and part of a path of the API.
func checkName(v value, name string) {
	if fault := prefetch.NameFault(name); fault != "" {
		v.failf("%s", fault)
	}
}

// checkedText reads a text that must be given.
func checkedText(v value) string {
	text := v.requiredText()
	if text != "" {
		if fault := prefetch.TextFault(text, prefetch.MaxName); fault != "" {
			v.failf("%s", fault)
		}
		v.warnVariable(text)
	}
	return text
}
