package etcdstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
	"prefetch_exporter/store/etcdstore/txn"
)

const (
	// renewalsPerTTL is how often a lease is renewed in its time.
	renewalsPerTTL = 4
	// renewalLimit is how long a renewal may take before another member is asked.
	renewalLimit = 700 * time.Millisecond
	// revokeLimit is how long the end waits for the lease to be given back.
	revokeLimit = 2 * time.Second
	// expiry is how much later than a lease etcd deletes what it held.
	expiry = 2 * time.Second
	// silent is after how long without a word from the watch the store is not up.
	silent = 5 * time.Second
)

// lease is this replica's lease; it is replaced, never changed. Times are by the
// uptime.
type lease struct {
	id  clientv3.LeaseID
	ttl time.Duration
	// ends is when etcd may take it for over: counted from when the last renewal
	// that succeeded was sent.
	ends time.Duration
	// renew is when the next renewal is due.
	renew time.Duration
}

func (l *lease) renewed(sent, ttl time.Duration) *lease {
	return &lease{id: l.id, ttl: ttl, ends: sent + ttl, renew: sent + ttl/renewalsPerTTL}
}

// Register says what [DB.Members] of all replicas tells of this one, now and for as
// long as it lives.
func (db *DB) Register(value []byte) {
	db.serves.Store(&value)
	db.ring()
}

func (db *DB) ring() {
	select {
	case db.wake <- struct{}{}:
	default:
	}
}

func (db *DB) registration() []byte {
	r := layout.Registration{Reads: db.options.version()}
	if value := db.serves.Load(); value != nil {
		r.Value = *value
	}
	return layout.Say(r)
}

// hold keeps the lease and the registration until the context ends, then gives the
// lease back.
func (db *DB) hold(ctx context.Context) error {
	defer db.revoke(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var taken time.Duration // since when another replica has the name; 0 if none has
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-db.wake:
		}
		next := db.keep(ctx)
		if l := db.lease.Load(); l != nil {
			registered, err := db.register(ctx, l, false)
			switch {
			case registered:
				taken = 0
			case !errors.Is(err, ErrName):
			case taken == 0:
				taken = db.options.Uptime()
				db.options.Logger.Warn("Another replica has this name; if it was this one before a restart, its lease is about to end",
					"replica", db.options.Replica)
			case db.options.Uptime()-taken > l.ttl+expiry:
				return fmt.Errorf("%w: %q", ErrName, db.options.Replica)
			}
			if !registered {
				next = min(next, again)
			}
		}
		db.judge()
		timer.Reset(next)
	}
}

// keep begins or renews the lease if it is time, and returns when to look again.
func (db *DB) keep(ctx context.Context) time.Duration {
	l, now := db.lease.Load(), db.options.Uptime()
	switch {
	case l == nil:
		return db.grant(ctx)
	case now < l.renew:
		return l.renew - now
	case now >= l.ends && !db.answered(ctx):
		return again
	}
	renew := func(ctx context.Context, c *client.Etcd) (*clientv3.LeaseKeepAliveResponse, error) {
		return c.KeepAliveOnce(ctx, l.id)
	}
	answer, err := client.Ask(ctx, db.connection, renewalLimit, renew)
	switch {
	case err == nil:
		l = l.renewed(now, time.Duration(answer.TTL)*time.Second)
		db.lease.Store(l)
		return l.renew - now
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		db.lost()
		return 0
	case db.options.Uptime()-now < again:
		return again // no busy loop if it fails at once
	default:
		return 0
	}
}

// answered reports whether etcd answers. A replica whose deadline has passed does
// nothing with its lease, so it is not renewed before that is known: where only the
// answers are lost, renewals would keep others from taking over.
func (db *DB) answered(ctx context.Context) bool {
	get := func(ctx context.Context, c *client.Etcd) (*clientv3.GetResponse, error) {
		return c.Get(ctx, db.etcd.Path(layout.Replica(db.options.Replica)), clientv3.WithCountOnly())
	}
	_, err := client.Ask(ctx, db.connection, renewalLimit, get)
	return err == nil
}

