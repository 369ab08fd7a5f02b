package store_test

import (
	"bytes"
	"errors"
	"os"
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
