package store_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"prefetch_exporter/store"
)

// observed is options that keep what the store tells.
type observed struct {
	store.Options

	log    bytes.Buffer
	errors []string
}

func observe(folder string) *observed {
	o := &observed{}
	o.Options = store.Options{
		Path:    folder,
		Logger:  slog.New(slog.NewTextHandler(&o.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
		OnError: func(reason string) { o.errors = append(o.errors, reason) },
		Now:     func() time.Time { return time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC) },
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
	if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), folder) {
		t.Errorf("second open: %v", err)
	}
	// The first is none the worse for it.
	write(t, db, put(store.Tasks, "a", "b", "c"))
	closeNow(t, db)
	equal(t, []string{"a/b=c"}, content(t, open(t, store.Options{Path: folder}), store.Tasks))
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

// aside returns the names of the corrupt stores in a folder.
func aside(t testing.TB, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(file(folder) + ".corrupt-*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found
}

// tamper makes a change to a store as no program of ours would.
func tamper(t testing.TB, folder string, change func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(file(folder), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestCorrupt(t *testing.T) {
	t.Parallel()
	bytesOf := func(change func(data []byte) []byte) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			t.Helper()
			data, err := os.ReadFile(file(folder))
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, file(folder), change(data))
		}
	}
	bucketsOf := func(change func(tx *bolt.Tx) error) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) { t.Helper(); tamper(t, folder, change) }
	}
	flip := func(what string) func(data []byte) []byte {
		return func(data []byte) []byte {
			// The last is the one that counts: pages are written in order.
			data[bytes.LastIndex(data, []byte(what))] ^= 0x20
			return data
		}
	}
	pageSize := os.Getpagesize()
	tests := []struct {
		name   string
		damage func(t *testing.T, folder string)
	}{
		{"empty", bytesOf(func([]byte) []byte { return nil })},
		{"one byte", bytesOf(func(data []byte) []byte { return data[:1] })},
		{"two pages", bytesOf(func(data []byte) []byte { return data[:2*pageSize] })},
		{"half", bytesOf(func(data []byte) []byte { return data[:len(data)/2] })},
		{"zeros", bytesOf(func(data []byte) []byte { return make([]byte, len(data)) })},
		{"text", bytesOf(func(data []byte) []byte { return bytes.Repeat([]byte("text"), len(data)) })},
		{"first meta page", bytesOf(func(data []byte) []byte { data[64]++; return data })},
		{"second meta page", bytesOf(func(data []byte) []byte { data[pageSize+64]++; return data })},
		{"value", bytesOf(flip("xxxx"))},
		{"key", bytesOf(flip("small"))},
		{"scope", bytesOf(flip("account"))},
		{"table", bytesOf(flip("submitted"))},
		{"a new bbolt file", func(t *testing.T, folder string) {
			t.Helper()
			if err := os.Remove(file(folder)); err != nil {
				t.Fatal(err)
			}
			tamper(t, folder, func(*bolt.Tx) error { return nil })
		}},
		{"no metadata", bucketsOf(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("meta")) })},
		{"no version", bucketsOf(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Delete([]byte("version")) })},
		{"version is no number", bucketsOf(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("version"), store.Seal("meta", "", "version", "one"))
		})},
		{"version is damaged", bucketsOf(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("version"), store.Seal("meta", "", "noisrev", "1"))
		})},
		{"table is missing", bucketsOf(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("accounts")) })},
		{"unknown table", bucketsOf(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("more")); return err })},
		{"value in a table", bucketsOf(func(tx *bolt.Tx) error { return tx.Bucket([]byte("tasks")).Put([]byte("k"), []byte("v")) })},
		{"record without a checksum", bucketsOf(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("tasks")).Bucket([]byte("account")).Put([]byte("k"), []byte("v"))
		})},
		{"record of another key", bucketsOf(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("tasks")).Bucket([]byte("account")).Put([]byte("k"), store.Seal("tasks", "account", "l", "v"))
		})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := filled(t)
			test.damage(t, folder)
			damaged, err := os.ReadFile(file(folder))
			if err != nil {
				t.Fatal(err)
			}

			o := observe(folder)
			db := open(t, o.Options)
			equal(t, store.Recovered, db.State())
			equal(t, []string{"corrupt"}, o.errors)
			for _, table := range store.Tables() {
				equal(t, []string(nil), content(t, db, table))
			}
			write(t, db, put(store.Tasks, "a", "b", "c"))
			closeNow(t, db)

			name := "prefetch_exporter.db.corrupt-20261121T080000.000000000Z"
			equal(t, []string{name}, aside(t, folder))
			kept, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil || !bytes.Equal(kept, damaged) {
				t.Errorf("the corrupt file was changed: %v", err)
			}
			if log := o.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, name) || strings.Count(log, "\n") != 1 {
				t.Errorf("logged %q", log)
			}

			// The next start finds a store like any other, which still knows.
			db = open(t, o.Options)
			equal(t, store.Existing, db.State())
			at, ok := db.Recovery()
			if !ok || !at.Equal(o.Now()) {
				t.Errorf("recovered: %v at %v", ok, at)
			}
			equal(t, []string{"a/b=c"}, content(t, db, store.Tasks))
		})
	}
}

