package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
	"prefetch_exporter/store/etcdstore/txn"
)

// formatEvery is how often a replica that must not write yet looks whether it may.
const formatEvery = 500 * time.Millisecond

func formatOf(e mirror.Entry) int { return layout.Said[layout.Format](e.Value).Version }

func (db *DB) formatValue() []byte { return layout.Say(layout.Format{Version: db.options.version()}) }

// begin says which format is written, if nobody has.
func (db *DB) begin(ctx context.Context) (begun bool, err error) {
	t := db.etcd.Begin()
	t.Unchanged(layout.FormatName(), mirror.Entry{})
	t.Put(layout.FormatName(), db.formatValue(), clientv3.NoLease)
	return succeeds(ctx, t)
}

func succeeds(ctx context.Context, t *txn.Transaction) (bool, error) {
	answer, err := t.Commit(ctx)
	if err != nil {
		return false, fmt.Errorf("writing to etcd: %w", err)
	}
	return answer.Succeeded, nil
}

// noteRecovery keeps the time at which etcd was found to have forgotten.
func (db *DB) noteRecovery(ctx context.Context) error {
	t := db.etcd.Begin()
	t.Put(layout.Recovered(), []byte(time.Now().UTC().Format(time.RFC3339Nano)), clientv3.NoLease)
	_, err := succeeds(ctx, t)
	return err
}

// checkFormat says whether this program may write, or must not even read.
func (db *DB) checkFormat() error {
	found, own := formatOf(db.mirror.Get(layout.FormatName())), db.options.version()
	if found > own {
		return fmt.Errorf("%w: %d, and this program knows %d: it must be replaced by a newer one", ErrNewer, found, own)
	}
	db.writable.Store(found == own && len(db.older()) == 0)
	return nil
}

// older returns records that were written in an older format.
func (db *DB) older() []mirror.Item {
	var older []mirror.Item
	for _, item := range db.mirror.All() {
		if v := layout.Version(item.Value); v > 0 && v < db.options.version() {
			older = append(older, item)
		}
	}
	return older
}

// raiseFormat waits until no replica is left that cannot read what this one writes,
// says that it is written from now on, and converts what is there.
func (db *DB) raiseFormat(ctx context.Context) error {
	waiting := false
	for pause(ctx, formatEvery) {
		if !db.mirror.Loaded() || db.writable.Load() {
			continue
		}
		was := db.mirror.Get(layout.FormatName())
		if formatOf(was) < db.options.version() {
			if old := db.cannotRead(); len(old) > 0 {
				if !waiting {
					waiting = true
					db.options.Logger.Warn("Older replicas still run; this one asks and stores nothing until they are stopped", "replicas", old)
				}
				continue
			}
			t := db.etcd.Begin()
			t.Unchanged(layout.FormatName(), was)
			t.Put(layout.FormatName(), db.formatValue(), clientv3.NoLease)
			if raised, err := succeeds(ctx, t); err != nil || !raised {
				continue
			}
			db.options.Logger.Info("The format in etcd is newer from now on", "version", db.options.version())
		}
		if err := db.convert(ctx); err != nil {
			if !client.Passing(err) {
				db.report(err)
			}
			continue
		}
		db.writable.Store(true)
		db.mirror.Moved()
	}
	return nil
}

// cannotRead returns the replicas that cannot read what this one writes; this one
// too, until it is registered.
func (db *DB) cannotRead() []string {
	replicas := db.mirror.Kind(layout.Replica(""))
	var old []string
	if _, ok := replicas[db.options.Replica]; !ok {
		old = append(old, db.options.Replica)
	}
	for name, entry := range replicas {
		if layout.Said[layout.Registration](entry.Value).Reads < db.options.version() {
			old = append(old, name)
		}
	}
	return old
}

// convert writes every older record anew. Others may be about it as well.
func (db *DB) convert(ctx context.Context) error {
	for {
		older := db.older()
		if len(older) == 0 {
			return nil
		}
		for _, item := range older {
			changes, err := db.converted(item)
			if err != nil {
				return err
			}
			t := db.transaction(changes)
			if db.mirror.Get(item.Name).Modified != item.Modified {
				return errReload // somebody else was faster
			}
			if err := db.putParts(ctx, changes); err != nil {
				return err
			}
			answer, err := t.Commit(ctx)
			if err != nil {
				return fmt.Errorf("converting: %w", err)
			}
			if !answer.Succeeded {
				return errors.Join(db.mirror.Wait(ctx, answer.Header.GetRevision()), errReload)
			}
		}
	}
}

// converted returns what makes an older record one of this version.
func (db *DB) converted(item mirror.Item) ([]change, error) {
	op, err := db.decode(item)
	if err != nil {
		return nil, err
	}
	ledger, records := db.seal([]store.Op{op})
	changes := slices.Concat(ledger, records)
	if changes[0].name != item.Name {
		changes = append(changes, change{name: item.Name})
	}
	return db.look(changes), nil
}
