// Package filestest changes files and folders in tests, and fails a test where that
// cannot be done.
package filestest

import (
	"os"
	"path/filepath"
	"testing"
)

// Write replaces a file as careful programs do, and makes the folders above it.
func Write(t *testing.T, path, text string) {
	t.Helper()
	Mkdir(t, filepath.Dir(path))
	draft := path + ".draft"
	must(t, os.WriteFile(draft, []byte(text), 0o600))
	Rename(t, draft, path)
}

// Mkdir makes a folder and those above it.
func Mkdir(t *testing.T, path string) {
	t.Helper()
	must(t, os.MkdirAll(path, 0o700))
}

// Rename moves a file or a folder.
func Rename(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.Rename(from, to))
}

// Symlink makes a link to what need not exist.
func Symlink(t *testing.T, target, path string) {
	t.Helper()
	must(t, os.Symlink(target, path))
}

// DeleteAll deletes a file, or a folder with all that is in it.
func DeleteAll(t *testing.T, path string) {
	t.Helper()
	must(t, os.RemoveAll(path))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
