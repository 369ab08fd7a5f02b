package files_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/discovery/files"
)

func TestFilesComeChangeAndGo(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	w := watch(t, root, slow, filepath.Join(root, "*.yml"))
	w.await(t)
	one, two := filepath.Join(root, "1.yml"), filepath.Join(root, "2.yml")
	write(t, one, "a")
	w.await(t, "1.yml=a")
	write(t, two, "b")
	w.await(t, "1.yml=a", "2.yml=b")
	// In place, as by a shell's redirection.
	if err := os.WriteFile(one, []byte("c"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.await(t, "1.yml=c", "2.yml=b")
	deleteAll(t, two)
	w.await(t, "1.yml=c")
	rename(t, one, one+".off")
	w.await(t)
}

func TestFolderThatComesLater(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	w := watch(t, root, slow, filepath.Join(root, "x/y/tasks/*.yml"))
	w.await(t)
	for _, text := range []string{"1", "2"} {
		// Built aside and moved into place: the watch on root sees only the folder.
		write(t, filepath.Join(root, "draft/y/tasks/1.yml"), text)
		rename(t, filepath.Join(root, "draft"), filepath.Join(root, "x"))
		w.await(t, "x/y/tasks/1.yml="+text)
		write(t, filepath.Join(root, "x/y/tasks/2.yml"), text)
		w.await(t, "x/y/tasks/1.yml="+text, "x/y/tasks/2.yml="+text)
		deleteAll(t, filepath.Join(root, "x"))
		w.await(t)
	}
}

func TestFolderMadeStepByStep(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	w := watch(t, root, slow, filepath.Join(root, "x/y/tasks/*.yml"))
	w.await(t)
	write(t, filepath.Join(root, "x/y/tasks/1.yml"), "1")
	w.await(t, "x/y/tasks/1.yml=1")
}

// A file in the place of a folder is no reason to miss the folder that comes after.
func TestFolderInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "x"), "no folder")
	w := watch(t, root, slow, filepath.Join(root, "x/y/*.yml"))
	w.await(t, "listing a folder: open "+root+"/x/y: not a directory")
	deleteAll(t, filepath.Join(root, "x"))
	w.await(t)
	write(t, filepath.Join(root, "x/y/1.yml"), "1")
	w.await(t, "x/y/1.yml=1")
}

func TestWildcardFolders(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, team := range []string{"red", "blue", ".hidden"} {
		write(t, filepath.Join(root, team, "tasks.yml"), team)
	}
	w := watch(t, root, slow, filepath.Join(root, "*/tasks.yml"))
	w.await(t, "blue/tasks.yml=blue", "red/tasks.yml=red")
	write(t, filepath.Join(root, "green/tasks.yml"), "green")
	w.await(t, "blue/tasks.yml=blue", "green/tasks.yml=green", "red/tasks.yml=red")
	deleteAll(t, filepath.Join(root, "red"))
	w.await(t, "blue/tasks.yml=blue", "green/tasks.yml=green")
}

// Kubernetes' volumes hold links into a folder that is swapped as a whole.
func TestConfigMapVolume(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	generation := func(name, text string) {
		write(t, filepath.Join(volume, name, "tasks.yml"), text)
		symlink(t, name, filepath.Join(volume, "..data_tmp"))
		rename(t, filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data"))
	}
	generation("..2026_1", "1")
	symlink(t, "..data/tasks.yml", filepath.Join(volume, "tasks.yml"))
	w := watch(t, volume, slow, filepath.Join(volume, "*.yml"))
	w.await(t, "tasks.yml=1")
	generation("..2026_2", "2")
	deleteAll(t, filepath.Join(volume, "..2026_1"))
	w.await(t, "tasks.yml=2")
}

// The tick finds what no watch can: here the target of a link elsewhere, and a
// link to a folder that is set anew.
func TestSlowTick(t *testing.T) {
	t.Parallel()
	root, elsewhere := t.TempDir(), t.TempDir()
	target := filepath.Join(elsewhere, "tasks")
	write(t, target, "1")
	symlink(t, target, filepath.Join(root, "a.yml"))
	symlink(t, filepath.Join(elsewhere, "1"), filepath.Join(elsewhere, "current"))
	symlink(t, filepath.Join(elsewhere, "current"), filepath.Join(root, "b"))
	for _, release := range []string{"1", "2"} {
		write(t, filepath.Join(elsewhere, release, "b.yml"), release)
	}
	w := watch(t, root, 20*time.Millisecond, filepath.Join(root, "*.yml"), filepath.Join(root, "b/*.yml"))
	w.await(t, "a.yml=1", "b/b.yml=1")
	write(t, target, "2")
	w.await(t, "a.yml=2", "b/b.yml=1")
	symlink(t, filepath.Join(elsewhere, "2"), filepath.Join(elsewhere, "next"))
	rename(t, filepath.Join(elsewhere, "next"), filepath.Join(elsewhere, "current"))
	w.await(t, "a.yml=2", "b/b.yml=2")
}

// After a link to a folder was set anew, the new folder is watched.
func TestReplacedFolderIsWatched(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "1/1.yml"), "1")
	mkdir(t, filepath.Join(root, "2"))
	symlink(t, "1", filepath.Join(root, "current"))
	w := watch(t, root, slow, filepath.Join(root, "current/*.yml"))
	w.await(t, "current/1.yml=1")
	symlink(t, "2", filepath.Join(root, "next"))
	rename(t, filepath.Join(root, "next"), filepath.Join(root, "current"))
	w.asked <- struct{}{} // in the place of the slow tick
	w.await(t)
	write(t, filepath.Join(root, "2/1.yml"), "2")
	w.await(t, "current/1.yml=2")
}

// What cannot be watched is said once, and is no reason to miss the rest.
func TestFolderThatCannotBeWatched(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	bad := filepath.Join(root, strings.Repeat("x", 300))
	var log bytes.Buffer
	w := files.NewWatcher(logTo(&log))
	defer w.Close()
	for range 2 {
		w.Follow(parse(t, bad+"/tasks.yml", bad+"/y/tasks.yml", filepath.Join(root, "1.yml")))
	}
	if got := strings.Count(log.String(), "a folder cannot be watched; it is read on the slow tick only"); got != 2 {
		t.Errorf("said %d times of two folders:\n%s", got, log.String())
	}
	write(t, filepath.Join(root, "1.yml"), "1")
	begun := time.Now()
	if !w.Wait(t.Context(), patience, nil) || time.Since(begun) >= patience {
		t.Error("a change beside it was not seen")
	}
}

// Where there is nothing to watch, the tick remains.
func TestNothingToWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := files.NewWatcher(logTo(new(bytes.Buffer)))
		defer w.Close()
		w.Follow(nil)
		begun := time.Now()
		if !w.Wait(t.Context(), time.Minute, nil) || time.Since(begun) != time.Minute {
			t.Errorf("waited %v", time.Since(begun))
		}
	})
}
