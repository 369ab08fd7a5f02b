package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Repository is the exporter's folder, as seen from a test's: every package with
// tests is two folders below it.
const Repository = "../.."

// built is the exporter, built once a test program with the race detector, which
// lets it end with an error if it sees a race.
//
//nolint:gochecknoglobals // never assigned again; shared by all tests of a program
var built = sync.OnceValues(func() (program string, err error) {
	folder, err := filepath.Abs(filepath.Join(Repository, ".build", "e2e"))
	if err != nil {
		return "", fmt.Errorf("where to put the exporter: %w", err)
	}
	const ownersAndGroups = 0o750
	if err := os.MkdirAll(folder, ownersAndGroups); err != nil {
		return "", fmt.Errorf("where to put the exporter: %w", err)
	}
	// Other packages' tests build and run it at the same time, so that it must
	// change as a whole.
	fresh, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return "", fmt.Errorf("where to put the exporter: %w", err)
	}
	defer os.RemoveAll(fresh)
	const name = "prefetch_exporter"
	//nolint:gosec // a path of its own making
	build := exec.CommandContext(context.Background(), "go", "build", "-race", "-o", filepath.Join(fresh, name), ".")
	build.Dir = Repository
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the exporter: %w\n%s", err, out)
	}
	program = filepath.Join(folder, name)
	if err := os.Rename(filepath.Join(fresh, name), program); err != nil {
		return "", fmt.Errorf("put the exporter in place: %w", err)
	}
	return program, nil
})

// Exporter returns the path of the exporter's program, which it builds at the
// first call.
func Exporter(t testing.TB) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return program
}
