package tasklist_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The lists that the documentation shows are lists that work.
func TestDocumentedLists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/discovery.md")
	if err != nil {
		t.Fatal(err)
	}
	lists := 0
	for _, block := range regexp.MustCompile("(?s)```(?:yaml|json)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(block[1], "-") && !strings.HasPrefix(block[1], "[") {
			continue
		}
		lists++
		tasks, problems, err := parse(block[1], "docs/discovery.md")
		if err != nil || len(problems) > 0 || len(tasks) == 0 {
			t.Errorf("%d tasks, problems %v, error %v of\n%s", len(tasks), problems, err, block[1])
		}
	}
	if lists != 3 {
		t.Errorf("%d lists are shown, want one of each form", lists)
	}
}
