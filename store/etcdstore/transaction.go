package etcdstore

import (
	"context"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
)

// transaction is one of etcd's, and what it does to the mirror.
type transaction struct {
	db              *DB
	compares        []clientv3.Cmp
	then, otherwise []clientv3.Op
	changes         []mirror.Change
	creates         bool
	fenced          bool // the first of otherwise is the owner
	mine            mirror.Entry
}

// transaction returns one that makes changes if nobody else has changed the records.
func (db *DB) transaction(changes []change) *transaction {
	t := &transaction{db: db}
	for _, c := range changes {
		known := db.mirror.Get(c.name)
		t.unchanged(c.name, known)
		if c.deletes() {
			t.remove(c.name)
		} else {
			t.put(c.name, c.sealed.Value, clientv3.NoLease)
			t.creates = t.creates || known.Created == 0
		}
		t.removeParts(c)
	}
	return t
}

// unchanged compares that a key is as it is known to be.
func (t *transaction) unchanged(n layout.Name, known mirror.Entry) {
	if known.Created == 0 {
		known.Modified = 0
	}
	t.compares = append(t.compares, clientv3.Compare(clientv3.ModRevision(t.db.path(n)), "=", known.Modified))
}

// owner compares that this replica owns an identity, by the key that it knows.
func (t *transaction) owner(identity string, mine mirror.Entry) {
	path := t.db.path(layout.Owner(identity))
	t.compares = append(t.compares, clientv3.Compare(clientv3.CreateRevision(path), "=", mine.Created),
		clientv3.Compare(clientv3.LeaseValue(path), "=", mine.Lease))
	t.otherwise = append(t.otherwise, clientv3.OpGet(path, clientv3.WithKeysOnly()))
	t.fenced, t.mine = true, mine
}

// deposed reports whether a transaction failed since this replica is not the owner.
func (t *transaction) deposed(answer *clientv3.TxnResponse) bool {
	if !t.fenced {
		return false
	}
	found := answer.Responses[0].GetResponseRange().GetKvs()
	return len(found) == 0 || found[0].GetCreateRevision() != t.mine.Created || found[0].GetLease() != t.mine.Lease
}

func (t *transaction) put(n layout.Name, value []byte, id clientv3.LeaseID) {
	t.then = append(t.then, clientv3.OpPut(t.db.path(n), string(value), clientv3.WithLease(id)))
	created := max(1, t.db.mirror.Get(n).Created) // 1: with the transaction
	t.changes = append(t.changes, mirror.Change{Name: n, Entry: mirror.Entry{Value: value, Created: created, Lease: int64(id)}})
}

func (t *transaction) remove(n layout.Name) {
	t.then = append(t.then, clientv3.OpDelete(t.db.path(n)))
	t.changes = append(t.changes, mirror.Change{Name: n})
}

// removeParts removes the parts of a record but for those that its value points to.
func (t *transaction) removeParts(c change) {
	all := layout.Parts(c.name)
	stay := map[layout.Name]bool{}
	for _, part := range c.sealed.Parts {
		stay[part.Name] = true
	}
	stale := slices.DeleteFunc(t.db.mirror.Scope(all), func(n layout.Name) bool { return stay[n] })
	if len(stale) == 0 {
		return
	}
	from := t.db.path(all) + "/"
	to := clientv3.GetPrefixRangeEnd(from)
	if len(stay) > 0 {
		// They lie next to each other.
		names := layout.PartsOf(c.name, c.sealed.Value)
		first := t.db.path(layout.PartsPrefix(names[0]))
		t.then = append(t.then, clientv3.OpDelete(from, clientv3.WithRange(first)))
		from = clientv3.GetPrefixRangeEnd(first)
	}
	t.then = append(t.then, clientv3.OpDelete(from, clientv3.WithRange(to)))
	for _, n := range stale {
		t.changes = append(t.changes, mirror.Change{Name: n})
	}
}

// commit commits the transaction and tells the mirror what it did.
func (t *transaction) commit(ctx context.Context) (*clientv3.TxnResponse, error) {
	answer, err := client.Ask(ctx, t.db.connection, client.Limit, func(ctx context.Context, c *client.Etcd) (*clientv3.TxnResponse, error) {
		return c.Txn(ctx).If(t.compares...).Then(t.then...).Else(t.otherwise...).Commit()
	})
	if err != nil || !answer.Succeeded {
		return answer, err
	}
	t.db.commits.Add(1)
	revision := answer.Header.GetRevision()
	for i := range t.changes {
		c := &t.changes[i]
		if c.Modified = revision; c.Created == 1 {
			c.Created = revision
		}
	}
	t.db.mirror.Written(t.changes)
	return answer, nil
}

// changeOf is a key as etcd tells it.
func changeOf(n layout.Name, kv *mvccpb.KeyValue) mirror.Change {
	return mirror.Change{Name: n, Entry: mirror.Entry{
		Value: kv.GetValue(), Created: kv.GetCreateRevision(), Modified: kv.GetModRevision(), Lease: kv.GetLease(),
	}}
}
