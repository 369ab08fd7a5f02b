// Package txn builds transactions that change nothing unless what they replace is as
// the mirror has it, and tells the mirror what they did. It must not know why
// something is written.
package txn

import (
	"context"
	"slices"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
)

// Etcd is where transactions are committed, and what is known of it.
type Etcd struct {
	Connection *client.Connection
	Mirror     *mirror.Mirror
	// Prefix is what every key begins with, before a slash.
	Prefix string
	// Commits is how many transactions changed something.
	Commits atomic.Uint64
}

// Path is the key of a name.
func (e *Etcd) Path(n layout.Name) string { return e.Prefix + "/" + n.Path() }

// Begin returns a transaction without anything in it.
func (e *Etcd) Begin() *Transaction { return &Transaction{etcd: e} }

// Transaction is one of etcd's, and what it does to the mirror. It is committed once.
type Transaction struct {
	etcd            *Etcd
	compares        []clientv3.Cmp
	then, otherwise []clientv3.Op
	changes         []mirror.Change
	fenced          bool // the first of otherwise is the owner
	mine            mirror.Entry
}

// Unchanged compares that a key is as it is known to be.
func (t *Transaction) Unchanged(n layout.Name, known mirror.Entry) {
	if known.Created == 0 {
		known.Modified = 0
	}
	t.compares = append(t.compares, clientv3.Compare(clientv3.ModRevision(t.etcd.Path(n)), "=", known.Modified))
}

// Owner compares that this replica owns an identity, by the key that it knows.
func (t *Transaction) Owner(identity string, mine mirror.Entry) {
	path := t.etcd.Path(layout.Owner(identity))
	t.compares = append(t.compares, clientv3.Compare(clientv3.CreateRevision(path), "=", mine.Created),
		clientv3.Compare(clientv3.LeaseValue(path), "=", mine.Lease))
	// With its value: for keys only, etcd 3.7 does not tell the lease.
	t.otherwise = append(t.otherwise, clientv3.OpGet(path))
	t.fenced, t.mine = true, mine
}

// Deposed reports whether a transaction failed since this replica is not the owner.
func (t *Transaction) Deposed(answer *clientv3.TxnResponse) bool {
	if !t.fenced {
		return false
	}
	found := answer.Responses[0].GetResponseRange().GetKvs()
	return len(found) == 0 || found[0].GetCreateRevision() != t.mine.Created || found[0].GetLease() != t.mine.Lease
}

// RemoveAll deletes everything below the prefix.
func (t *Transaction) RemoveAll() {
	t.then = append(t.then, clientv3.OpDelete(t.etcd.Prefix+"/", clientv3.WithPrefix()))
}

// Claim sets a key that the mirror is not told of: the watch brings it after all that
// was before.
func (t *Transaction) Claim(n layout.Name, value []byte, id clientv3.LeaseID) {
	t.then = append(t.then, clientv3.OpPut(t.etcd.Path(n), string(value), clientv3.WithLease(id)))
}

// OrGet reads a key if nothing is changed: see [Found].
func (t *Transaction) OrGet(n layout.Name) {
	t.otherwise = append(t.otherwise, clientv3.OpGet(t.etcd.Path(n)))
}

// Found returns what a transaction that changed nothing has read of a key.
func Found(n layout.Name, answer *clientv3.TxnResponse) (c mirror.Change, ok bool) {
	found := answer.Responses[0].GetResponseRange().GetKvs()
	if len(found) == 0 {
		return mirror.Change{Name: n, Entry: mirror.Entry{Modified: answer.Header.GetRevision()}}, false
	}
	return mirror.ChangeOf(n, found[0]), true
}

// Put sets a key, under a lease or none.
func (t *Transaction) Put(n layout.Name, value []byte, id clientv3.LeaseID) {
	t.then = append(t.then, clientv3.OpPut(t.etcd.Path(n), string(value), clientv3.WithLease(id)))
	created := max(1, t.etcd.Mirror.Get(n).Created) // 1: with the transaction
	t.changes = append(t.changes, mirror.Change{Name: n, Entry: mirror.Entry{Value: value, Created: created, Lease: int64(id)}})
}

// Remove deletes a key.
func (t *Transaction) Remove(n layout.Name) {
	t.then = append(t.then, clientv3.OpDelete(t.etcd.Path(n)))
	t.changes = append(t.changes, mirror.Change{Name: n})
}

// RemoveParts deletes the parts of a record but for those that its new value points
// to.
func (t *Transaction) RemoveParts(record layout.Name, sealed layout.Sealed) {
	all := layout.Parts(record)
	stay := map[layout.Name]bool{}
	for _, part := range sealed.Parts {
		stay[part.Name] = true
	}
	stale := slices.DeleteFunc(t.etcd.Mirror.Scope(all), func(n layout.Name) bool { return stay[n] })
	if len(stale) == 0 {
		return
	}
	from := t.etcd.Path(all) + "/"
	to := clientv3.GetPrefixRangeEnd(from)
	if len(stay) > 0 {
		// They lie next to each other.
		names := layout.PartsOf(record, sealed.Value)
		first := t.etcd.Path(layout.PartsPrefix(names[0]))
		t.then = append(t.then, clientv3.OpDelete(from, clientv3.WithRange(first)))
		from = clientv3.GetPrefixRangeEnd(first)
	}
	t.then = append(t.then, clientv3.OpDelete(from, clientv3.WithRange(to)))
	for _, n := range stale {
		t.changes = append(t.changes, mirror.Change{Name: n})
	}
}

// Commit commits the transaction and tells the mirror what it did.
func (t *Transaction) Commit(ctx context.Context) (*clientv3.TxnResponse, error) {
	answer, err := client.Ask(ctx, t.etcd.Connection, client.Limit, func(ctx context.Context, c *client.Etcd) (*clientv3.TxnResponse, error) {
		return c.Txn(ctx).If(t.compares...).Then(t.then...).Else(t.otherwise...).Commit()
	})
	if err != nil || !answer.Succeeded {
		return answer, err
	}
	t.etcd.Commits.Add(1)
	revision := answer.Header.GetRevision()
	for i := range t.changes {
		c := &t.changes[i]
		if c.Modified = revision; c.Created == 1 {
			c.Created = revision
		}
	}
	t.etcd.Mirror.Written(t.changes)
	return answer, nil
}
