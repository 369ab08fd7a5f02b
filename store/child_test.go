//go:build unix

package store_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

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
