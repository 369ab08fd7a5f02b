package stack_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTools has the tools of both releases check what users are given, and run
// the rules' own tests.
func TestTools(t *testing.T) {
	t.Parallel()
	tests, err := filepath.Glob(filepath.Join(alertsFolder, "tests", "*_test.yml"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests of rules: %v", err)
	}
	for i, file := range tests {
		tests[i] = filepath.Join("tests", filepath.Base(file))
	}
	for _, r := range releases(t) {
		for _, command := range [][]string{
			{r.promtool, "check", "rules", "--lint=all", "--lint-fatal", rulesFile, settingsFile},
			append([]string{r.promtool, "test", "rules"}, tests...),
			{r.amtool, "check-config", exampleFile},
		} {
			what := r.name + " " + filepath.Base(command[0]) + " " + command[1]
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				tool := exec.CommandContext(t.Context(), command[0], command[1:]...)
				tool.Dir = alertsFolder
				if out, err := tool.CombinedOutput(); err != nil {
					t.Errorf("%s %s: %v\n%s", version(t, command[0]), what, err, out)
				}
			})
		}
	}
}
