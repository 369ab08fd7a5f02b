package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"prefetch_exporter/discovery/files"
	"prefetch_exporter/internal/strict"
	"prefetch_exporter/tasklist"
)

// CheckFiles reads the files that the patterns mean now, as a person would who
// wants to know whether they are right before anything runs. It returns what
// cannot be used, a task of an account that does not exist included, and what is
// only odd, each as "file:line: what is wrong" where it has a line.
func CheckFiles(patterns, accounts []string) (wrong, odd []string) {
	var paths []string
	for _, text := range patterns {
		p, err := files.Parse(text)
		if err != nil {
			continue // Check has said so
		}
		found, errs := files.List([]files.Pattern{p}, nil)
		if len(found)+len(errs) == 0 {
			odd = append(odd, fmt.Sprintf("task_discovery.files: there is no file now that %q means", text))
		}
		paths = append(paths, found...)
		for _, err := range errs {
			wrong = append(wrong, err.Error())
		}
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		w, o := checkFile(path, accounts)
		wrong, odd = append(wrong, w...), append(odd, o...)
	}
	return wrong, odd
}

func checkFile(path string, accounts []string) (wrong, odd []string) {
	data, err := files.Read(path, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it has just gone
	}
	if err != nil {
		return []string{err.Error()}, nil
	}
	list, err := tasklist.Parse(data, path)
	if err != nil {
		return []string{err.Error()}, nil
	}
	for _, problem := range list.Problems {
		line := problem.Place + ": " + problem.Message
		if problem.Tasks == 0 {
			odd = append(odd, line)
		} else {
			wrong = append(wrong, line)
		}
	}
	return append(wrong, strangers(list, accounts)...), odd
}

// strangers tells which accounts the tasks name that do not exist, each at its
// first task.
func strangers(list *tasklist.List, accounts []string) []string {
	tasks := map[string]int{}
	var found []string
	for _, t := range list.Tasks {
		if tasks[t.Account]++; tasks[t.Account] == 1 && !slices.Contains(accounts, t.Account) {
			found = append(found, fmt.Sprintf("%s: account: there is no account %s", list.Place(t), strict.Quote(t.Account)))
		}
	}
	return found
}
