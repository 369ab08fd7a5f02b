package discovery_test

import (
	"path/filepath"
	"strings"
	"testing"

	"prefetch_exporter/discovery"
)

// A list that was built wrongly has a problem in each entry. All of them count,
// and few are told.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	const entries = 1000
	document := "[" + strings.Repeat("0,", entries) + `{"targets": [[], "good", []], "labels": {"account": "a"}}]`
	var l logs
	r := newReports()
	file := filepath.Join(t.TempDir(), "tasks.json")
	write(t, file, document)
	m := newManager(t, options{Files: []string{file}, Reporter: r, Logger: l.logger()})
	m.Set(nil, []string{"a"})
	wantIDs(t, m, "a/good file")
	if got := r.rejections()[discovery.RejectedInvalid]; got != entries+2 {
		t.Errorf("%d are rejected, want %d", got, entries+2)
	}
	if l.count("an entry is unusable") != 10 || l.count("more entries have problems") != 1 || l.count("entries=992") != 1 {
		t.Errorf("logged:\n%s", l.String())
	}
}

const repeated = "- {account: a, id: x, urls: [https://h/a, https://h/b, https://h/a, https://h/b]}\n- {account: a, id: y, urls: [https://h/a, https://h/A]}\n"

func TestRepeatedURLIsLogged(t *testing.T) {
	t.Parallel()
	var l logs
	r := newReports()
	file := filepath.Join(t.TempDir(), "tasks.yml")
	write(t, file, repeated)
	m := newManager(t, options{Files: []string{file}, Reporter: r, Logger: l.logger()})
	m.Set(nil, []string{"a"})
	run(t, m)
	awaitIDs(t, m, "a/x file", "a/y file")
	if l.count("an entry is odd") != 1 || l.count("urls[2]: is listed already") != 1 || r.rejections()[discovery.RejectedInvalid] != 0 {
		t.Errorf("rejected %v, logged:\n%s", r.rejections(), l.String())
	}
}

// A list that a program wrote with an entry twice raises no alert for ever.
func TestSameEntriesAreNotRejected(t *testing.T) {
	t.Parallel()
	var l logs
	r := newReports()
	file := filepath.Join(t.TempDir(), "tasks.yml")
	write(t, file, "- {account: a, id: x}\n- {account: a, id: x}\n- {targets: [y, y], labels: {account: a}}\n")
	m := newManager(t, options{Files: []string{file}, Reporter: r, Logger: l.logger()})
	m.Set(nil, []string{"a"})
	run(t, m)
	awaitIDs(t, m, "a/x file", "a/y file")
	if got := r.rejections()[discovery.RejectedInvalid]; got != 0 || l.count("level=WARN") != 0 {
		t.Errorf("%d are rejected, logged:\n%s", got, l.String())
	}
}
