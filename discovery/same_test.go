package discovery_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery"
)

func TestParseTwiceListed(t *testing.T) {
	t.Parallel()
	in := "- {account: a, id: x, labels: {n: one}}\n- {account: a, id: x, foo: bar}\n\n- {account: a, id: x, labels: {n: two}}\n"
	tasks, problems, err := discovery.Parse([]byte(in), "t")
	if err != nil {
		t.Fatal(err)
	}
	if len(tasks) != 1 || tasks[0].Labels["n"] != "one" {
		t.Errorf("tasks are %v, want the first entry", tasks)
	}
	want := []discovery.Problem{
		{Place: "t:2", Entry: 2, Tasks: 1, Message: `task "x" of account "a": unknown key "foo" (known here: account, id, created, deadline, urls, labels)`},
		{Place: "t:4", Entry: 3, Tasks: 1, Message: `task "x" of account "a": is listed a second time, with other content; the entry at line 1 stands`},
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
	tasks, problems, err := discovery.Parse([]byte(in), "t")
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
	want := []discovery.Problem{{
		Place: "t:8", Entry: 7, Tasks: 1, Message: `task "b" of account "x": is listed a second time, with other content; the entry at line 4 stands`,
	}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// A list that a program wrote with an entry twice raises no alert for ever.
func TestSameEntriesAreNotRejected(t *testing.T) {
	t.Parallel()
	var l logs
	r := newReports()
	file := filepath.Join(t.TempDir(), "tasks.yml")
	write(t, file, "- {account: a, id: x}\n- {account: a, id: x}\n- {targets: [y, y], labels: {account: a}}\n")
	m := newManager(t, discovery.Options{Files: []string{file}, Reporter: r, Logger: l.logger()})
	m.Set(nil, []string{"a"})
	run(t, m)
	awaitIDs(t, m, "a/x file", "a/y file")
	if got := r.rejections()[discovery.RejectedInvalid]; got != 0 || l.count("level=WARN") != 0 {
		t.Errorf("%d are rejected, logged:\n%s", got, l.String())
	}
}
