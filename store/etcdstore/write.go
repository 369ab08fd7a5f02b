package etcdstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
	"prefetch_exporter/store/etcdstore/txn"
)

const (
	// writing is how long a write tries, and ending how long the end of a call does.
	writing = 10 * time.Second
	ending  = 5 * time.Second
	// catchUp is how long a write waits for the mirror to learn what it did not know.
	catchUp = time.Second
	// maxOps and maxSize bound a transaction: etcd takes 128 operations and 1.5 MiB.
	maxOps  = 100
	maxSize = layout.MaxPart
)

// Write makes the changes durable before it returns. Changes are split into
// transactions of at most 100 operations and 1 MiB, each applied as a whole; those of
// table [store.Accounts] come last. Of two changes of one key the last wins.
//
// Each key is compared with the revision that this replica knows of, so that a write
// that was given up and is applied late replaces nothing newer. If somebody else was
// faster it is tried again on what they wrote, for 10 s in all; only in table
// [store.Ledger] it is one transaction that fails with [store.ErrMoved] then, or with
// [store.ErrUnknown] if it may be applied yet.
func (db *DB) Write(ops ...store.Op) error { return db.Owned("").Write(ops...) }

// write is [DB.Write], and for the owner of an identity [Owned.Write].
func (o *Owned) write(ops []store.Op) error {
	db := o.DB
	if err := store.Validate(ops...); err != nil {
		db.options.OnError(store.ReasonWrite)
		return err
	}
	if len(ops) == 0 {
		return nil
	}
	if err := db.ready(); err != nil {
		return err
	}
	ledger, records := db.seal(ops)
	var err error
	if len(ledger) > 0 {
		err = o.ledger(ledger)
	}
	if err == nil && len(records) > 0 {
		ctx, cancel := context.WithTimeout(db.connection.Context(), writing)
		defer cancel()
		for _, some := range chunks(records) {
			if err = o.try(ctx, some, false); err != nil {
				break
			}
		}
	}
	switch {
	case err == nil:
		db.writes.Add(1)
		db.report(nil)
	case db.closed.Load():
		return store.ErrClosed
	case errors.Is(err, store.ErrNotOwner), errors.Is(err, store.ErrMoved):
		// Nothing is wrong with the store.
	default:
		db.report(err)
	}
	return err
}

// ready says why nothing can be written yet.
func (db *DB) ready() error {
	switch {
	case db.closed.Load():
		return store.ErrClosed
	case !db.mirror.Loaded():
		return store.ErrNotLoaded
	case !db.writable.Load():
		return fmt.Errorf("%w: older replicas still run, which cannot read what this one writes", store.ErrNotLoaded)
	default:
		return nil
	}
}

// change is what becomes of one record; without a value it is deleted.
type change struct {
	name   layout.Name
	sealed layout.Sealed
	size   int
	// was is what the record must say for the change to be made; nil for anything.
	was []byte
	// known is how the record was when it was looked at last.
	known mirror.Entry
}

func (c change) deletes() bool { return c.sealed.Value == nil }

// seal returns the changes as etcd keeps them, those of the ledger apart; of two of
// one key only the last.
func (db *DB) seal(ops []store.Op) (ledger, records []change) {
	last := map[layout.Name]int{}
	for i, op := range ops {
		last[layout.Record(op.Table, op.Scope, op.Key)] = i
	}
	for i, op := range ops {
		c := change{name: layout.Record(op.Table, op.Scope, op.Key), was: op.Was}
		if last[c.name] != i {
			continue
		}
		if op.Value != nil {
			c.sealed = layout.Seal(c.name, db.options.version(), op.Value, strconv.FormatUint(rand.Uint64(), 36)) //nolint:gosec // a name
		}
		const keys = 2 // compared, then put
		c.size = keys*len(db.etcd.Path(c.name)) + len(c.sealed.Value)
		if op.Table == store.Ledger {
			ledger = append(ledger, c)
		} else {
			records = append(records, c)
		}
	}
	return ledger, records
}

