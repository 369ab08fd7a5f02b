package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"prefetch_exporter/store"
)

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

// TestDamagedWhileOpen is a disk that returns something else than was written.
func TestDamagedWhileOpen(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	o := observe(folder)
	db := open(t, o.Options)
	write(t, db, put(store.Tasks, "a", "1", "first"), put(store.Tasks, "b", "1", "second"))
	data, err := os.ReadFile(file(folder))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file(folder), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("F"), int64(bytes.LastIndex(data, []byte("first"))))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}

	nothing := func(string, []byte) error { return nil }
	if err := db.ScanScope(store.Tasks, "a", nothing); !errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrBroken) {
		t.Errorf("the damaged scope: %v", err)
	}
	if err := db.ScanScope(store.Tasks, "b", nothing); err != nil {
		t.Errorf("the other scope: %v", err)
	}
	equal(t, []string{"read"}, o.errors)
	write(t, db, put(store.Tasks, "a", "1", "written again"))
	equal(t, []string{"a/1=written again", "b/1=second"}, content(t, db, store.Tasks))
}

// FuzzFlipped flips bytes of a store. It is either whole, as far as a reader
// can tell, or moved aside.
func FuzzFlipped(f *testing.F) {
	data, err := os.ReadFile(file(filled(f)))
	if err != nil {
		f.Fatal(err)
	}
	want := map[store.Table][]store.Op{}
	for i, table := range store.Tables() {
		want[table] = []store.Op{
			{Table: table, Scope: "account", Key: "big", Value: bytes.Repeat([]byte("x"), i*5000)},
			{Table: table, Scope: "account", Key: "small", Value: []byte("1")},
		}
	}
	f.Add([]byte{}, uint32(len(data)))
	f.Add([]byte{}, uint32(100))
	for _, what := range []string{"small", "account", "tasks", "meta", "version", "xxxx"} {
		at := binary.LittleEndian.AppendUint32(nil, uint32(bytes.LastIndex(data, []byte(what))))
		f.Add(append(at, 1), uint32(len(data)))
	}
	f.Fuzz(func(t *testing.T, flips []byte, length uint32) {
		damaged := bytes.Clone(data)
		for ; len(flips) >= 5; flips = flips[5:] {
			damaged[int(binary.LittleEndian.Uint32(flips))%len(damaged)] ^= flips[4]
		}
		damaged = damaged[:min(int(length), len(damaged))]
		folder := t.TempDir()
		writeFile(t, file(folder), damaged)

		db := open(t, store.Options{Path: folder})
		for _, table := range store.Tables() {
			expected := want[table]
			if db.State() == store.Recovered {
				expected = nil
			}
			if found := everything(t, db, table); !same(expected, found) {
				t.Errorf("the store is %v, and %s holds %v", db.State(), table, found)
			}
			write(t, db, put(table, "account", "small", "2"), remove(table, "account", "big"))
			equal(t, []string{"account/small=2"}, content(t, db, table))
		}
		if kept := len(aside(t, folder)); (kept == 1) != (db.State() == store.Recovered) || kept > 1 {
			t.Errorf("the store is %v, and %d are aside", db.State(), kept)
		}
	})
}
