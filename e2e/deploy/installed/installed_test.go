package installed_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	repository = "../../.."
	// debianVariable names a folder with a Debian that has systemd, rpm, git, make
	// and curl; `make packagetest` makes it.
	debianVariable = "E2E_DEBIAN"
	// longest bounds a scenario; each takes seconds.
	longest = 5 * time.Minute
)

// debian returns the folder of the Debian that the tests run in.
func debian(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("only root can start a system: run make packagetest with sudo")
	}
	folder := os.Getenv(debianVariable)
	if folder == "" {
		t.Fatalf("%s is not set: run make packagetest", debianVariable)
	}
	return folder
}

// run runs a program, whose output the test shows, and returns its error.
func run(t *testing.T, name string, args ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	return cmd.Run()
}

// copied copies a file of this folder into another, with the words replaced.
func copied(t *testing.T, name, to string, words ...string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const executable = 0o700
	text = []byte(strings.NewReplacer(words...).Replace(string(text)))
	if err := os.WriteFile(filepath.Join(to, name), text, executable); err != nil {
		t.Fatal(err)
	}
}

// TestPackages installs, configures, starts, upgrades and removes the packages in a
// Debian that systemd boots; scenario.sh has the steps.
//
//nolint:paralleltest // the packages are built once, and one system runs at a time
func TestPackages(t *testing.T) {
	root, packages := debian(t), t.TempDir()
	for version, folder := range map[string]string{"0.0.9": "old", "0.1.0": "new"} {
		err := run(t, "make", "--no-print-directory", "-C", repository, "packages", "VERSION="+version,
			"CROSS="+filepath.Join(packages, "cross"), "DIST="+filepath.Join(packages, folder))
		if err != nil {
			t.Fatalf("make packages: %v", err)
		}
	}
	for _, kind := range []string{"deb", "rpm"} {
		t.Run(kind, func(t *testing.T) {
			scenario := t.TempDir()
			copied(t, "scenario.sh", scenario)
			copied(t, "scenario.service", scenario, "KIND", kind)
			// Its network is its own, with nothing but loopback, and what it writes is
			// thrown away.
			err := run(t, "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
				"--directory="+root, "--volatile=overlay", "--console=pipe",
				"--bind-ro="+packages+":/packages", "--bind="+scenario+":/scenario",
				"--bind-ro="+filepath.Join(scenario, "scenario.service")+":/etc/systemd/system/scenario.service",
				"--boot", "systemd.unit=scenario.service")
			said, readErr := os.ReadFile(filepath.Join(scenario, "log"))
			if readErr != nil {
				t.Errorf("the scenario said nothing: %v", readErr)
			}
			if _, writeErr := t.Output().Write(said); writeErr != nil {
				t.Error(writeErr)
			}
			if err != nil || !strings.HasSuffix(string(said), "== all passed\n") {
				t.Errorf("the scenario failed: %v", err)
			}
		})
	}
}

// TestImage builds the image from a clone and starts it; image.sh has the steps.
//
//nolint:paralleltest // one after the other
func TestImage(t *testing.T) {
	root, clone := debian(t), filepath.Join(t.TempDir(), "clone")
	if err := run(t, "git", "clone", "--quiet", repository, clone); err != nil {
		t.Fatalf("git clone: %v", err)
	}
	if err := run(t, "bash", "image.sh", clone, root); err != nil {
		t.Errorf("the image: %v", err)
	}
}
