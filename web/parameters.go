package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"prefetch_exporter/prefetch"
)

// The query parameters of the list of tasks.
const (
	paramAccount = "account"
	paramLabel   = "label"
	paramPhase   = "phase"
)

// checkParameters refuses a query with a parameter that is not known: a filter
// whose name is misspelt would answer something else than was asked.
func checkParameters(r *http.Request, known []string) *apiError {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badData("the query of the address cannot be read: " + err.Error())
	}
	var unknown []string
	for name := range values {
		if !slices.Contains(known, name) {
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	these := "there are none here"
	if len(known) > 0 {
		these = "these are known here: " + strings.Join(known, ", ")
	}
	return badData("unknown parameter " + strings.Join(unknown, ", ") + "; " + these)
}

func badData(message string) *apiError {
	return &apiError{http.StatusBadRequest, errorBadData, message}
}

// taskFilter says which tasks a list is of. What is empty leaves none out.
type taskFilter struct {
	// A task is in any of these accounts and in any of these phases.
	accounts []string
	phases   []prefetch.Phase
	// It has all of these labels; a value may be empty, which a label that is
	// not there has, too.
	labels []labelValue
}

type labelValue struct{ name, value string }

// parseTaskFilter reads the parameters of a list of tasks. A value that no task
// can have is an error.
func parseTaskFilter(values url.Values) (taskFilter, *apiError) {
	f := taskFilter{accounts: values[paramAccount]}
	if slices.Contains(f.accounts, "") {
		return taskFilter{}, badData(paramAccount + ": is empty")
	}
	for _, word := range values[paramPhase] {
		var phase prefetch.Phase
		if err := phase.UnmarshalText([]byte(word)); err != nil {
			var words []string
			for _, p := range prefetch.Phases() {
				words = append(words, p.String())
			}
			return taskFilter{}, badData(fmt.Sprintf("%s: %v; a phase is one of %s", paramPhase, err, strings.Join(words, ", ")))
		}
		f.phases = append(f.phases, phase)
	}
	for _, text := range values[paramLabel] {
		name, value, split := strings.Cut(text, "=")
		if !split || name == "" {
			return taskFilter{}, badData(fmt.Sprintf("%s: %q is not name=value, such as title=launch", paramLabel, text))
		}
		f.labels = append(f.labels, labelValue{name, value})
	}
	return f, nil
}

func (f *taskFilter) hasAccount(name string) bool {
	return len(f.accounts) == 0 || slices.Contains(f.accounts, name)
}

// matches does not look at the account.
func (f *taskFilter) matches(t *prefetch.TaskState) bool {
	if len(f.phases) > 0 && !slices.Contains(f.phases, t.Phase) {
		return false
	}
	for _, l := range f.labels {
		if t.Labels[l.name] != l.value {
			return false
		}
	}
	return true
}

// doubts are warnings of what a script might take for "nothing is wrong": tasks
// of accounts that do not exist.
func (f *taskFilter) doubts(accounts []prefetch.AccountState) []string {
	var doubts []string
	for _, name := range f.accounts {
		if !slices.ContainsFunc(accounts, func(a prefetch.AccountState) bool { return a.Account.Name == name }) {
			doubts = append(doubts, fmt.Sprintf("there is no account %q", name))
		}
	}
	return doubts
}
