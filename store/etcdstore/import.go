package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
	"prefetch_exporter/store/etcdstore/txn"
)

// ErrInUse says that an import is for an empty prefix.
var ErrInUse = errors.New("the prefix is in use")

// Source is what is imported, such as a [store.DB].
type Source interface {
	Scan(t store.Table, f func(scope, key string, value []byte) error) error
}

// Import copies every record of a store below a prefix that is empty, or that has
// what an import left which was interrupted. The format comes last: until then a
// replica refuses what is there. An error says how far it came; the source is not
// changed in any case.
func Import(ctx context.Context, o Options, from Source) error {
	db := Open(o)
	defer func() { _ = db.Close() }()
	i := importing{db}
	if err := i.clear(ctx); err != nil {
		return err
	}
	for _, table := range store.Tables() {
		var ops []store.Op // a replica has all of them in memory, too
		err := from.Scan(table, func(scope, key string, value []byte) error {
			ops = append(ops, store.Op{Table: table, Scope: scope, Key: key, Value: append([]byte{}, value...)})
			return nil
		})
		if err == nil {
			err = i.write(ctx, ops)
		}
		if err != nil {
			return fmt.Errorf("importing table %s: %w", table, err)
		}
	}
	// Where there are records, no replica begins a format: one that is there is the
	// import's, whose answer was lost.
	t := db.etcd.Begin()
	t.Put(layout.FormatName(), db.formatValue(), clientv3.NoLease)
	return i.commit(ctx, t)
}

// importing is an import under way.
type importing struct{ db *DB }

// clear removes what an interrupted import left.
func (i importing) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, i.db.options.DialTimeout)
	defer cancel()
	f := i.db.following()
	var all []mirror.Change
	for {
		var err error
		if _, all, err = f.readAll(ctx); err == nil {
			break
		}
		if !client.Passing(err) || !pause(ctx, again) {
			return fmt.Errorf("no endpoint of %q answers as it should: %w (%w)", i.db.options.Endpoints, err, i.db.connection.Reason())
		}
	}
	used := slices.ContainsFunc(all, func(c mirror.Change) bool { return c.Name == layout.FormatName() || c.Name.IsReplica() })
	if used {
		return fmt.Errorf("%w: %s has records or replicas already", ErrInUse, i.db.options.Prefix)
	}
	t := i.db.etcd.Begin()
	t.RemoveAll()
	return i.commit(ctx, t)
}

// write writes records, of one table.
func (i importing) write(ctx context.Context, ops []store.Op) error {
	ledger, records := i.db.seal(ops)
	for _, some := range chunks(slices.Concat(ledger, records)) {
		if err := i.db.putParts(ctx, some); err != nil {
			return err
		}
		t := i.db.etcd.Begin()
		for _, c := range some {
			t.Put(c.name, c.sealed.Value, clientv3.NoLease)
		}
		if err := i.commit(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// commit commits a transaction as long as there is no format. What it does it may do
// twice.
func (i importing) commit(ctx context.Context, t *txn.Transaction) error {
	t.Unchanged(layout.FormatName(), mirror.Entry{})
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	for tried := false; ; tried = true {
		answer, err := t.Commit(ctx)
		switch {
		case err == nil && (answer.Succeeded || tried):
			return nil
		case err == nil:
			return fmt.Errorf("%w: a replica began with it", ErrInUse)
		case !client.Passing(err) || !pause(ctx, again):
			return fmt.Errorf("writing to etcd: %w", err)
		}
	}
}
