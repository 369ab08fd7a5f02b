package store

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Scan calls f for every value of a table as of one moment, ordered by scope
// and then by key, byte by byte. An error of f ends the scan and is returned as
// it is. An error that wraps [ErrDamaged] says that a value is not what was
// written.
//
// The value is valid during the call only. f must not call the store: a write
// may have to wait for the scan to end.
func (db *DB) Scan(t Table, f func(scope, key string, value []byte) error) error {
	return db.scan(t, nil, f)
}

// ScanScope is [DB.Scan] for one scope. A scope without values is no error.
func (db *DB) ScanScope(t Table, scope string, f func(key string, value []byte) error) error {
	return db.scan(t, &scope, func(_, key string, value []byte) error { return f(key, value) })
}

// scan scans one scope, or all if it is nil, in one transaction.
func (db *DB) scan(t Table, only *string, f func(scope, key string, value []byte) error) (err error) {
	if !t.Known() {
		return fmt.Errorf("store: unknown table %q", string(t))
	}
	var tx *bolt.Tx
	var table *bolt.Bucket
	scopes := &cursor{db: db}
	err = db.guard(func() (err error) {
		if tx, err = db.bolt.Begin(false); err != nil {
			return fmt.Errorf("beginning: %w", err)
		}
		table = tx.Bucket([]byte(t))
		scopes.bolt = table.Cursor()
		return nil
	})
	switch {
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return ErrClosed
	case err != nil:
		return db.readFailed(err)
	}
	defer func() {
		// A transaction of a broken store is not ended: bbolt would have to.
		if endErr := db.guard(tx.Rollback); endErr != nil && err == nil {
			err = db.readFailed(endErr)
		}
	}()
	if only != nil {
		return db.scanScope(t, table, []byte(*only), f)
	}
	for scope := scopes.first(); scope != nil; scope = scopes.next() {
		if err := db.scanScope(t, table, scope, f); err != nil {
			return err
		}
	}
	return scopes.err
}

func (db *DB) readFailed(err error) error {
	db.onError(ReasonRead)
	return fmt.Errorf("reading from store %s: %w", db.path, err)
}

// scanScope calls f for every value of a scope.
func (db *DB) scanScope(t Table, table *bolt.Bucket, scope []byte, f func(scope, key string, value []byte) error) error {
	keys := &cursor{db: db}
	err := db.guard(func() error {
		if bucket := table.Bucket(scope); bucket != nil {
			keys.bolt = bucket.Cursor()
		}
		return nil
	})
	if err != nil {
		return db.readFailed(err)
	}
	if keys.bolt == nil {
		return nil
	}
	for key := keys.first(); key != nil; key = keys.next() {
		value, err := unseal([]byte(t), scope, key, keys.value)
		if err != nil {
			return db.readFailed(err)
		}
		if err := f(string(scope), string(key), value); err != nil {
			return err
		}
	}
	return keys.err
}

// cursor steps through a bucket under the guard. It copies what it finds, so
// that nobody reads the memory map unguarded.
type cursor struct {
	db    *DB
	bolt  *bolt.Cursor
	key   []byte
	value []byte
	err   error // why it ended, if not for the end of the bucket
}

func (c *cursor) first() []byte { return c.step(c.bolt.First) }
func (c *cursor) next() []byte  { return c.step(c.bolt.Next) }

// step returns the next key, or nil at the end. It is valid until the next step.
func (c *cursor) step(move func() (key, value []byte)) []byte {
	found := false
	err := c.db.guard(func() error {
		key, value := move()
		found = key != nil
		c.key = append(c.key[:0], key...)
		c.value = append(c.value[:0], value...)
		return nil
	})
	if err != nil {
		c.err = c.db.readFailed(err)
		return nil
	}
	if !found {
		return nil
	}
	return c.key
}
