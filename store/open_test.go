package store_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"prefetch_exporter/store"
)

// observed is options that keep what the store tells.
type observed struct {
	store.Options

	log    bytes.Buffer
	mutex  sync.Mutex
	errors []string
}

func observe(folder string) *observed {
	o := &observed{}
	o.Options = store.Options{
		Path:   folder,
		Logger: slog.New(slog.NewTextHandler(&o.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Now:    func() time.Time { return time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC) },
		OnError: func(reason string) {
			o.mutex.Lock()
			defer o.mutex.Unlock()
			o.errors = append(o.errors, reason)
		},
	}
	return o
}

func closeNow(t testing.TB, db *store.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// filled makes a folder with a store that holds some of everything.
func filled(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	db := open(t, store.Options{Path: folder})
	for i, table := range store.Tables() {
		write(t, db, put(table, "account", "small", "1"), put(table, "account", "big", strings.Repeat("x", i*5000)))
	}
	closeNow(t, db)
	return folder
}

// TestMustExist opens only what is there and whole, and leaves alone what is not.
func TestMustExist(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "data")
	if _, err := store.Open(store.Options{Path: missing, MustExist: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: error %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
	empty := t.TempDir()
	if _, err := store.Open(store.Options{Path: empty, MustExist: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no store: error %v", err)
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("in the folder is %v, %v", entries, err)
	}

	folder := filled(t)
	db, err := store.Open(store.Options{Path: folder, MustExist: true})
	if err != nil || db.State() != store.Existing {
		t.Fatalf("a whole store: %v", err)
	}
	closeNow(t, db)
	file := filepath.Join(folder, "prefetch_exporter.db")
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Options{Path: folder, MustExist: true}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a corrupt store: error %v", err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "damaged" {
		t.Errorf("the corrupt store is %q, %v", content, err)
	}
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "not", "there")
	o := observe(folder)
	db := open(t, o.Options)
	equal(t, store.Fresh, db.State())
	if at, ok := db.Recovery(); ok {
		t.Errorf("recovered at %v", at)
	}
	for path, want := range map[string]os.FileMode{folder: 0o700, file(folder): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", path, got, want)
		}
	}
	closeNow(t, db)

	equal(t, store.Existing, open(t, o.Options).State())
	equal(t, []string(nil), o.errors)
}

func TestSurvivesReopening(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	before, err := os.ReadFile(file(folder))
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, store.Options{Path: folder})
	equal(t, store.Existing, db.State())
	equal(t, []string{"account/big=", "account/small=1"}, content(t, db, store.Ledger))
	closeNow(t, db)

	after, err := os.ReadFile(file(folder))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("opening and closing changed the file; it must work on a full disk")
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db := open(t, store.Options{Path: folder})
	_, err := store.Open(store.Options{Path: folder})
	if lock := filepath.Join(folder, "prefetch_exporter.lock"); !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), lock) {
		t.Errorf("second open: %v", err)
	}
	// The first is none the worse for it.
	write(t, db, put(store.Tasks, "a", "b", "c"))
	closeNow(t, db)
	equal(t, []string{"a/b=c"}, content(t, open(t, store.Options{Path: folder}), store.Tasks))
}

func TestOneOfManyStartsWins(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var group sync.WaitGroup
	var opened atomic.Int64
	for range 5 {
		group.Go(func() {
			db, err := store.Open(store.Options{Path: folder})
			if err == nil {
				opened.Add(1)
				t.Cleanup(func() { closeNow(t, db) })
			} else if !errors.Is(err, store.ErrInUse) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	equal(t, int64(1), opened.Load())
}

// TestHeldByAnotherProgram is a store that a program has open which knows only
// bbolt's own lock.
func TestHeldByAnotherProgram(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	other, err := bolt.Open(file(folder), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := store.Open(store.Options{Path: folder}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("open: %v", err)
	}
}

func TestUnusable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(t *testing.T, folder string) (path string)
		reasons []string
	}{
		{"no path", func(*testing.T, string) string { return "" }, nil},
		{"file instead of a folder", func(t *testing.T, folder string) string {
			t.Helper()
			path := filepath.Join(folder, "data")
			writeFile(t, path, nil)
			return path
		}, nil},
		{"folder instead of the file", func(t *testing.T, folder string) string {
			t.Helper()
			makeFolder(t, file(folder))
			return folder
		}, []string{"read"}},
		{"folder instead of the lock", func(t *testing.T, folder string) string {
			t.Helper()
			makeFolder(t, filepath.Join(folder, "prefetch_exporter.lock"))
			return folder
		}, nil},
		{"folder instead of the new file", func(t *testing.T, folder string) string {
			t.Helper()
			makeFolder(t, filepath.Join(file(folder)+".new", "full"))
			return folder
		}, nil},
		{"folder among the corrupt files", func(t *testing.T, folder string) string {
			t.Helper()
			writeFile(t, file(folder), []byte("corrupt"))
			makeFolder(t, filepath.Join(file(folder)+".corrupt-1", "full"))
			writeFile(t, file(folder)+".corrupt-2", nil)
			writeFile(t, file(folder)+".corrupt-3", nil)
			return folder
		}, nil},
		{"link to itself", func(t *testing.T, folder string) string {
			t.Helper()
			if err := os.Symlink(file(folder), file(folder)); err != nil {
				t.Skip(err)
			}
			return folder
		}, []string{"read"}},
		{"no permission", func(t *testing.T, folder string) string {
			t.Helper()
			if os.Getuid() == 0 {
				t.Skip("root may read everything")
			}
			writeFile(t, file(folder), nil)
			if err := os.Chmod(file(folder), 0); err != nil {
				t.Fatal(err)
			}
			return folder
		}, []string{"read"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := test.prepare(t, t.TempDir())
			o := observe(path)
			_, err := store.Open(o.Options)
			if err == nil || !strings.HasPrefix(err.Error(), "opening store") && !strings.HasPrefix(err.Error(), "creating store") || !strings.Contains(err.Error(), path) {
				t.Errorf("got error %v", err)
			}
			for _, known := range []error{store.ErrInUse, store.ErrNewer} {
				if errors.Is(err, known) {
					t.Errorf("it is no %v", known)
				}
			}
			equal(t, test.reasons, o.errors)
		})
	}
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func makeFolder(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestStateNames(t *testing.T) {
	t.Parallel()
	for state, want := range map[store.State]string{
		store.Existing: "existing", store.Fresh: "fresh", store.Recovered: "recovered", 9: "State(9)",
	} {
		equal(t, want, state.String())
	}
}

// A write that is out of bounds is counted as every write that failed.
func TestRefusedWritesAreCounted(t *testing.T) {
	t.Parallel()
	var reasons []string
	db, err := store.Open(store.Options{Path: t.TempDir(), OnError: func(reason string) { reasons = append(reasons, reason) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Write(store.Op{Table: store.Tasks, Scope: "s", Key: "k", Value: make([]byte, store.MaxValue+1)}); err == nil {
		t.Error("the value was taken")
	}
	if !slices.Equal(reasons, []string{store.ReasonWrite}) {
		t.Errorf("counted: %q", reasons)
	}
}
