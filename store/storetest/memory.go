// Package storetest is for tests of what keeps something in a store: a store that
// needs no disk, and the words of such tests. The program must not use it.
package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/store"
)

// Memory keeps what a [store.DB] keeps, without a disk. It is safe for concurrent
// use.
type Memory struct {
	mutex  sync.RWMutex
	tables map[store.Table]map[string]map[string][]byte
	stats  store.Stats
	closed bool
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{tables: map[store.Table]map[string]map[string][]byte{}}
}

// State returns [store.Fresh].
func (*Memory) State() store.State { return store.Fresh }

// Recovery returns false: nothing was ever lost. See [store.DB.Recovery].
func (*Memory) Recovery() (at time.Time, ok bool) { return time.Time{}, false }

// Write applies the changes, all or none. See [store.DB.Write].
func (m *Memory) Write(ops ...store.Op) error {
	if err := store.Validate(ops...); err != nil {
		return err
	}
	if len(ops) == 0 {
		return nil
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.closed {
		return store.ErrClosed
	}
	for _, op := range ops {
		m.apply(op)
	}
	m.stats.Commits++
	m.stats.Writes++
	return nil
}

func (m *Memory) apply(op store.Op) {
	table := m.tables[op.Table]
	if was, there := table[op.Scope][op.Key]; op.Was != nil && (!there || !bytes.Equal(was, op.Was)) {
		return
	}
	if op.Value == nil {
		delete(table[op.Scope], op.Key)
		if len(table[op.Scope]) == 0 {
			delete(table, op.Scope)
		}
		return
	}
	if table == nil {
		table = map[string]map[string][]byte{}
		m.tables[op.Table] = table
	}
	if table[op.Scope] == nil {
		table[op.Scope] = map[string][]byte{}
	}
	table[op.Scope][op.Key] = bytes.Clone(op.Value)
}

// Scan calls f for every value of a table in order. See [store.DB.Scan].
func (m *Memory) Scan(t store.Table, f func(scope, key string, value []byte) error) error {
	return m.scan(t, nil, f)
}

// ScanScope is [Memory.Scan] for one scope.
func (m *Memory) ScanScope(t store.Table, scope string, f func(key string, value []byte) error) error {
	return m.scan(t, &scope, func(_, key string, value []byte) error { return f(key, value) })
}

func (m *Memory) scan(t store.Table, only *string, f func(scope, key string, value []byte) error) error {
	return scan(t, f, func() (found []store.Op, err error) {
		m.mutex.RLock()
		defer m.mutex.RUnlock()
		if m.closed {
			return nil, store.ErrClosed
		}
		for scope, values := range m.tables[t] {
			for key, value := range values {
				if only == nil || *only == scope {
					found = append(found, store.Op{Scope: scope, Key: key, Value: bytes.Clone(value)})
				}
			}
		}
		return found, nil
	})
}

// scan calls f for what a table holds as of one moment, in order.
func scan(t store.Table, f func(scope, key string, value []byte) error, holds func() ([]store.Op, error)) error {
	if !t.Known() {
		return fmt.Errorf("store: unknown table %q", string(t))
	}
	found, err := holds()
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b store.Op) int {
		return cmp.Or(strings.Compare(a.Scope, b.Scope), strings.Compare(a.Key, b.Key))
	})
	for _, op := range found {
		if err := f(op.Scope, op.Key, op.Value); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns how many writes there were; each is a commit of its own.
func (m *Memory) Stats() store.Stats {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	return m.stats
}

// Close lets every later call fail with [store.ErrClosed], but for Stats.
func (m *Memory) Close() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.closed = true
	return nil
}
