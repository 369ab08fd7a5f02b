package tasklist

import (
	"fmt"

	"prefetch_exporter/prefetch"
)

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