func TestAtMostThreeCorruptFilesAreKept(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	o := observe(folder)
	start := o.Now()
	for i := range 5 {
		// The clock stands for the first two, and still none replaces the other.
		o.Now = func() time.Time { return start.Add(time.Duration(max(i, 1)) * time.Second) }
		writeFile(t, file(folder), []byte{byte(i)})
		db := open(t, o.Options)
		equal(t, store.Recovered, db.State())
		closeNow(t, db)
		equal(t, min(i+1, 3), len(aside(t, folder)))
	}
	var found []byte
	names := aside(t, folder)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, data...)
	}
	if !bytes.Equal(found, []byte{2, 3, 4}) {
		t.Errorf("kept %v in %q, want the newest three", found, names)
	}
}

// TestInterruptedRecovery dies between moving the corrupt store aside and
// beginning a new one: the next start must not take itself for the first.
func TestInterruptedRecovery(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, file(folder)+".corrupt-20261121T075959.000000000Z", []byte("corrupt"))
	writeFile(t, file(folder)+".new", []byte("half"))
	o := observe(folder)
	db := open(t, o.Options)
	equal(t, store.Recovered, db.State())
	if at, ok := db.Recovery(); !ok || !at.Equal(o.Now()) {
		t.Errorf("recovered: %v at %v", ok, at)
	}
	equal(t, []string{"corrupt"}, o.errors)
}

// TestInterruptedStart dies while beginning the first store.
func TestInterruptedStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, file(folder)+".new", []byte("half"))
	o := observe(folder)
	equal(t, store.Fresh, open(t, o.Options).State())
	equal(t, []string(nil), o.errors)
}

func TestMigration(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	rename := func(tx *bolt.Tx) error {
		accounts := tx.Bucket([]byte("accounts"))
		if err := accounts.DeleteBucket([]byte("account")); err != nil {
			return err
		}
		scope, err := accounts.CreateBucket([]byte("renamed"))
		if err != nil {
			return err
		}
		return scope.Put([]byte("k"), store.Seal("accounts", "renamed", "k", "2"))
	}
	fill := func(tx *bolt.Tx) error {
		scope := tx.Bucket([]byte("accounts")).Bucket([]byte("renamed"))
		return scope.Put([]byte("l"), store.Seal("accounts", "renamed", "l", "3"))
	}
	broken := errors.New("migration failed")
	before, err := os.ReadFile(file(folder))
	if err != nil {
		t.Fatal(err)
	}

	// A step that fails takes the ones before it with it.
	_, err = store.OpenMigrating(store.Options{Path: folder}, rename, func(*bolt.Tx) error { return broken })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "nothing was changed: migrating from version 2 to 3") {
		t.Errorf("failing migration: %v", err)
	}
	if after, err := os.ReadFile(file(folder)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a failed migration changed the file (%v)", err)
	}

	o := observe(folder)
	for _, want := range []string{`msg="Migrated the store".* from=1 to=3\n`, "^$"} {
		o.log.Reset()
		db, err := store.OpenMigrating(o.Options, rename, fill)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, store.Existing, db.State())
		equal(t, []string{"renamed/k=2", "renamed/l=3"}, content(t, db, store.Accounts))
		equal(t, []string{"account/big=", "account/small=1"}, content(t, db, store.Ledger))
		closeNow(t, db)
		if !regexp.MustCompile(want).MatchString(o.log.String()) {
			t.Errorf("logged %q, want %q", o.log.String(), want)
		}
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	none := func(*bolt.Tx) error { return nil }
	db, err := store.OpenMigrating(store.Options{Path: folder}, none, none)
	if err != nil {
		t.Fatal(err)
	}
	closeNow(t, db)
	tamper(t, folder, func(tx *bolt.Tx) error {
		// What a later version may keep and this one does not understand.
		bucket, err := tx.CreateBucket([]byte("leases"))
		if err != nil {
			return err
		}
		return bucket.Put([]byte("other"), []byte("format"))
	})
	before, err := os.ReadFile(file(folder))
	if err != nil {
		t.Fatal(err)
	}

	o := observe(folder)
	_, err = store.Open(o.Options)
	if !errors.Is(err, store.ErrNewer) || !strings.HasSuffix(err.Error(), "version 3, this program reads versions 1 to 1; nothing was changed") {
		t.Errorf("got error %v", err)
	}
	if after, err := os.ReadFile(file(folder)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
	equal(t, []string(nil), aside(t, folder))
	equal(t, []string(nil), o.errors)
}

func TestStateNames(t *testing.T) {
	t.Parallel()
	for state, want := range map[store.State]string{
		store.Existing: "existing", store.Fresh: "fresh", store.Recovered: "recovered", 9: "State(9)",
	} {
		equal(t, want, state.String())
	}
}
