package discovery_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"prefetch_exporter/discovery"
	"prefetch_exporter/prefetch"
)

// TestTooManyElements has documents that are short for what they would take as
// nodes. They are refused before a parser sees them: less is allocated than a
// node for each element would need by far.
//
//nolint:paralleltest // measures memory
func TestTooManyElements(t *testing.T) {
	const many = 600_000
	for name, document := range map[string]string{
		"JSON":             "[" + strings.Repeat("0,", many) + "0]",
		"JSON in lines":    "[" + strings.Repeat("0,\n", many) + "0]",
		"JSON lists":       "[" + strings.Repeat("[],", many) + "0]",
		"JSON URLs":        `[{"account": "a", "id": "b", "urls": [` + strings.Repeat("0,", many) + "0]}]",
		"flow":             "[" + strings.Repeat("a,", many) + "a]",
		"flow pairs":       "[" + strings.Repeat("a: b,", many) + "a]",
		"flow mappings":    "[" + strings.Repeat("{a},", many) + "a]",
		"block":            strings.Repeat("-\n", many),
		"block, CR":        strings.Repeat("-\r", many),
		"block, NEL":       strings.Repeat("-\u0085", many),
		"nested in a line": strings.Repeat("- - - -\n", many/4+1),
		"nested by tabs":   strings.Repeat("-\t-\t-\t-\n", many/4+1),
		"keys":             strings.Repeat("a:\n", many),
		"second document":  "[]\n--- [" + strings.Repeat("a,", many) + "a]",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := discovery.Parse([]byte(document), "name")
		runtime.ReadMemStats(&after)
		if err == nil || !strings.HasPrefix(err.Error(), "name: line ") || !strings.Contains(err.Error(), "more than 500000 elements") {
			t.Errorf("%s: got error %v", name, err)
		}
		if each := float64(after.TotalAlloc-before.TotalAlloc) / many; each > 20 {
			t.Errorf("%s: %.0f B were allocated for each element", name, each)
		}
	}
}

// Documents as they are written with as much as is allowed, or a tenth of it where
// each element has a line of its own: YAML is slow to read.
func TestManyElements(t *testing.T) {
	t.Parallel()
	var ids, lines strings.Builder
	const inLine, inLines = 49_980, 16_000
	for i := range inLine {
		fmt.Fprintf(&ids, `,"%d"`, i)
	}
	for i := range inLines {
		fmt.Fprintf(&lines, "- account: a\n  id: %d\n  urls:\n    - https://example.com/%d\n", i, i)
	}
	for document, want := range map[string]int{
		`[{"labels": {"account": "a"}, "targets": [` + ids.String()[1:] + `]}]`: inLine,
		lines.String(): inLines,
	} {
		tasks, problems, err := discovery.Parse([]byte(document), "name")
		if len(tasks) != want || len(problems) > 0 || err != nil {
			t.Errorf("%.30q: %d tasks, %d problems, %v", document, len(tasks), len(problems), err)
		}
	}
}

// A list that was built wrongly has a problem in each entry. All of them count,
// and few are told.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	const entries = 1000
	document := "[" + strings.Repeat("0,", entries) + `{"targets": [[], "good", []], "labels": {"account": "a"}}]`
	tasks, problems, err := discovery.Parse([]byte(document), "name")
	if err != nil || len(tasks) != 1 || len(problems) != 101 {
		t.Fatalf("%d tasks, %d problems, %v", len(tasks), len(problems), err)
	}
	lost := 0
	for _, problem := range problems {
		lost += problem.Tasks
	}
	want := discovery.Problem{Place: "name:1", Entry: 101, Tasks: 902, More: 902, Message: "902 more problems are not told one by one"}
	if last := problems[100]; lost != entries+2 || last != want {
		t.Errorf("%d tasks are lost, the last problem is %+v, want %+v", lost, last, want)
	}

	var l logs
	r := newReports()
	file := filepath.Join(t.TempDir(), "tasks.json")
	write(t, file, document)
	m := newManager(t, discovery.Options{Files: []string{file}, Reporter: r, Logger: l.logger()})
	m.Set(nil, []string{"a"})
	wantIDs(t, m, "a/good file")
	if got := r.rejections()[discovery.RejectedInvalid]; got != entries+2 {
		t.Errorf("%d are rejected, want %d", got, entries+2)
	}
	if l.count("an entry is unusable") != 10 || l.count("more entries have problems") != 1 || l.count("entries=992") != 1 {
		t.Errorf("logged:\n%s", l.String())
	}
}

// One entry can be wrong in as many places as a list.
func TestManyIssues(t *testing.T) {
	t.Parallel()
	document := `[{"account": "a", "id": "x", "urls": [` + strings.Repeat("0,", 10_000) + "0]}]"
	_, problems, err := discovery.Parse([]byte(document), "name")
	if err != nil || len(problems) != 1 {
		t.Fatalf("%d problems, %v", len(problems), err)
	}
	text := problems[0].Message
	if !strings.Contains(text, "urls[19]: ") || strings.Contains(text, "urls[20]: ") || !strings.HasSuffix(text, "; and more") {
		t.Errorf("the problem is told as %.3000q", text)
	}
	err = prefetch.Task{Account: "a", ID: "x", URLs: make([]string, 100_000)}.Validate()
	if err == nil || len(err.Error()) > 3000 {
		t.Errorf("the task API would tell %.3000q", err)
	}
}
