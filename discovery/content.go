package discovery

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

// maxDocument bounds a file and the body of an HTTP source, in bytes.
const maxDocument = 32 << 20

// content is what a file or an HTTP source said when it was last readable, and
// whether it is now. It never changes: each reading makes a new one, and a
// reading that tells nothing new returns the one before.
type content struct {
	tasks []prefetch.Task
	// problems are those of the last list, be it that none of it can be used.
	problems []tasklist.Problem
	// known: there was a good reading, and tasks are of the last.
	known bool
	// err is why the present state of the source cannot be used; nil if it can.
	err error

	// sum is of the document that was parsed last; it means something only
	// where parsed is set.
	sum    [sha256.Size]byte
	parsed bool
}

// read takes in a document. A broken one, and one of which no entry can be used,
// leaves the last good tasks in place.
//
// shown makes what is said of the document fit to be shown.
func (c *content) read(data []byte, name, source string, shown func(string) string) *content {
	sum := sha256.Sum256(data)
	if c.parsed && c.sum == sum {
		return c
	}
	list, err := tasklist.Parse(data, name)
	if err != nil {
		list = &tasklist.List{}
	}
	for i := range list.Problems {
		list.Problems[i].Message = shown(list.Problems[i].Message)
	}
	unusable := len(list.Tasks) == 0 && len(list.Problems) > 0
	if unusable {
		// That is what a program writes which was changed by mistake, and not the
		// wish to watch nothing.
		err = fmt.Errorf("%s: none of its entries can be used", name)
	}
	if err != nil {
		broken := c.fail(errors.New(shown(err.Error())))
		broken.sum, broken.parsed = sum, true
		if unusable {
			broken.problems = list.Problems
		}
		return broken
	}
	for i := range list.Tasks {
		list.Tasks[i].Source = source
	}
	return &content{tasks: list.Tasks, problems: list.Problems, known: true, sum: sum, parsed: true}
}

// asItIs is for a document that is the user's own.
func asItIs(text string) string { return text }

// fail records that the source could not be read.
func (c *content) fail(err error) *content {
	if c.err != nil && !c.parsed && c.err.Error() == err.Error() {
		return c
	}
	failed := *c
	// The same document may come back, and would be called good or broken anew.
	failed.err, failed.parsed = err, false
	return &failed
}

// invalid returns how many tasks of the last list are unusable.
func (c *content) invalid() int {
	count := 0
	for _, problem := range c.problems {
		count += problem.Tasks
	}
	return count
}

// newProblems returns the problems of c that before did not have.
func (c *content) newProblems(before *content) []tasklist.Problem {
	return slices.DeleteFunc(slices.Clone(c.problems), func(p tasklist.Problem) bool {
		return slices.ContainsFunc(before.problems, func(known tasklist.Problem) bool { return known.Message == p.Message })
	})
}

// again records that the source says what it said at the last good reading.
func (c *content) again() *content {
	if c.err == nil {
		return c
	}
	good := *c
	good.err = nil
	return &good
}
