package tasklist_test

import (
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

var (
	created  = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	deadline = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	launch   = prefetch.Task{
		Account: "vod", ID: "8ff1", Created: created, Deadline: deadline,
		URLs: []string{"https://example.com/a.mp4"}, Labels: map[string]string{"title": "launch"},
	}
)

// parse returns the parts of what [tasklist.Parse] returns.
func parse(document, name string) ([]prefetch.Task, []tasklist.Problem, error) {
	list, err := tasklist.Parse([]byte(document), name)
	if err != nil {
		return nil, nil, err
	}
	return list.Tasks, list.Problems, nil
}

func task(account, id string) prefetch.Task { return prefetch.Task{Account: account, ID: id} }
