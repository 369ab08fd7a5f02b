package quota_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// memory is a store without a disk that tests can break.
type memory struct {
	*storetest.Memory

	lost time.Time

	mu   sync.Mutex
	fail error
	held []store.Op // what was written last and failed
	// before happens once before something is written; nil for nothing.
	before func()
}

func newMemory() *memory { return &memory{Memory: storetest.NewMemory()} }

func (m *memory) Recovery() (time.Time, bool) { return m.lost, !m.lost.IsZero() }

func (m *memory) Write(ops ...store.Op) error {
	m.mu.Lock()
	before := m.before
	m.before = nil
	m.mu.Unlock()
	if before != nil {
		before()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		m.held = ops
		return m.fail
	}
	return m.Memory.Write(ops...)
}

func (m *memory) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// copied is the store as it stands: what a process that is killed leaves.
func (m *memory) copied(t *testing.T) *memory {
	t.Helper()
	left := newMemory()
	left.lost = m.lost
	err := m.Scan(store.Ledger, func(scope, key string, value []byte) error {
		return left.Write(store.Op{Table: store.Ledger, Scope: scope, Key: key, Value: slices.Clone(value)})
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// keys is how many records the store has.
func keys(t *testing.T, m *memory) int { t.Helper(); return len(named(t, m)) }

// named are the keys of the store, in order.
func named(t *testing.T, m *memory) (all []string) {
	t.Helper()
	if err := m.Scan(store.Ledger, func(_, key string, _ []byte) error { all = append(all, key); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}
