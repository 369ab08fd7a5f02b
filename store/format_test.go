package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"prefetch_exporter/store"
)

// TestEmptyScopesGo looks into the file, for no scan can see an empty scope.
func TestEmptyScopesGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db := open(t, store.Options{Path: folder})
	write(t, db, put(store.Tasks, "kept", "k", ""), put(store.Tasks, "kept", "l", ""), put(store.Tasks, "gone", "k", ""))
	write(t, db, remove(store.Tasks, "kept", "k"), remove(store.Tasks, "gone", "k"))
	closeNow(t, db)

	var scopes []string
	tamper(t, folder, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("tasks")).ForEachBucket(func(name []byte) error {
			scopes = append(scopes, string(name))
			return nil
		})
	})
	equal(t, []string{"kept"}, scopes)
}

func TestMigration(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	rename := func(r store.Op) (store.Op, error) {
		if r.Table == store.Accounts {
			r.Scope = "renamed"
		}
		return r, nil
	}
	fill := func(r store.Op) (store.Op, error) {
		if r.Table == store.Accounts && r.Key == "small" {
			r.Key, r.Value = "l", []byte(r.Scope)
		} else if r.Table == store.Accounts {
			r.Value = nil
		}
		return r, nil
	}
	broken := errors.New("migration failed")
	before, err := os.ReadFile(file(folder))
	if err != nil {
		t.Fatal(err)
	}

	// A step that fails takes the ones before it with it.
	_, err = store.Open(store.Options{Path: folder, Migrations: []store.Migration{
		rename, func(r store.Op) (store.Op, error) { return r, broken },
	}})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "nothing was changed: migrating from version 2 to 3") {
		t.Errorf("failing migration: %v", err)
	}
	if after, err := os.ReadFile(file(folder)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a failed migration changed the file (%v)", err)
	}
	if _, err := os.Stat(file(folder) + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed migration left a file: %v", err)
	}

	o := observe(folder)
	o.Migrations = []store.Migration{rename, fill}
	// One that was interrupted left a part of the new file.
	writeFile(t, file(folder)+".new", before[:len(before)/2])
	for _, want := range []string{`msg="Migrated the store".* from=1 to=3\n`, "^$"} {
		o.log.Reset()
		db := open(t, o.Options)
		equal(t, store.Existing, db.State())
		equal(t, []string{"renamed/l=renamed"}, content(t, db, store.Accounts))
		equal(t, []string{"account/big=", "account/small=1"}, content(t, db, store.Ledger))
		closeNow(t, db)
		if !regexp.MustCompile(want).MatchString(o.log.String()) {
			t.Errorf("logged %q, want %q", o.log.String(), want)
		}
	}
	if info, err := os.Stat(file(folder)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the new file: %v, %v", info, err)
	}
}

// TestMigrationLeavesNothingBehind has what is left out in pages that are used, in
// free ones, and in more records than one transaction takes.
func TestMigrationLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db := open(t, store.Options{Path: folder})
	const hidden = "AKHIDDENHIDDENHIDDEN"
	var want []string
	for i := range 30 {
		key := fmt.Sprintf("%03d", i)
		write(t, db, put(store.Tasks, "account", key, strings.Repeat("x", 400_000)))
		write(t, db, put(store.Ledger, hidden, key, key), put(store.Ledger, hidden+"gone", key, key))
		want = append(want, "shown/"+key+"="+key)
	}
	for i := range 30 {
		write(t, db, remove(store.Ledger, hidden+"gone", fmt.Sprintf("%03d", i)))
	}
	closeNow(t, db)
	if data, err := os.ReadFile(file(folder)); err != nil || !bytes.Contains(data, []byte(hidden+"gone")) {
		t.Fatalf("no free page has what was deleted: the test tests nothing (%v)", err)
	}
	db = open(t, store.Options{Path: folder, Migrations: []store.Migration{func(r store.Op) (store.Op, error) {
		if r.Scope == hidden {
			r.Scope = "shown"
		}
		return r, nil
	}}})
	equal(t, want, content(t, db, store.Ledger))
	equal(t, 30, len(content(t, db, store.Tasks)))
	closeNow(t, db)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil || bytes.Contains(data, []byte(hidden)) {
			t.Errorf("%s has what was left out, or cannot be read: %v", entry.Name(), err)
		}
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	none := func(r store.Op) (store.Op, error) { return r, nil }
	db := open(t, store.Options{Path: folder, Migrations: []store.Migration{none, none}})
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

// TestMigrationKeepsTheRecovery: what happened before it is not known for ever.
func TestMigrationKeepsTheRecovery(t *testing.T) {
	t.Parallel()
	o := observe(t.TempDir())
	writeFile(t, file(o.Path), []byte("no store"))
	db := open(t, o.Options)
	want, ok := db.Recovery()
	closeNow(t, db)
	o.Migrations = []store.Migration{func(r store.Op) (store.Op, error) { return r, nil }}
	db = open(t, o.Options)
	if got, still := db.Recovery(); !ok || !still || !got.Equal(want) {
		t.Errorf("recovered at %v (%v) before, and %v (%v) after", want, ok, got, still)
	}
}
