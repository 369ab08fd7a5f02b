package stack_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestTools has the tools of both releases check what users are given, and run
// the rules' own tests.
func TestTools(t *testing.T) {
	t.Parallel()
	tests, native := ruleTests(t, "tests"), ruleTests(t, filepath.Join("tests", "native"))
	for _, r := range releases(t) {
		tests := tests
		if r.native {
			tests = slices.Concat(tests, native)
		}
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

// ruleTests are the files of tests in a folder of the alerts.
func ruleTests(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(alertsFolder, folder, "*_test.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of rules in %s: %v", folder, err)
	}
	for i, file := range files {
		files[i] = filepath.Join(folder, filepath.Base(file))
	}
	return files
}
