package store_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

type keeper = storetest.Store

// The words of the tests.
var put, remove, write, content = storetest.Put, storetest.Remove, storetest.Write, storetest.Content

// file returns the path of the store's file in a folder.
func file(folder string) string { return filepath.Join(folder, "prefetch_exporter.db") }

func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestWritesShareSyncs is what makes thousands of tasks affordable that change
// at once.
func TestWritesShareSyncs(t *testing.T) {
	t.Parallel()
	writesShareSyncs(t)
}

// TestWritesShareSyncsOnOneCore is how a container with the limit of one core runs.
func TestWritesShareSyncsOnOneCore(t *testing.T) { //nolint:paralleltest // the cores are the process's
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	writesShareSyncs(t)
}

func writesShareSyncs(t *testing.T) {
	t.Helper()
	const (
		writers    = 10_000
		maxCommits = 50
	)
	db := open(t, store.Options{Path: t.TempDir()})
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			<-start
			if err := db.Write(put(store.Tasks, "account", fmt.Sprintf("%05d", i), "value")); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	group.Wait()

	stats := db.Stats()
	t.Logf("%d writes took %d commits", stats.Writes, stats.Commits)
	if stats.Writes != writers || stats.Commits > maxCommits {
		t.Errorf("%d writes took %d commits, want %d and at most %d", stats.Writes, stats.Commits, writers, maxCommits)
	}
	if n := len(content(t, db, store.Tasks)); n != writers {
		t.Errorf("%d values are kept, want %d", n, writers)
	}
}

// TestStaysBounded writes 300 tasks a day for a year, each for two days.
func TestStaysBounded(t *testing.T) {
	t.Parallel()
	const (
		days, tasks = 365, 300
		maxSize     = 4 << 20
	)
	db := open(t, store.Options{Path: t.TempDir()})
	value := strings.Repeat("x", 1024)
	for day := range days {
		ops := make([]store.Op, 0, 2*tasks)
		for i := range tasks {
			ops = append(ops,
				put(store.Tasks, "account", fmt.Sprintf("%d-%d", day, i), value),
				remove(store.Tasks, "account", fmt.Sprintf("%d-%d", day-2, i)))
		}
		write(t, db, ops...)
	}
	size := db.Stats().FileSize
	t.Logf("%d bytes after a year, %d of them values", size, 2*tasks*len(value))
	if size > maxSize {
		t.Errorf("the file has %d bytes after a year, want at most %d", size, maxSize)
	}
	if n := len(content(t, db, store.Tasks)); n != 2*tasks {
		t.Errorf("%d values are kept, want %d", n, 2*tasks)
	}
}