// chunks splits changes into those of one transaction each.
func chunks(changes []change) [][]change {
	last := func(c change) int {
		if c.name.Kind == string(store.Accounts) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(changes, func(a, b change) int { return last(a) - last(b) })
	var all [][]change
	size := 0
	for _, c := range changes {
		if n := len(all); n > 0 && len(all[n-1]) < maxOps && size+c.size <= maxSize {
			all[n-1] = append(all[n-1], c)
			size += c.size
			continue
		}
		all = append(all, []change{c})
		size = c.size
	}
	return all
}

// ledger writes to the ledger.
func (o *Owned) ledger(changes []change) error {
	changes = o.look(changes)
	switch {
	case len(changes) == 0:
		return nil
	case o.identity == "":
		return o.once(o.transaction(changes))
	case creates(changes):
		return o.charge(changes)
	default:
		return o.end(changes)
	}
}

// charge writes a call that is about to leave.
func (o *Owned) charge(changes []change) error {
	if excess := len(changes) + 1 - maxOps; excess > 0 {
		// What is deleted with a charge is of no more use; whether that is in the same
		// transaction does not matter.
		slices.SortStableFunc(changes, func(a, b change) int { return len(b.sealed.Value) - len(a.sealed.Value) })
		first := changes[len(changes)-excess:]
		if !first[0].deletes() {
			return fmt.Errorf("a charge changes %d keys, at most %d fit into a transaction", len(changes), maxOps)
		}
		if err := o.end(first); err != nil {
			return err
		}
		changes = changes[:len(changes)-excess]
	}
	mine, ok := o.mine(o.identity)
	if !ok || !o.holds() {
		return store.ErrNotOwner
	}
	head := layout.Head(o.identity)
	t := o.transaction(changes)
	t.Owner(o.identity, mine)
	t.Unchanged(head, o.mirror.Get(head))
	t.Put(head, []byte(o.options.Replica), clientv3.NoLease)
	return o.once(t)
}

// once commits a transaction after which no retry may follow.
func (o *Owned) once(t *txn.Transaction) error {
	answer, err := t.Commit(o.connection.Context())
	switch {
	case err == nil:
		return outcome(t, answer)
	case client.Refused(err):
		return fmt.Errorf("writing to etcd: %w", err)
	default:
		return fmt.Errorf("writing to etcd: %w: %w", store.ErrUnknown, err)
	}
}

// outcome says what came of a transaction that etcd answered.
func outcome(t *txn.Transaction, answer *clientv3.TxnResponse) error {
	switch {
	case answer.Succeeded:
		return nil
	case t.Deposed(answer):
		return store.ErrNotOwner
	default:
		return store.ErrMoved
	}
}

// end writes that calls have ended.
func (o *Owned) end(changes []change) error {
	ctx, cancel := context.WithTimeout(o.connection.Context(), ending)
	defer cancel()
	for _, some := range chunks(changes) {
		if err := o.Owned("").try(ctx, some, true); err != nil {
			return err
		}
	}
	return nil
}

// try commits changes in one transaction, again and again until it is done, etcd
// refuses, or the context ends. With ends a key that is gone stays so.
func (o *Owned) try(ctx context.Context, changes []change, ends bool) error {
	for {
		now := o.look(changes)
		if ends {
			now = slices.DeleteFunc(now, func(c change) bool { return c.known.Created == 0 })
		}
		if len(now) == 0 {
			return nil
		}
		err := o.attempt(ctx, now)
		switch {
		case err == nil:
			return nil
		case !client.Passing(err), errors.Is(err, store.ErrNotOwner):
			return err
		case !errors.Is(err, store.ErrMoved) && !pause(ctx, again), ctx.Err() != nil:
			return err
		}
	}
}

// attempt commits changes once, as they were looked at. After [store.ErrMoved] the mirror knows more.
func (o *Owned) attempt(ctx context.Context, changes []change) error {
	t := o.transaction(changes)
	if o.identity != "" {
		mine, ok := o.mine(o.identity)
		if !ok || !o.holds() {
			return store.ErrNotOwner
		}
		t.Owner(o.identity, mine)
	}
	var guard mirror.Entry
	if creates(changes) {
		var err error
		if guard, err = o.guard(t); err != nil {
			return err
		}
	}
	if err := o.putParts(ctx, changes); err != nil {
		return err
	}
	answer, err := t.Commit(ctx)
	if err == nil {
		if err = outcome(t, answer); errors.Is(err, store.ErrMoved) {
			ctx, cancel := context.WithTimeout(ctx, catchUp)
			defer cancel()
			_ = o.mirror.Wait(ctx, answer.Header.GetRevision()) // else the next attempt fails as well
		}
		return err
	}
	if creates(changes) && !client.Refused(err) {
		o.fence(ctx, guard)
	}
	return fmt.Errorf("writing to etcd: %w", err)
}

// guard lets a transaction that makes keys compare this replica's registration. That
// a key is not there is true also after it was made and deleted again; so a
// transaction that was given up could make it once more, hours later.
func (o *Owned) guard(t *txn.Transaction) (mirror.Entry, error) {
	name := layout.Replica(o.options.Replica)
	e, l := o.mirror.Get(name), o.lease.Load()
	if l == nil || e.Lease != int64(l.id) {
		return e, fmt.Errorf("%w: this replica is not registered", client.ErrNotConnected)
	}
	t.Unchanged(name, e)
	return e, nil
}

// fence puts the registration anew, unless that has happened: transactions that
// compare what it was are void.
func (db *DB) fence(ctx context.Context, was mirror.Entry) {
	for {
		l := db.lease.Load()
		if l == nil || db.mirror.Get(layout.Replica(db.options.Replica)).Modified != was.Modified {
			return
		}
		if ok, _ := db.register(ctx, l, true); ok || !pause(ctx, again) {
			return
		}
	}
}

// putParts puts the parts of large values, to which nothing points yet. It is called
// for each attempt, between building the transaction and committing it: whoever else
// writes a record deletes all parts but their own, and then this transaction fails.
func (db *DB) putParts(ctx context.Context, changes []change) error {
	for _, c := range changes {
		for _, part := range c.sealed.Parts {
			if err := db.putPart(ctx, part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (db *DB) putPart(ctx context.Context, part layout.Part) error {
	for {
		t := db.etcd.Begin()
		t.Put(part.Name, part.Value, clientv3.NoLease)
		_, err := t.Commit(ctx)
		if err == nil {
			return nil
		}
		if !client.Passing(err) || !pause(ctx, again) {
			return fmt.Errorf("writing to etcd: %w", err)
		}
	}
}

// look notes how the records are that changes are about, and returns the changes that
// are to be made.
func (db *DB) look(changes []change) []change {
	made := make([]change, 0, len(changes))
	for _, c := range changes {
		item := db.mirror.Item(c.name)
		c.known = item.Entry
		if c.was != nil {
			op, err := db.decode(item)
			if err != nil || op.Value == nil || !bytes.Equal(op.Value, c.was) {
				continue
			}
		}
		made = append(made, c)
	}
	return made
}

// transaction returns one that makes changes if the records are as they were looked at.
func (db *DB) transaction(changes []change) *txn.Transaction {
	t := db.etcd.Begin()
	for _, c := range changes {
		t.Unchanged(c.name, c.known)
		if c.deletes() {
			t.Remove(c.name)
		} else {
			t.Put(c.name, c.sealed.Value, clientv3.NoLease)
		}
		t.RemoveParts(c.name, c.sealed)
	}
	return t
}

// creates reports whether changes make a key.
func creates(changes []change) bool {
	return slices.ContainsFunc(changes, func(c change) bool { return !c.deletes() && c.known.Created == 0 })
}
