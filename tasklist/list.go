package tasklist

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
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
func Parse(data []byte, name string) (*List, error) {
	list := newList(name)
	err := eachElement(data, list.read)
	if whole, ok := errors.AsType[*wholeError](err); ok {
		list = newList(name)
		err = wholeList(data, whole, list.read)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if list.rest.More > 0 {
		list.rest.Message = fmt.Sprintf("%d more problems are not told one by one", list.rest.More)
		list.Problems = append(list.Problems, list.rest)
	}
	return list, nil
}

// List is what a list of tasks amounts to.
type List struct {
	set

	Problems []Problem

	name  string
	entry int     // how many were read
	line  int     // where the last of them begins
	rest  Problem // stands for those above maxProblems
}

func newList(name string) *List { return &List{name: name, set: newSet()} }

// Place is where a task of the list is written, as "name:line".
func (l *List) Place(t prefetch.Task) string {
	return fmt.Sprintf("%s:%d", l.name, l.first[nameOf(t)].line)
}

// read takes an element in. The error says that there are too many tasks.
func (l *List) read(e listElement) error {
	l.entry++
	l.line = e.line
	r := reader{form: forms[anEntry]}
	switch {
	case e.node == nil:
		l.report(tooLarge("the entry"), 1)
	case isGroup(e.node):
		r.form = forms[aGroup]
		l.group(&r, e.node)
	case r.open(e.node):
		l.add(&r, r.task(prefetch.Task{}))
	default:
		l.report(r.faults.String(), 1)
	}
	if len(l.Tasks) > maxTasks {
		return fmt.Errorf("line %d: the document has more than %d tasks up to here; several smaller ones can have them", e.line, maxTasks)
	}
	return nil
}

func isGroup(node *yaml.Node) bool {
	if node.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == keyTargets {
			return true
		}
	}
	return false
}

func (l *List) group(r *reader, node *yaml.Node) {
	r.open(node)
	task, targets := r.group()
	if len(r.faults) > 0 {
		l.report(r.faults.String(), max(1, len(targets)))
		return
	}
	l.Tasks = slices.Grow(l.Tasks, len(targets))
	for i, target := range targets {
		one := reader{form: r.form, node: r.node, values: r.values}
		if id, ok := one.text(prefetch.Fault{Key: keyTargets, Index: i}, target); ok {
			task.ID = id
			l.add(&one, task)
		} else {
			l.report(one.faults.String(), 1)
		}
	}
}

// add takes a task in unless something is wrong with it.
func (l *List) add(r *reader, task prefetch.Task) {
	l.set.add(r, task, l.line)
	named := ""
	if task.ID != "" {
		named = fmt.Sprintf("task %s of account %s: ", strict.Quote(task.ID), strict.Quote(task.Account))
	}
	if len(r.faults) > 0 {
		l.report(named+r.faults.String(), 1)
	} else if doubts := r.doubts(task); len(doubts) > 0 {
		l.report(named+doubts.String(), 0)
	}
}

// report notes a problem of the element being read; tasks are lost with it.
func (l *List) report(message string, tasks int) {
	p := Problem{Place: fmt.Sprintf("%s:%d", l.name, l.line), Entry: l.entry, Tasks: tasks, Message: message}
	if len(l.Problems) < maxProblems {
		l.Problems = append(l.Problems, p)
		return
	}
	if l.rest.More == 0 {
		l.rest = Problem{Place: p.Place, Entry: p.Entry}
	}
	l.rest.More++
	l.rest.Tasks += tasks
}

// name identifies a task.
type name struct{ account, id string }

func nameOf(t prefetch.Task) name { return name{t.Account, t.ID} }

// listed is where a task was first listed: its line, and its place in the tasks.
type listed struct{ line, index int }

// set are tasks that were read, each name once.
type set struct {
	// Tasks are in the order in which they were listed.
	Tasks []prefetch.Task

	first map[name]listed
}

func newSet() set { return set{first: make(map[name]listed)} }

// add judges a task and takes it in if nothing is wrong with it and none says the
// same.
func (s *set) add(r *reader, t prefetch.Task, line int) {
	r.judge(t)
	if len(r.faults) > 0 {
		return
	}
	first, again := s.first[nameOf(t)]
	switch {
	case !again:
		s.first[nameOf(t)] = listed{line: line, index: len(s.Tasks)}
		s.Tasks = append(s.Tasks, t)
	case !t.SaysAs(s.Tasks[first.index]):
		r.fail(of(keyID), fmt.Sprintf("is listed already, in line %d, with other content", first.line))
	}
}
