package etcdstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
)

// ownership is what the key of an owner says. That it is held under the own lease is
// what makes a replica the owner, whatever it believes.
type ownership struct {
	Replica string    `json:"replica"`
	Since   time.Time `json:"since"`
}

// Members returns what the replicas that are there have registered, by name, this
// one included.
func (db *DB) Members() map[string][]byte {
	members := map[string][]byte{}
	for name, entry := range db.mirror.Kind(layout.Replica("")) {
		members[name] = registered(entry).Value
	}
	return members
}

// registered returns what a replica says of itself; nothing if it cannot be read.
func registered(e mirror.Entry) registration {
	var r registration
	if json.Unmarshal(e.Value, &r) != nil {
		return registration{}
	}
	return r
}

// Owner returns which replica owns an identity, and since when; "" if none does.
func (db *DB) Owner(identity string) (replica string, since time.Time) {
	o := owned(db.mirror.Get(layout.Owner(identity)))
	return o.Replica, o.Since
}

func owned(e mirror.Entry) ownership {
	var o ownership
	if json.Unmarshal(e.Value, &o) != nil {
		return ownership{}
	}
	return o
}

// Owners returns which replica owns which identity.
func (db *DB) Owners() map[string]string {
	owners := map[string]string{}
	for identity, entry := range db.mirror.Kind(layout.Owner("")) {
		owners[identity] = owned(entry).Replica
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
// nobody knows: if it was won, [Follower.Moved] tells so.
func (db *DB) Claim(ctx context.Context, identity string) (won bool, err error) {
	if err := db.ready(); err != nil {
		return false, err
	}
	l, name := db.lease.Load(), layout.Owner(identity)
	if l == nil || !db.holds() || db.mirror.Get(layout.Replica(db.options.Replica)).Lease != int64(l.id) {
		return false, nil
	}
	value, err := json.Marshal(ownership{Replica: db.options.Replica, Since: time.Now().UTC()})
	if err != nil {
		return false, fmt.Errorf("claiming: %w", err)
	}
	t := &transaction{db: db}
	t.unchanged(name, mirror.Entry{})
	// Nothing is applied to the mirror: the watch brings it after all that was before.
	t.then = []clientv3.Op{clientv3.OpPut(db.path(name), string(value), clientv3.WithLease(l.id))}
	t.otherwise = []clientv3.Op{clientv3.OpGet(db.path(name))}
	answer, err := t.commit(ctx)
	if err != nil {
		return false, fmt.Errorf("claiming: %w", err)
	}
	if !answer.Succeeded {
		found := answer.Responses[0].GetResponseRange().GetKvs()
		if len(found) == 0 || found[0].GetLease() != int64(l.id) {
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
		t := &transaction{db: db}
		t.owner(identity, mine)
		t.remove(name)
		answer, err := t.commit(ctx)
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

	identity string
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
func (o *Owned) Write(ops ...store.Op) error {
	return o.write(writer{db: o.DB, identity: o.identity}, ops)
}
