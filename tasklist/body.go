package tasklist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/prefetch"
)

// Body reads the body of a PUT of a task,
//
//	{"created": …, "deadline": …, "urls": […], "labels": {…}}
//
// as an entry of [Parse] is read; an empty body says nothing. A body of null, which is
// what a script makes of a missing value, is an error: a deadline that is silently not
// there is found out when it was missed. The error names every fault; odd is what is
// only that.
func Body(data []byte, account, id string) (task prefetch.Task, odd prefetch.Faults, err error) {
	task = prefetch.Task{Account: account, ID: id, Source: prefetch.SourceAPI}
	r := reader{form: forms[aBody], node: &yaml.Node{}}
	if len(bytes.TrimSpace(data)) > 0 {
		root, err := bodyNode(data)
		if err != nil {
			return task, nil, err
		}
		if !r.open(root) {
			return task, nil, errors.New("body: " + r.faults.String())
		}
		task = r.task(task)
	}
	if r.judge(task); len(r.faults) > 0 {
		return task, nil, errors.New(r.faults.String())
	}
	return task, r.doubts(task), nil
}

func bodyNode(data []byte) (*yaml.Node, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	var document json.RawMessage
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if overfull(data, true, maxEntry) > 0 {
		return nil, errors.New(tooLarge("the body"))
	}
	return newJSONReader(data).value(), nil
}
