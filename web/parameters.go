package web

import (
	"encoding"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/prefetch"
)

// The query parameters of the list of tasks, those of one task, and those of the
// sample of URLs.
const (
	paramAccount = "account"
	paramLabel   = "label"
	paramPhase   = "phase"
	paramLimit   = "limit"
	paramOffset  = "offset"
	paramPerTask = "per_task"
	paramStatus  = "status"
)

// How many rows of a task an answer has, unless it is asked for others.
const (
	defaultLimit = 1000
	maxLimit     = 10_000
	maxOffset    = 1_000_000 // more than any task has
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

// filter says which tasks an answer is of, and which of their URLs. What is empty
// leaves none out.
type filter struct {
	// A task is in any of these accounts and in any of these phases.
	accounts []string
	phases   []prefetch.Phase
	// It has all of these labels; a value may be empty, which a label that is
	// not there has, too.
	labels []labelValue
	// Of its URLs there are so many of each of these statuses.
	statuses []prefetch.Status
	perTask  int
}

type labelValue struct{ name, value string }

// parseFilter reads the parameters that choose tasks and URLs. A value that none can
// have is an error.
func parseFilter(values url.Values) (f filter, wrong *apiError) {
	f.accounts, f.perTask = values[paramAccount], defaultPerTask
	if slices.Contains(f.accounts, "") {
		return f, badData(paramAccount + ": is empty")
	}
	if f.phases, wrong = parseWords(values, paramPhase, prefetch.Phases()); wrong != nil {
		return f, wrong
	}
	for _, text := range values[paramLabel] {
		name, value, split := strings.Cut(text, "=")
		if !split || name == "" {
			return f, badData(fmt.Sprintf("%s: %q is not name=value, such as title=launch", paramLabel, text))
		}
		f.labels = append(f.labels, labelValue{name, value})
	}
	if wrong = (wholeNumber{paramPerTask, &f.perTask, 1, prefetch.MostSampled}).parse(values); wrong != nil {
		return f, wrong
	}
	if f.statuses, wrong = parseWords(values, paramStatus, prefetch.Statuses()); f.statuses == nil {
		f.statuses = []prefetch.Status{prefetch.Succeeded}
	}
	return f, wrong
}

// parseWords reads the values of a parameter, each of which is the name of one of a
// few things; what is given twice is there once.
func parseWords[T comparable, P interface {
	*T
	encoding.TextUnmarshaler
}](values url.Values, name string, all []T) (chosen []T, wrong *apiError) {
	for _, word := range values[name] {
		var one T
		if err := P(&one).UnmarshalText([]byte(word)); err != nil {
			words := strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ", "), "[]")
			return nil, badData(fmt.Sprintf("%s: %v; a %s is one of %s", name, err, name, words))
		}
		if !slices.Contains(chosen, one) {
			chosen = append(chosen, one)
		}
	}
	return chosen, nil
}

func (f *filter) hasAccount(name string) bool {
	return len(f.accounts) == 0 || slices.Contains(f.accounts, name)
}

// matches does not look at the account.
func (f *filter) matches(t *prefetch.TaskState) bool {
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
func (f *filter) doubts(accounts []prefetch.AccountState) []string {
	var doubts []string
	for _, name := range f.accounts {
		if !slices.ContainsFunc(accounts, func(a prefetch.AccountState) bool { return a.Account.Name == name }) {
			doubts = append(doubts, fmt.Sprintf("there is no account %q", name))
		}
	}
	return doubts
}

// part is which rows of a task are shown.
type part struct{ offset, limit int }

// firstRows are those that are shown unless others are asked for.
func firstRows() part { return part{limit: defaultLimit} }

func parsePart(values url.Values) (part, *apiError) {
	p := firstRows()
	for _, number := range []wholeNumber{{paramLimit, &p.limit, 1, maxLimit}, {paramOffset, &p.offset, 0, maxOffset}} {
		if wrong := number.parse(values); wrong != nil {
			return part{}, wrong
		}
	}
	return p, nil
}

// wholeNumber is a parameter that may be given once, and stays as it is if it is
// not.
type wholeNumber struct {
	name      string
	to        *int
	low, high int
}

func (w wholeNumber) parse(values url.Values) *apiError {
	texts := values[w.name]
	if len(texts) == 0 {
		return nil
	}
	n, err := strconv.Atoi(texts[0])
	if err != nil || len(texts) > 1 || n < w.low || n > w.high {
		return badData(fmt.Sprintf("%s: %s is not one whole number from %d to %d",
			w.name, strict.Quote(strings.Join(texts, ", ")), w.low, w.high))
	}
	*w.to = n
	return nil
}

// warnings say that rows were left out although nobody asked for a part.
func (p part) warnings(view taskDetail) []string {
	if p != firstRows() || view.URLListTotal == nil || *view.URLListTotal <= p.limit {
		return nil
	}
	return []string{fmt.Sprintf("url_list has the first %d URLs of %d; limit and offset tell which part it shall have",
		p.limit, *view.URLListTotal)}
}
