package store

import (
	"bytes"
	"fmt"
	"os"
)

// mostMigrated bounds what is written in one transaction of a migration, in bytes;
// a record larger than that is one of its own.
const mostMigrated = 4 << 20

// migrate writes every record of an older version anew into another file, which
// then takes the place of the old one. So what a migration leaves out is in no free
// page of the file, and until the new file is whole the old one is not touched. It
// closes the old store.
func (o *opening) migrate(old *DB) error {
	err := o.replace(old.meta, func(fresh *DB) error {
		m := migrating{old: old, fresh: fresh, steps: o.Migrations}
		for _, table := range Tables() {
			if err := m.table(table); err != nil {
				return err
			}
		}
		if err := m.flush(); err != nil {
			return err
		}
		return old.guard(old.bolt.Close) // not every system renames onto an open file
	})
	if err != nil {
		_ = old.guard(old.bolt.Close)
		_ = os.Remove(o.path + newSuffix) // else the next start does
	}
	return err
}

// migrating is a migration under way.
type migrating struct {
	old, fresh *DB
	steps      []Migration

	ops  []Op
	size int
}

// table migrates the records of a table.
func (m *migrating) table(t Table) error {
	return m.old.Scan(t, func(scope, key string, value []byte) error {
		record := Op{Table: t, Scope: scope, Key: key, Value: bytes.Clone(value)}
		if record.Value == nil {
			record.Value = []byte{}
		}
		record, err := Migrate(record, m.old.meta.version, m.steps)
		if err != nil || record.Value == nil {
			return err
		}
		if err := record.validate(); err != nil {
			return fmt.Errorf("migrating: %w", err)
		}
		m.ops = append(m.ops, record)
		m.size += len(record.Scope) + len(record.Key) + len(record.Value)
		if m.size < mostMigrated {
			return nil
		}
		return m.flush()
	})
}

// flush writes what was gathered.
func (m *migrating) flush() error {
	err := m.fresh.update(m.ops)
	m.ops, m.size = m.ops[:0], 0
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
