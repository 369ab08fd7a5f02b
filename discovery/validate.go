package discovery

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
)

// The bounds of what a task may say; those of the configuration, and for the
// same reasons.
const (
	// maxName bounds an account's name, a task's id and a label's name, in bytes.
	maxName = 256
	// maxLabelValue bounds a label's value, in bytes.
	maxLabelValue = 1024
	// maxURL bounds a URL, in bytes.
	maxURL = 2048
	// Times outside of these years are mistakes, such as seconds taken for years.
	minYear = 2000
	maxYear = 2199
)

// The labels of prefetch_task_info that are the exporter's own.
const (
	labelProvider = "provider"
	labelAccount  = "account"
	labelTask     = "task"
	labelStatus   = "status"
)

// Validate reports whether the task can be watched. The error names the fields
// that are wrong, the first 20, separated by "; ", and never speaks of the source.
//
// Account and id are not empty, at most 256 bytes long, not "." or "..", and
// do not begin or end with a blank. Times lie in the years 2000 to 2199, and the
// deadline is not before created. Label names match [a-zA-Z_][a-zA-Z0-9_]*, do
// not begin with "__" and are not provider, account, task or status; label
// values are at most 1024 bytes long. URLs begin with http:// or https:// and
// are at most 2048 bytes long. All texts are valid UTF-8 without control
// characters. Whether the account exists is not its question.
func Validate(task prefetch.Task) error {
	found := check(task)
	return found.err()
}

// Doubts says what is odd of a task that can be watched, as "field: what is
// odd": a URL that is listed twice. The vendor may have two rows of it if it was
// submitted twice; if it has one, the task waits for the other for ever.
func Doubts(task prefetch.Task) []string {
	var found issues
	first := make(map[string]int, len(task.URLs))
	for i, u := range task.URLs {
		if before, twice := first[u]; twice {
			found.addf(fmt.Sprintf("urls[%d]", i),
				"is listed already, as urls[%d]: the task settles only when the vendor shows a row for each", before)
			// One shows what is wrong with a list that was built wrongly.
			break
		}
		first[u] = i
	}
	return found
}

func check(task prefetch.Task) issues {
	var found issues
	found.checkName(labelAccount, task.Account)
	found.checkName("id", task.ID)
	found.checkTime("created", task.Created)
	found.checkTime("deadline", task.Deadline)
	if !task.Created.IsZero() && !task.Deadline.IsZero() && task.Deadline.Before(task.Created) {
		found.addf("deadline", "is before created")
	}
	for i, u := range task.URLs {
		found.checkURL(fmt.Sprintf("urls[%d]", i), u)
	}
	for _, name := range sortedKeys(task.Labels) {
		field := "labels." + abbreviate(name)
		if problem := labelNameProblem(name); problem != "" {
			found.addf(field, "%s", problem)
		}
		found.checkText(field, task.Labels[name], maxLabelValue)
	}
	return found
}

// checkName checks what becomes a label value and part of a path of the API.
func (found *issues) checkName(field, name string) {
	switch {
	case name == "":
		found.addf(field, "is missing or empty")
	case name == "." || name == "..":
		found.addf(field, "must not be . or .., which no address of the API can carry")
	case strings.TrimSpace(name) != name:
		found.addf(field, "begins or ends with a blank")
	default:
		found.checkText(field, name, maxName)
	}
}

// checkURL judges the beginning only: what a vendor makes of odd URLs is its
// own affair, and the rows must be recognised.
func (found *issues) checkURL(field, u string) {
	lower := strings.ToLower(u)
	if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
		found.addf(field, "must begin with http:// or https://")
		return
	}
	found.checkText(field, u, maxURL)
}

func (found *issues) checkText(field, text string, limit int) {
	switch {
	case len(text) > limit:
		found.addf(field, "is %d bytes long, more than %d", len(text), limit)
	case !utf8.ValidString(text):
		found.addf(field, "is not valid UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		found.addf(field, "contains a control character")
	}
}

func (found *issues) checkTime(field string, t time.Time) {
	if year := t.UTC().Year(); !t.IsZero() && (year < minYear || year > maxYear) {
		found.addf(field, "is not between the years %d and %d", minYear, maxYear)
	}
}

func labelNameProblem(name string) string {
	switch name {
	case labelProvider, labelAccount, labelTask, labelStatus:
		return "would hide a label of the exporter's own"
	case "":
		return "a label's name is empty"
	}
	if len(name) > maxName {
		return "the name is too long"
	}
	if strings.HasPrefix(name, "__") {
		return "names that begin with __ are reserved"
	}
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return "the name must match [a-zA-Z_][a-zA-Z0-9_]*"
		}
	}
	return ""
}
