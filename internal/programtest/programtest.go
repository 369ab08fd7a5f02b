// Package programtest is for tests that need another program: one of this machine, or
// one that runs again and again. The exporter must not use it.
package programtest

import (
	"os"
	"os/exec"
	"testing"
)

// Path returns where an installed program is. Without it the test fails where CI is
// set, as .ci/run does, and is skipped elsewhere.
func Path(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("%v; run make deps", err)
	default:
		t.Skipf("%v; run make deps", err)
	}
	return path
}
