package discovery_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery"
	"prefetch_exporter/discovery/files/filestest"
)

// slow is a tick that never comes in a test: what is seen was seen by a watch.
const slow = time.Hour

// The words of the tests.
var write, mkdir, rename, symlink, deleteAll = filestest.Write, filestest.Mkdir, filestest.Rename, filestest.Symlink, filestest.DeleteAll

// watched is a manager of files with the accounts a and b.
type watched struct {
	*manager

	reports *reports
	logs    *logs
}

func watch(t *testing.T, interval time.Duration, patterns ...string) watched {
	t.Helper()
	w := watched{reports: newReports(), logs: new(logs)}
	w.manager = newManager(t, options{
		Files: patterns, Interval: interval, Reporter: w.reports, Logger: w.logs.logger(),
	})
	w.Set(nil, []string{"a", "b"})
	return w
}

func TestFilesAreReadAtOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "1.yml"), "- {account: a, id: x}\n- {account: a, id: y, oops: 1}\n")
	write(t, filepath.Join(folder, "2.txt"), list("a/x", "b/z"))
	write(t, filepath.Join(folder, ".3.yml"), list("a/hidden"))
	mkdir(t, filepath.Join(folder, "4.yml"))
	// One file by two patterns, one pattern without any file, one without a folder.
	w := watch(t, slow, filepath.Join(folder, "*.yml"), filepath.Join(folder, "[12].*"),
		filepath.Join(folder, "*.json"), filepath.Join(folder, "later/*.yml"))

	wantIDs(t, w.manager, "a/x file", "b/z file")
	if !w.Complete() || !w.Known("file") {
		t.Error("files that were read are not known")
	}
	if h, _ := w.reports.source("files"); !h.up || h.success.IsZero() {
		t.Errorf("files are reported as %+v", h)
	}
	if diff := cmp.Diff(map[string]int{"invalid": 1, "unknown_account": 0}, w.reports.rejections()); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
	if w.logs.count(`unknown key`) != 1 || w.logs.count("1.yml:2") != 1 {
		t.Errorf("the log is\n%s", w.logs)
	}
}

func TestNoFilesNoReport(t *testing.T) {
	t.Parallel()
	w := watch(t, slow)
	if names := w.reports.names(); len(names) > 0 {
		t.Errorf("sources %v are reported though none is configured", names)
	}
}

func TestFilesComeChangeAndGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	w := watch(t, slow, filepath.Join(folder, "*.yml"))
	run(t, w.manager)
	one, two := filepath.Join(folder, "1.yml"), filepath.Join(folder, "2.yml")

	write(t, one, list("a/1"))
	awaitIDs(t, w.manager, "a/1 file")
	write(t, two, list("b/1", "a/1"))
	awaitIDs(t, w.manager, "a/1 file", "b/1 file")
	// In place, as by a shell's redirection.
	if err := os.WriteFile(one, []byte(list("a/2")), 0o600); err != nil {
		t.Fatal(err)
	}
	awaitIDs(t, w.manager, "a/1 file", "a/2 file", "b/1 file")
	deleteAll(t, two)
	awaitIDs(t, w.manager, "a/2 file")
	rename(t, one, one+".off")
	awaitIDs(t, w.manager)
}

func TestBrokenFileKeepsItsLastContent(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, other := filepath.Join(folder, "1.yml"), filepath.Join(folder, "2.yml")
	write(t, path, "- {account: a, id: '1'}\n- oops\n")
	write(t, other, list("b/1"))
	w := watch(t, slow, filepath.Join(folder, "*.yml"))
	run(t, w.manager)
	before, _ := w.reports.source("files")

	write(t, path, "")
	await(t, w.manager, "files to be down", func() bool { return !w.reports.up("files") })
	wantIDs(t, w.manager, "a/1 file", "b/1 file")
	if after, _ := w.reports.source("files"); after.success.Before(before.success) || !w.Known("file") {
		t.Errorf("the last success went from %v to %v", before.success, after.success)
	}
	if got := w.reports.rejections()["invalid"]; got != 1 {
		t.Errorf("%d are invalid, want that of the last good content", got)
	}

	// The rest goes on.
	write(t, other, list("b/2"))
	awaitIDs(t, w.manager, "a/1 file", "b/2 file")
	if w.reports.up("files") {
		t.Error("files are up while one is broken")
	}
	write(t, path, "- oops\n- {account: a, id: '2'}\n")
	awaitIDs(t, w.manager, "a/2 file", "b/2 file")
	if !w.reports.up("files") {
		t.Error("files are down though none is broken")
	}
	for text, want := range map[string]int{"is empty; an empty list is written []": 1, "can be read again": 1, `found \"oops\"`: 1} {
		if got := w.logs.count(text); got != want {
			t.Errorf("%q is logged %d times, want %d:\n%s", text, got, want, w.logs)
		}
	}
}

func TestBrokenFromTheStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, what := range map[string]string{
		"broken.yml": "{", "list.yml": "[]",
	} {
		write(t, filepath.Join(folder, name), what)
	}
	w := watch(t, slow, filepath.Join(folder, "*.yml"))
	h, _ := w.reports.source("files")
	if h.up || !h.success.IsZero() || !w.Complete() || w.Known("file") {
		t.Errorf("reported %+v, complete %v, known %v", h, w.Complete(), w.Known("file"))
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pipe, large := filepath.Join(folder, "pipe.yml"), filepath.Join(folder, "large.yml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 32<<20+1); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "file")
	write(t, file, list("a/1"))
	symlink(t, "nowhere", filepath.Join(folder, "dangling.yml"))
	symlink(t, "loop.yml", filepath.Join(folder, "loop.yml"))
	symlink(t, folder, filepath.Join(folder, "folder.yml"))
	w := watch(t, slow, filepath.Join(folder, "*.yml"), file, folder, filepath.Join(file, "*.yml"))

	wantIDs(t, w.manager, "a/1 file")
	if w.reports.up("files") {
		t.Error("files are up")
	}
	for _, want := range []string{
		"pipe.yml: is not a regular file",
		"large.yml: is larger than the limit of 33554432 bytes",
		"loop.yml: too many levels of symbolic links",
		folder + ": is not a regular file",
		"listing a folder: open " + file + ": not a directory",
	} {
		if w.logs.count(want) != 1 {
			t.Errorf("%q is not logged once:\n%s", want, w.logs)
		}
	}
	if got := w.logs.count("what was read before stays"); got != 5 {
		t.Errorf("%d complaints:\n%s", got, w.logs)
	}
}

// A folder that cannot be listed hides files; they did not vanish.
func TestUnlistableFolderKeepsItsFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "tasks")
	mkdir(t, folder)
	write(t, filepath.Join(folder, "1.yml"), list("a/1"))
	w := watch(t, slow, filepath.Join(folder, "*.yml"))
	reread := func() {
		t.Helper()
		update := discovery.Update{Accounts: []string{"a"}, Files: []string{filepath.Join(folder, "*.yml")}}
		if err := w.Reload(update); err != nil {
			t.Fatal(err)
		}
	}
	// A file in the place of the folder: permissions do not stop root.
	rename(t, folder, folder+".off")
	write(t, folder, "[]")
	reread()
	wantIDs(t, w.manager, "a/1 file")
	if w.reports.up("files") || w.Known("file") {
		t.Error("files are up or known though a folder could not be listed")
	}
	deleteAll(t, folder)
	reread()
	wantIDs(t, w.manager)
	if !w.reports.up("files") {
		t.Error("files are down though the folder is simply gone")
	}
}

// The tick finds what no watch can: here the target of a link elsewhere.
func TestSlowTick(t *testing.T) {
	t.Parallel()
	root, target := t.TempDir(), filepath.Join(t.TempDir(), "tasks")
	write(t, target, list("a/1"))
	symlink(t, target, filepath.Join(root, "linked.yml"))
	w := watch(t, 20*time.Millisecond, filepath.Join(root, "*.yml"))
	run(t, w.manager)
	awaitIDs(t, w.manager, "a/1 file")
	write(t, target, list("a/2"))
	awaitIDs(t, w.manager, "a/2 file")
}

// New patterns are watched at once.
func TestReloadWatchesAnew(t *testing.T) {
	t.Parallel()
	one, two := t.TempDir(), t.TempDir()
	w := watch(t, slow, filepath.Join(one, "*.yml"))
	run(t, w.manager)
	write(t, filepath.Join(one, "1.yml"), list("a/1"))
	awaitIDs(t, w.manager, "a/1 file")
	if err := w.Reload(discovery.Update{Accounts: []string{"a"}, Files: []string{filepath.Join(two, "*.yml")}}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, w.manager)
	// The first may be found by the reading that the reload asked for.
	for _, id := range []string{"2", "3"} {
		write(t, filepath.Join(two, "1.yml"), list("a/"+id))
		awaitIDs(t, w.manager, "a/"+id+" file")
	}
}

func TestManyProblemsAreLoggedBriefly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tasks.yml")
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "- {account: a, id: %d, oops: %d}\n", i, i)
	}
	text.WriteString("- {account: a, id: good}\n")
	write(t, path, text.String())
	w := watch(t, slow, path)
	run(t, w.manager)
	if got := w.logs.count("level=WARN"); got != 11 || w.logs.count("entries=490") != 1 {
		t.Errorf("%d lines:\n%s", got, w.logs)
	}
	// An entry that only moved is known to the log already.
	write(t, path, "- {account: a, id: new}\n"+text.String())
	awaitIDs(t, w.manager, "a/good file", "a/new file")
	if got := w.logs.count("level=WARN"); got != 11 {
		t.Errorf("%d lines:\n%s", got, w.logs)
	}
	if got := w.reports.rejections()["invalid"]; got != 500 {
		t.Errorf("%d are invalid, want 500", got)
	}
}

func TestBadPatterns(t *testing.T) {
	t.Parallel()
	const want = `task discovery: file pattern 2: "tasks/*.yml" is not an absolute path`
	patterns := []string{"/good/*.yml", "tasks/*.yml"}
	if err := discovery.Check(patterns, nil); err == nil || err.Error() != want {
		t.Errorf("Check: error is %v, want %s", err, want)
	}
	if err := newManager(t, options{}).Reload(discovery.Update{Files: patterns}); err == nil || err.Error() != want {
		t.Errorf("Reload: error is %v, want %s", err, want)
	}
}