// lost notes that etcd has ended the lease.
func (db *DB) lost() {
	db.options.Logger.Warn("The lease of this replica was lost, and what it owned with it", "replica", db.options.Replica)
	db.lease.Store(nil)
	db.mirror.Moved()
}

func (db *DB) grant(ctx context.Context) time.Duration {
	sent := db.options.Uptime()
	seconds := int64((db.options.LeaseTTL + time.Second - 1) / time.Second)
	grant := func(ctx context.Context, c *client.Etcd) (*clientv3.LeaseGrantResponse, error) {
		return c.Grant(ctx, seconds)
	}
	answer, err := client.Ask(ctx, db.connection, client.Limit, grant)
	if err != nil {
		if client.Refused(err) && !client.Passing(err) {
			db.report(fmt.Errorf("a lease: %w", err))
			return client.Limit
		}
		return again
	}
	l := &lease{id: answer.ID}
	l = l.renewed(sent, time.Duration(answer.TTL)*time.Second)
	db.lease.Store(l)
	return max(0, l.renew-db.options.Uptime())
}

// revoke gives the lease back. It is the last thing before the end.
func (db *DB) revoke(ctx context.Context) {
	holds, l := db.holds(), db.lease.Swap(nil)
	if !holds {
		return // it has ended by itself, or is about to
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeLimit)
	defer cancel()
	for {
		_, err := client.Ask(ctx, db.connection, renewalLimit, func(ctx context.Context, c *client.Etcd) (*clientv3.LeaseRevokeResponse, error) {
			return c.Revoke(ctx, l.id)
		})
		if err == nil || errors.Is(err, rpctypes.ErrLeaseNotFound) || !pause(ctx, again) {
			return
		}
	}
}

// register puts this replica's registration if it is not there as it should be, or
// in any case with anew: a transaction of this replica whose outcome is unknown
// compares the registration's revision, and so can change nothing any more. ok is
// false if it has to be tried again.
func (db *DB) register(ctx context.Context, l *lease, anew bool) (ok bool, err error) {
	name, value := layout.Replica(db.options.Replica), db.registration()
	known := db.mirror.Get(name)
	if !anew && known.Lease == int64(l.id) && bytes.Equal(known.Value, value) {
		return true, nil
	}
	t := db.etcd.Begin()
	if known.Lease == int64(l.id) {
		t.Unchanged(name, known)
	} else {
		t.Unchanged(name, mirror.Entry{})
	}
	t.Put(name, value, l.id)
	t.OrGet(name)
	answer, err := t.Commit(ctx)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		db.lost()
		return false, err
	}
	if err != nil {
		if client.Refused(err) && !client.Passing(err) {
			db.report(fmt.Errorf("registering: %w", err))
		}
		return false, err
	}
	if answer.Succeeded {
		return true, nil
	}
	found, there := txn.Found(name, answer)
	if there && found.Lease != int64(l.id) {
		return false, ErrName
	}
	db.mirror.Written([]mirror.Change{found})
	return false, nil
}

// holds reports whether the lease holds, by its own deadline.
func (db *DB) holds() bool {
	l := db.lease.Load()
	return l != nil && db.options.Uptime() < l.ends
}

// Up reports whether the lease holds and the watch said something within 5 s, and
// since when that is so.
func (db *DB) Up() (up bool, since time.Time) {
	db.judge()
	db.stateMutex.Lock()
	defer db.stateMutex.Unlock()
	return db.up, db.since
}

// judge notes whether the store is up, and tells the follower when the lease begins
// or ends to hold.
func (db *DB) judge() {
	held := db.holds()
	heard := db.heard.Load()
	up := held && heard >= 0 && db.options.Uptime()-time.Duration(heard) < silent
	db.stateMutex.Lock()
	defer db.stateMutex.Unlock()
	if up != db.up {
		db.up, db.since = up, time.Now()
	}
	if held != db.held {
		db.held = held
		db.mirror.Moved()
	}
}
