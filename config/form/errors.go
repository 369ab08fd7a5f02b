package form

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one problem in a configuration file, at the place where it is. It
// contains no secret.
type Error struct {
	// File is the configuration file as it was given to [Load].
	File string
	// Line is where the problem is, from 1. What is missing is reported where
	// it should have been.
	Line int
	// Field is the path of the key, such as "accounts[0].rate_limit.calls",
	// or "document" where the file as a whole is meant.
	Field string
	// Message says what is wrong.
	Message string
	// Err is the cause, for errors.Is and errors.As; nil where there is none.
	Err error
}

// Error returns "file:line: field: message".
func (e Error) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Field, e.Message)
}

// Unwrap returns the cause; nil where there is none.
func (e Error) Unwrap() error { return e.Err }

// Errors is every problem found in one configuration file, sorted by line.
type Errors []Error

// Error returns one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems, for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

// Sort sorts problems by line and keeps the order in which problems of one line
// were found.
func (e Errors) Sort() {
	slices.SortStableFunc(e, func(a, b Error) int { return cmp.Compare(a.Line, b.Line) })
}
