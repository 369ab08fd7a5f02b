package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// TestModel runs random changes on both implementations, the one in the file
// being reopened now and then, and compares what they hold.
func TestModel(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{"a", "b", "a/b", "a\x00", "\x00", "\xff\xfe", "ab", "é"})
	op := rapid.Custom(func(t *rapid.T) store.Op {
		tables := store.Tables()
		o := store.Op{Table: rapid.SampledFrom(tables[:]).Draw(t, "table"), Scope: name.Draw(t, "scope"), Key: name.Draw(t, "key")}
		if rapid.Bool().Draw(t, "put") {
			size := rapid.SampledFrom([]int{0, 1, 100, 5000, 20000}).Draw(t, "size")
			o.Value = bytes.Repeat([]byte{rapid.Byte().Draw(t, "fill")}, size)
		}
		return o
	})
	rapid.Check(t, func(rt *rapid.T) {
		folder := t.TempDir()
		db, err := store.Open(store.Options{Path: folder})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		memory := storetest.NewMemory()
		for range rapid.IntRange(1, 5).Draw(rt, "rounds") {
			ops := rapid.SliceOfN(op, 0, 60).Draw(rt, "ops")
			if err := errors.Join(db.Write(ops...), memory.Write(ops...)); err != nil {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "reopen") {
				if err := db.Close(); err != nil {
					rt.Fatal(err)
				}
				if db, err = store.Open(store.Options{Path: folder}); err != nil {
					rt.Fatal(err)
				}
				if db.State() != store.Existing {
					rt.Fatalf("reopened store is %v", db.State())
				}
			}
			for _, table := range store.Tables() {
				if want, got := everything(rt, memory, table), everything(rt, db, table); !same(want, got) {
					rt.Fatalf("%s: -memory +file:\n%s", table, cmp.Diff(want, got))
				}
			}
		}
	})
}

// everything returns what a table holds by way of both scans.
func everything(t interface{ Fatal(args ...any) }, s keeper, table store.Table) []store.Op {
	var all, byScope []store.Op
	err := s.Scan(table, func(scope, key string, value []byte) error {
		all = append(all, store.Op{Table: table, Scope: scope, Key: key, Value: slices.Clone(value)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, op := range all {
		if i > 0 && op.Scope == all[i-1].Scope {
			continue
		}
		err := s.ScanScope(table, op.Scope, func(key string, value []byte) error {
			byScope = append(byScope, store.Op{Table: table, Scope: op.Scope, Key: key, Value: slices.Clone(value)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !same(all, byScope) {
		t.Fatal("Scan and ScanScope differ: " + cmp.Diff(all, byScope))
	}
	return all
}

// same compares without the cost of a diff, which is high for big values.
func same(a, b []store.Op) bool {
	return slices.EqualFunc(a, b, func(x, y store.Op) bool {
		return x.Table == y.Table && x.Scope == y.Scope && x.Key == y.Key && bytes.Equal(x.Value, y.Value)
	})
}

func FuzzNames(f *testing.F) {
	f.Add("a", "b", "a/b", "c", []byte("value"))
	f.Add("a", "b", "a\x00", "\x00", []byte{})
	f.Add("\xff", "\x00\x01", "\xff\xff", "\xfe", []byte{0})
	db, err := store.Open(store.Options{Path: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	f.Fuzz(func(t *testing.T, scope1, key1, scope2, key2 string, value []byte) {
		for _, name := range []string{scope1, key1, scope2, key2} {
			if name == "" || len(name) > store.MaxName {
				t.Skip()
			}
		}
		if value == nil {
			value = []byte{}
		}
		want := []store.Op{
			{Table: store.Tasks, Scope: scope1, Key: key1, Value: value},
			{Table: store.Tasks, Scope: scope2, Key: key2, Value: append([]byte("2"), value...)},
		}
		write(t, db, want...)
		if scope1 == scope2 && key1 == key2 {
			want = want[1:]
		} else if scope2 < scope1 || scope1 == scope2 && key2 < key1 {
			want[0], want[1] = want[1], want[0]
		}
		equal(t, want, everything(t, db, store.Tasks))
		write(t, db, remove(store.Tasks, scope1, key1), remove(store.Tasks, scope2, key2))
		equal(t, []store.Op(nil), everything(t, db, store.Tasks))
	})
}
