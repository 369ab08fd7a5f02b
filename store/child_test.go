//go:build linux

package store_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// The tests that kill a process, limit it or fill its disk run on Linux only;
// all others run everywhere.

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		os.Exit(runChild(child))
	}
	goleak.VerifyTestMain(m)
}

// childVariable makes the test binary run as one of the children below instead
// of running tests.
const childVariable = "STORE_TEST_CHILD"

// child returns a command that runs this test binary as the named child.
func child(ctx context.Context, name, folder string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], folder)
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

func runChild(name string) int {
	folder := os.Args[len(os.Args)-1]
	run, ok := map[string]func(folder string) error{
		"write":    writeForEver,
		"tmpfs":    writeOnFullDisk,
		"limit":    writeUnderLimit,
		"truncate": writeTruncated,
	}[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such child:", name)
		return 1
	}
	if err := run(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
