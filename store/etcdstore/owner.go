package etcdstore

import (
	"context"
	"fmt"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
	"prefetch_exporter/store/etcdstore/txn"
)

// Members returns what the replicas that are there have registered, by name, this
// one included.
func (db *DB) Members() map[string][]byte {
	members := map[string][]byte{}
	for name, entry := range db.mirror.Kind(layout.Replica("")) {
		members[name] = layout.Said[layout.Registration](entry.Value).Value
	}
	return members
}

// Owner returns which replica owns an identity, and since when; "" if none does.
func (db *DB) Owner(identity string) (replica string, since time.Time) {
	o := layout.Said[layout.Ownership](db.mirror.Get(layout.Owner(identity)).Value)
	return o.Replica, o.Since
}

// Owners returns which replica owns which identity.
func (db *DB) Owners() map[string]string {
	owners := map[string]string{}
	for identity, entry := range db.mirror.Kind(layout.Owner("")) {
		owners[identity] = layout.Said[layout.Ownership](entry.Value).Replica
	}
	return owners
}

// Owns reports whether this replica owns an identity and its lease holds, by its own
// deadline. It asks nobody.
func (db *DB) Owns(identity string) bool {
	_, ok := db.mine(identity)
	return ok && db.holds()
}

// mine returns the key that makes this replica the owner.
func (db *DB) mine(identity string) (mirror.Entry, bool) {
	l, e := db.lease.Load(), db.mirror.Get(layout.Owner(identity))
	return e, l != nil && e.Created != 0 && e.Lease == int64(l.id)
}

// Claim makes this replica the owner of an identity that has none. It returns true
// once everything that was written before is in the mirror. An error says that
// nobody knows: if it was won, [store.Follower] tells so.
func (db *DB) Claim(ctx context.Context, identity string) (won bool, err error) {
	if err := db.ready(); err != nil {
		return false, err
	}
	l, name := db.lease.Load(), layout.Owner(identity)
	if l == nil || !db.holds() || db.mirror.Get(layout.Replica(db.options.Replica)).Lease != int64(l.id) {
		return false, nil
	}
	t := db.etcd.Begin()
	t.Unchanged(name, mirror.Entry{})
	t.Claim(name, layout.Say(layout.Ownership{Replica: db.options.Replica, Since: time.Now().UTC()}), l.id)
	t.OrGet(name)
	answer, err := t.Commit(ctx)
	if err != nil {
		return false, fmt.Errorf("claiming: %w", err)
	}
	if !answer.Succeeded {
		if found, _ := txn.Found(name, answer); found.Lease != int64(l.id) {
			return false, nil
		}
	}
	if err := db.mirror.Wait(ctx, answer.Header.GetRevision()); err != nil {
		return false, fmt.Errorf("claiming: %w", err)
	}
	return db.Owns(identity), nil
}

// Resign ends that this replica owns an identity; it is no error if it does not. It
// tries until the context ends.
func (db *DB) Resign(ctx context.Context, identity string) error {
	name := layout.Owner(identity)
	for {
		mine, ok := db.mine(identity)
		if !ok {
			return nil
		}
		t := db.etcd.Begin()
		t.Owner(identity, mine)
		t.Remove(name)
		answer, err := t.Commit(ctx)
		if err == nil && !answer.Succeeded {
			// It is gone already, which the watch is about to tell.
			db.mirror.Written([]mirror.Change{{Name: name, Entry: mirror.Entry{Modified: answer.Header.GetRevision()}}})
		}
		if err == nil {
			db.mirror.Moved()
			return nil
		}
		if !client.Passing(err) || !pause(ctx, again) {
			return fmt.Errorf("resigning: %w", err)
		}
	}
}

// Owned is the store as the owner of an identity writes to it.
type Owned struct {
	*DB

	identity string // "" for anybody
}

// Owned returns the store for the owner of an identity: its Write compares that this
// replica still is.
func (db *DB) Owned(identity string) *Owned { return &Owned{db, identity} }

// Write is [DB.Write] that changes nothing unless this replica owns the identity;
// else the error is [store.ErrNotOwner].
//
// In table [store.Ledger] it has rules of its own. A write that makes a key charges a
// call: it is one transaction, which compares also that nobody else has charged
// meanwhile, and is tried once. It fails with [store.ErrNotOwner], with
// [store.ErrMoved], or with [store.ErrUnknown] if it may be applied yet. A write that
// changes or deletes keys only ends calls, which whoever made them may do: the owner
// is not compared.
func (o *Owned) Write(ops ...store.Op) error { return o.write(ops) }
