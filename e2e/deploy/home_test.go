package deploy_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestHome moves a clone to another address by the one line that CONTRIBUTING.md
// names: every import, of tests too, must lead somewhere then.
func TestHome(t *testing.T) {
	t.Parallel()
	clone := filepath.Join(t.TempDir(), "clone")
	tool(t, "git", "clone", "--quiet", repository, clone)
	module := filepath.Join(clone, "go.mod")
	_, rest, _ := bytes.Cut(read(t, module), []byte("\n"))
	write(t, module, append([]byte("module example.com/owner/prefetch_exporter\n"), rest...))
	tool(t, filepath.Join(clone, "scripts", "home"))
	for _, folder := range []string{".", "e2e", "e2e/deploy"} {
		list := exec.CommandContext(t.Context(), "go", "list", "-test", "-deps", "./...")
		list.Dir = filepath.Join(clone, folder)
		if out, err := list.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", folder, err, out)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", clone, "grep", "-nE", `^\s+"prefetch_exporter/`).Output(); err == nil {
		t.Errorf("imports of the old address:\n%s", out)
	}
}
