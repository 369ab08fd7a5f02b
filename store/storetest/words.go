package storetest

import (
	"testing"
	"time"

	"prefetch_exporter/store"
)

// Store is what those need of a store who keep something in it.
type Store interface {
	store.Keeper
	State() store.State
	Recovery() (at time.Time, ok bool)
	Stats() store.Stats
	Close() error
}

// Put is a change that sets a value.
func Put(table store.Table, scope, key, value string) store.Op {
	return store.Op{Table: table, Scope: scope, Key: key, Value: []byte(value)}
}

// Remove is a change that deletes a value.
func Remove(table store.Table, scope, key string) store.Op {
	return store.Op{Table: table, Scope: scope, Key: key}
}

// Write writes, which must succeed.
func Write(t testing.TB, s interface{ Write(ops ...store.Op) error }, ops ...store.Op) {
	t.Helper()
	if err := s.Write(ops...); err != nil {
		t.Fatal(err)
	}
}

// Content returns what a table holds, as "scope/key=value".
func Content(t testing.TB, s store.Keeper, table store.Table) []string {
	t.Helper()
	var found []string
	err := s.Scan(table, func(scope, key string, value []byte) error {
		found = append(found, scope+"/"+key+"="+string(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
