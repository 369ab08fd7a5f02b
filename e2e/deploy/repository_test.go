package deploy_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// repository is its root, as seen from here.
const repository = "../.."

var update = flag.Bool("update", false, "write what is generated anew")

// inRepository returns the path of a file or folder of the repository.
func inRepository(elements ...string) string {
	return filepath.Join(append([]string{repository}, elements...)...)
}

// read returns what a file has.
func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// write puts text into a file, whose folder need not be there.
func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// built is the exporter, built once.
var built = sync.OnceValues(func() (string, error) {
	folder, err := filepath.Abs(inRepository(".build", "e2e", "deploy"))
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "prefetch_exporter")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = repository
	build.Stderr = os.Stderr
	return program, build.Run()
})

// exporter runs the exporter, which must end without an error.
func exporter(t *testing.T, args ...string) {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatalf("build the exporter: %v", err)
	}
	tool(t, program, args...)
}

// tool runs a program, which must end without an error, and returns what it says.
func tool(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(program), args, err, out)
	}
	return string(out)
}
