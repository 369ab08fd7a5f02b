package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/prefetch"
)

// Problem is one entry of a list that cannot be used, or is taken although it is
// odd. The rest of the list can be used.
type Problem struct {
	// Place is where the entry begins, as "name:line".
	Place string
	// Entry is the place of the entry in its list, from 1.
	Entry int
	// Tasks is how many tasks are lost with the entry: 1, or the targets of a
	// target group that is unusable as a whole, at least 1; 0 if it is only odd.
	Tasks int
	// Message says what is wrong, each field as "field: what is wrong".
	Message string
	// More is set for the last problem of a list that has too many: it stands for
	// so many, its Tasks are theirs, and its place is that of the first of them.
	More int
}

// maxProblems bounds the problems of a list that are told one by one: a list that
// was built wrongly has as many as entries.
const maxProblems = 100

// Parse reads a list of tasks. An element is a task entry,
//
//	{account: …, id: …, created: …, deadline: …, urls: […], labels: {…}}
//
// or a target group as Prometheus' file_sd and http_sd have them
// (https://prometheus.io/docs/prometheus/latest/http_sd/),
//
//	{targets: [ids…], labels: {account: …, created: …, deadline: …, …}}
//
// whose labels that begin with "__" are dropped and whose other labels become
// the tasks' labels. YAML and JSON are told apart by content. Null is the same
// as leaving the key out. A number or a boolean stands for its own text, so that
// an id need not be quoted.
//
// The error is about the list as a whole: not valid UTF-8, neither YAML nor
// JSON, not a list, empty. An entry that is unusable, one with an unknown key
// included, is a [Problem]; of two entries with the same account and id that say
// different things the first wins and the second is a problem; entries that say the
// same are one. Problems too are the [prefetch.Task.Doubts] of an entry that is
// taken. From the hundred and first problem on, one stands for all. All tasks pass
// [prefetch.Task.Validate]; their Source is empty, and their times are UTC. name is
// the file or source that Place speaks of.
func Parse(data []byte, name string) ([]prefetch.Task, []Problem, error) {
	list, err := parseList(data, name)
	if err != nil {
		return nil, nil, err
	}
	return list.tasks, list.allProblems(), nil
}

// parseList is [Parse] with the lines.
func parseList(data []byte, name string) (*listReader, error) {
	list := newListReader(name)
	err := eachElement(data, list.read)
	if whole, ok := errors.AsType[*wholeError](err); ok {
		list = newListReader(name)
		err = wholeList(data, whole, list.read)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

// key identifies a task over all sources.
type key struct{ account, id string }

func keyOf(task prefetch.Task) key { return key{account: task.Account, id: task.ID} }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.account, other.account), cmp.Compare(k.id, other.id))
}

// listReader collects what the elements of one list amount to.
type listReader struct {
	name     string
	tasks    []prefetch.Task
	problems []Problem
	rest     Problem // stands for those above maxProblems
	first    map[key]listed

	// The element being read, and how many were before it and with it.
	listElement

	entry int
}

func newListReader(name string) *listReader {
	return &listReader{name: name, first: make(map[key]listed)}
}

// read takes an element in. The error says that there are too many tasks.
func (l *listReader) read(e listElement) error {
	l.listElement = e
	l.entry++
	switch {
	case e.node == nil:
		l.report(issues{fmt.Sprintf("the entry has more than %d elements", maxEntry)}, 1)
	case isGroup(e.node):
		l.readGroup()
	default:
		l.readEntry()
	}
	if len(l.tasks) > maxTasks {
		return fmt.Errorf("line %d: the document has more than %d tasks up to here; several smaller ones can have them", e.line, maxTasks)
	}
	return nil
}

// listed is where a task was first listed: its line, and its place in the tasks.
type listed struct{ line, index int }

func isGroup(node *yaml.Node) bool {
	if node.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == "targets" {
			return true
		}
	}
	return false
}

func (l *listReader) readEntry() {
	var found issues
	value := found.mapping("", l.node, aTask)
	l.add(prefetch.Task{
		Account:  found.text("account", value["account"]),
		ID:       found.text("id", value["id"]),
		Created:  found.time("created", value["created"]),
		Deadline: found.time("deadline", value["deadline"]),
		URLs:     found.texts("urls", value["urls"]),
		Labels:   found.labels(value["labels"]),
	}, found)
}

func (l *listReader) readGroup() {
	var found issues
	value := found.mapping("", l.node, aGroup)
	targets := value["targets"]
	if targets != nil && targets.Kind != yaml.SequenceNode {
		found.addf("targets", "must be a list such as [3ff59d129a2c40a39b9be8c9de9975d6], found %s", kindOf(targets))
		targets = nil
	}
	var ids []*yaml.Node
	if targets != nil {
		ids = targets.Content
	}

	task := prefetch.Task{}
	labels := found.labels(value["labels"])
	for _, name := range sortedKeys(labels) {
		text := labels[name]
		switch {
		case name == labelAccount:
			task.Account = text
		case name == "created":
			task.Created = found.parseTime("labels.created", text)
		case name == "deadline":
			task.Deadline = found.parseTime("labels.deadline", text)
		case strings.HasPrefix(name, "__"):
		default:
			if task.Labels == nil {
				task.Labels = make(map[string]string)
			}
			task.Labels[name] = text
		}
	}
	if len(found) > 0 {
		l.report(found, max(1, len(ids)))
		return
	}
	l.tasks = slices.Grow(l.tasks, len(ids))
	for i, id := range ids {
		var wrong issues
		task.ID = wrong.text(fmt.Sprintf("targets[%d]", i), id)
		l.add(task, wrong)
	}
}

// add takes a task in unless something is wrong with it.
func (l *listReader) add(task prefetch.Task, found issues) {
	if len(found) == 0 {
		// A field that could not be read would be called missing, too.
		found = issuesOf(task.Faults())
	}
	if first, again := l.first[keyOf(task)]; again && len(found) == 0 {
		if task.SaysAs(l.tasks[first.index]) {
			return
		}
		found.addf("", "is listed a second time, with other content; the entry at line %d stands", first.line)
	}
	if len(found) > 0 {
		found.nameTask(task)
		l.report(found, 1)
		return
	}
	if doubts := issuesOf(task.Doubts()); len(doubts) > 0 {
		doubts.nameTask(task)
		l.report(doubts, 0)
	}
	l.first[keyOf(task)] = listed{line: l.line, index: len(l.tasks)}
	l.tasks = append(l.tasks, task)
}

// report notes a problem of the element being read; tasks are lost with it.
func (l *listReader) report(found issues, tasks int) {
	place := func() string { return fmt.Sprintf("%s:%d", l.name, l.line) }
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, Problem{
			Place: place(), Entry: l.entry, Tasks: tasks, Message: found.String(),
		})
		return
	}
	if l.rest.More == 0 {
		l.rest = Problem{Place: place(), Entry: l.entry}
	}
	l.rest.More++
	l.rest.Tasks += tasks
}

// allProblems returns the problems with the one that stands for the rest.
func (l *listReader) allProblems() []Problem {
	if l.rest.More == 0 {
		return l.problems
	}
	l.rest.Message = fmt.Sprintf("%d more problems are not told one by one", l.rest.More)
	return append(l.problems, l.rest)
}
