package exporter_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"prefetch_exporter/e2e/internal/run"
)

// TestTool is what a pipeline sees of the real prefetchtool against the real
// exporter: exit codes and words.
func TestTool(t *testing.T) {
	t.Parallel()
	demo := startDemo(t)
	tool := filepath.Join(t.TempDir(), "prefetchtool")
	build := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", tool, "./cmd/prefetchtool")
	build.Dir = run.Repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build prefetchtool: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		args []string
		url  string
		code int
		want string
	}{
		{[]string{"ready"}, demo.URL, 0, `^Ready\n$`},
		{[]string{"wait", "ali-demo", "launch-done", "--timeout=30s"}, demo.URL, 0, `ali-demo/launch-done is warm: 24 of 24 URLs succeeded\n$`},
		{[]string{"wait", "ali-demo", "launch-stuck", "--timeout=1s"}, demo.URL, 2, `ali-demo/launch-stuck is not warm after 1s \(`},
		{[]string{"tasks", "--account=cn-demo", "--phase=settled"}, demo.URL, 0, `(?m)^cn-demo +launch-done +settled +24 of 24`},
		{[]string{"accounts"}, demo.URL, 0, `(?m)^edge-demo +cdnetworks +yes `},
		{[]string{"put", "ali-demo", "new"}, demo.URL, 5, `^prefetchtool: forbidden \(HTTP 403\): `},
		{[]string{"wait", "ali-demo", "launch-done", "--timeout=1s"}, "http://127.0.0.1:1", 4, `ali-demo/launch-done after 1s: the exporter cannot be reached`},
	} {
		cmd := exec.CommandContext(t.Context(), tool, tt.args...)
		cmd.Env = append(os.Environ(), "PREFETCH_EXPORTER_URL="+tt.url)
		out, err := cmd.CombinedOutput()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != tt.code || !regexp.MustCompile(tt.want).Match(out) {
			t.Errorf("%v: exit %d, want %d with %s:\n%s", tt.args, code, tt.code, tt.want, out)
		}
	}
}
