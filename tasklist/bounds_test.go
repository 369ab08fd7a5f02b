package tasklist_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
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
		_, _, err := parse(document, "name")
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
		tasks, problems, err := parse(document, "name")
		if len(tasks) != want || len(problems) > 0 || err != nil {
			t.Errorf("%.30q: %d tasks, %d problems, %v", document, len(tasks), len(problems), err)
		}
	}
}

// One entry can be wrong in as many places as a list.
func TestManyIssues(t *testing.T) {
	t.Parallel()
	document := `[{"account": "a", "id": "x", "urls": [` + strings.Repeat("0,", 10_000) + "0]}]"
	_, problems, err := parse(document, "name")
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

func TestParseTwiceListed(t *testing.T) {
	t.Parallel()
	in := "- {account: a, id: x, labels: {n: one}}\n- {account: a, id: x, foo: bar}\n\n- {account: a, id: x, labels: {n: two}}\n"
	tasks, problems, err := parse(in, "t")
	if err != nil {
		t.Fatal(err)
	}
	if len(tasks) != 1 || tasks[0].Labels["n"] != "one" {
		t.Errorf("tasks are %v, want the first entry", tasks)
	}
	want := []tasklist.Problem{
		{Place: "t:2", Entry: 2, Tasks: 1, Message: `task "x" of account "a": foo: unknown key; known here: account, id, created, deadline, urls, labels`},
		{Place: "t:4", Entry: 3, Tasks: 1, Message: `task "x" of account "a": id: is listed already, in line 1, with other content`},
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestParseSameEntries takes entries that say the same for one, however they are
// written.
func TestParseSameEntries(t *testing.T) {
	t.Parallel()
	in := `[
	{"account": "x", "id": "a", "created": "2026-11-21T08:00:00Z", "urls": ["https://h/1", "https://h/2"], "labels": {"n": "one", "m": "two"}},
	{"labels": {"m": "two", "n": "one"}, "urls": ["https://h/1", "https://h/2"], "created": "2026-11-21T16:00:00+08:00", "id": "a", "account": "x", "deadline": null},
	{"targets": ["b", "b"], "labels": {"account": "x", "n": "one", "__meta": "1"}},
	{"targets": ["b"], "labels": {"account": "x", "n": "one", "deadline": "", "__meta": "2"}},
	{"account": "x", "id": "b", "labels": {"n": "one"}},
	{"account": "y", "id": "b", "labels": {"n": "one"}},
	{"account": "x", "id": "b"}
]`
	tasks, problems, err := parse(in, "t")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, task := range tasks {
		got = append(got, task.Account+"/"+task.ID)
	}
	if diff := cmp.Diff([]string{"x/a", "x/b", "y/b"}, got); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	want := []tasklist.Problem{{
		Place: "t:8", Entry: 7, Tasks: 1, Message: `task "b" of account "x": id: is listed already, in line 4, with other content`,
	}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// A vendor may have two rows of a URL that was submitted twice, so the task is
// taken; but what it waits for is said.
func TestRepeatedURL(t *testing.T) {
	t.Parallel()
	tasks, problems, err := parse("- {account: a, id: x, urls: [https://h/a, https://h/b, https://h/a, https://h/b]}\n"+
		"- {account: a, id: y, urls: [https://h/a, https://h/A]}\n", "t")
	if err != nil || len(tasks) != 2 || len(tasks[0].URLs) != 4 {
		t.Fatalf("%v, %v", tasks, err)
	}
	want := []tasklist.Problem{{
		Place: "t:1", Entry: 1,
		Message: `task "x" of account "a": urls[2]: is listed already, as urls[0]: the task settles only when the vendor shows a row for each`,
	}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if doubts := (prefetch.Task{}).Doubts(); doubts != nil {
		t.Errorf("doubts of nothing: %q", doubts)
	}
}

// A list that was built wrongly has a problem in each entry. All of them count,
// and few are told.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	const entries = 1000
	document := "[" + strings.Repeat("0,", entries) + `{"targets": [[], "good", []], "labels": {"account": "a"}}]`
	tasks, problems, err := parse(document, "name")
	if err != nil || len(tasks) != 1 || len(problems) != 101 {
		t.Fatalf("%d tasks, %d problems, %v", len(tasks), len(problems), err)
	}
	lost := 0
	for _, problem := range problems {
		lost += problem.Tasks
	}
	want := tasklist.Problem{Place: "name:1", Entry: 101, Tasks: 902, More: 902, Message: "902 more problems are not told one by one"}
	if last := problems[100]; lost != entries+2 || last != want {
		t.Errorf("%d tasks are lost, the last problem is %+v, want %+v", lost, last, want)
	}
}
