package tasklist_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A list whose dashes begin their lines is read in parts, and one that is indented
// as a whole: that must not make a difference, however the texts in it go on over
// lines that look like other entries.
func TestListsInPartsAreTheSame(t *testing.T) {
	t.Parallel()
	lines := []string{
		"- account: a", "  id: x", "  id: y", "- {account: a, id: z}", "- {account: a,", "  id: u}", "-", "- ", "-\tx", "- - 1",
		"  labels: {n: \"1", "- 2\"}", "  labels:", "    n: |", "      text", "- [", "  ]", "- ]", "  # a comment", "# - a comment", "",
		"  urls: [http://a", "- http://b]", "  urls:", "  - http://a", "    - http://a", "- targets: [p, q]", "  labels: {account: a}",
		"- 'it", "- isn''t'", "- &anchor x", "- *anchor", "word", "- a: >-", "    b", "- account: a  # why", "- ? a", "- !!str 1", "  \t", "- @",
	}
	rapid.Check(t, func(rt *rapid.T) {
		document := strings.Join(rapid.SliceOfN(rapid.SampledFrom(lines), 1, 12).Draw(rt, "lines"), "\n") + "\n"
		indented := " " + strings.TrimSuffix(strings.ReplaceAll(document, "\n", "\n "), " ")
		tasks, problems, err := parse(document, "name")
		wantTasks, wantProblems, wantErr := parse(indented, "name")
		if (err == nil) != (wantErr == nil) {
			rt.Fatalf("in parts: %v; as a whole: %v\n%s", err, wantErr, document)
		}
		if diff := cmp.Diff(wantTasks, tasks) + cmp.Diff(wantProblems, problems); diff != "" {
			rt.Fatalf("(-whole +in parts):\n%s\n%s", diff, document)
		}
	})
}

// A large document that cannot be read in parts is not read, and says why.
func TestLargeListsAreBlocks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ document, want string }{
		"flow":          {"[" + strings.Repeat("a,", 60_000) + "a]", "name: line 1: from here on the document is no list of which each entry begins with a dash"},
		"indented":      {strings.Repeat(" - {account: a, id: b}\n", 30_000), "name: line 1: from here on"},
		"a mistake":     {strings.Repeat("- {account: a, id: b}\n", 30_000) + "- ]\n", "name: line 29781: from here on"},
		"a key":         {strings.Repeat("- {account: a, id: b}\n", 30_000) + "word: x\n", "name: line 30001: from here on"},
		"two documents": {strings.Repeat("- {account: a, id: b}\n", 30_000) + "---\n", "name: line 30001: from here on"},
		"small mistake": {"- a\n- ]\n", "is neither JSON nor YAML: line 2"},
	} {
		if _, _, err := parse(c.document, "name"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.300v, want %q", name, err, c.want)
		}
	}
}

// Entries and tasks of a document are bounded, and an entry that is too large is one
// problem.
func TestBoundsOfDocuments(t *testing.T) {
	t.Parallel()
	good := `{"account":"a","id":"good"}`
	large := `{"account":"a","id":"large","urls":[` + strings.Repeat(`"http://u",`, 60_000) + `"http://u"]}`
	for name, document := range map[string]string{
		"JSON": "[" + large + ",\n" + good + "]",
		"YAML": "# " + strings.Repeat("-", 100) + "\n- " + large + "\n- " + good + "\n",
	} {
		tasks, problems, err := parse(document, "name")
		if err != nil || len(tasks) != 1 || tasks[0].ID != "good" || len(problems) != 1 ||
			problems[0].Message != "the entry has more than 50000 elements" || problems[0].Entry != 1 || problems[0].Tasks != 1 {
			t.Errorf("%s: %d tasks, problems %+v, %v", name, len(tasks), problems, err)
		}
	}
	var ids strings.Builder
	for i := range 30_000 {
		ids.WriteString(`,"` + strings.Repeat("x", 1+i%200) + string(rune('a'+i%26)) + strings.Repeat("y", i/200) + `"`)
	}
	group := func(account string) string {
		return `{"labels":{"account":"` + account + `"},"targets":[` + ids.String()[1:] + `]}`
	}
	_, _, err := parse("["+group("a")+",\n"+group("b")+"]", "name")
	if err == nil || !strings.Contains(err.Error(), "name: line 2: the document has more than 50000 tasks up to here") {
		t.Errorf("60,000 tasks: %v", err)
	}
}
