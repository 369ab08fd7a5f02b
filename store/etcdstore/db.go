package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
	"prefetch_exporter/store/etcdstore/txn"
)

// DB is a store in etcd. It is safe for concurrent use.
type DB struct {
	options    Options
	connection *client.Connection
	mirror     *mirror.Mirror
	etcd       *txn.Etcd
	follower   store.Follower
	closed     atomic.Bool
	// fresh is set if this replica began the prefix.
	fresh atomic.Bool
	// writable is set while this program's format is the one that is written.
	writable atomic.Bool

	lease  atomic.Pointer[lease]
	wake   chan struct{} // the session has something to do
	serves atomic.Pointer[[]byte]

	// heard is the uptime when the watch said something last.
	heard atomic.Int64

	stateMutex sync.Mutex
	up, held   bool
	since      time.Time

	outage store.Outage
	writes atomic.Uint64
}

// again is the pause before something that failed is tried again.
const again = 100 * time.Millisecond

// Open returns a store for the options, at once: it is there for reading and writing
// after [DB.Run] has connected and read everything. The caller closes it.
func Open(o Options) *DB {
	o = o.withDefaults()
	db := &DB{options: o, mirror: mirror.New(), wake: make(chan struct{}, 1), since: time.Now()}
	db.connection = client.New(client.Options{
		Endpoints: o.Endpoints, Username: o.Username, Password: o.Password, TLS: o.TLS, DialTimeout: o.DialTimeout,
	})
	db.etcd = &txn.Etcd{Connection: db.connection, Mirror: db.mirror, Prefix: o.Prefix}
	db.heard.Store(-1)
	return db
}

// Follow says who is told of changes. It is called once, before [DB.Run].
func (db *DB) Follow(f store.Follower) { db.follower = f }

// Run connects, holds the lease, and follows what happens, until the context ends;
// then it gives the lease back, so that others take over at once. It returns an
// error ([ErrName], [ErrNewer], [ErrHalf]) if this replica must not run; whatever
// state etcd is in, it waits.
func (db *DB) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group sync.WaitGroup
	for _, loop := range []func(context.Context) error{db.hold, db.watchAll, db.raiseFormat} {
		group.Go(func() {
			if err := loop(ctx); err != nil {
				stop(err)
			}
		})
	}
	if db.follower != nil {
		group.Go(func() { db.tellFollower(ctx) })
	}
	group.Wait()
	db.judge()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause //nolint:wrapcheck // it is our own
	}
	return nil
}

func (db *DB) tellFollower(ctx context.Context) {
	for {
		news, ok := db.mirror.Next(ctx)
		if !ok {
			return
		}
		if news.Rewound {
			db.follower.Rewound()
		}
		if news.Loaded {
			db.follower.Loaded()
		}
		if ops := db.decodeAll(news.Changed); len(ops) > 0 {
			db.follower.Heard(ops)
		}
		if news.Moved {
			db.follower.Moved()
		}
	}
}

// decodeAll returns records that changed. One that cannot be read is logged and left
// out: what was known of it stays.
func (db *DB) decodeAll(items []mirror.Item) []store.Op {
	var ops []store.Op
	for _, item := range items {
		op, err := db.decode(item)
		if err != nil {
			db.options.OnError(store.ReasonRead)
			db.options.Logger.Error("A record in etcd cannot be read", "key", db.etcd.Path(item.Name), "err", err)
			continue
		}
		ops = append(ops, op)
	}
	return ops
}

// decode returns a record as this program's version has it, without a value if it
// was deleted or is left out by a migration.
func (db *DB) decode(item mirror.Item) (store.Op, error) {
	if item.Created == 0 {
		return store.Op{Table: store.Table(item.Name.Kind), Scope: item.Name.Scope, Key: item.Name.Key}, nil
	}
	return layout.Decode(item.Name, item.Value, item.Parts, db.options.Migrations)
}

// Loaded reports whether everything was read once. What is there stays while etcd is
// away.
func (db *DB) Loaded() bool { return db.mirror.Loaded() }

// State reports what was found below the prefix: [store.Fresh] if this replica began
// it, and before the first load [store.Existing].
func (db *DB) State() store.State {
	if db.fresh.Load() {
		return store.Fresh
	}
	return store.Existing
}

// Recovery returns when a replica found last that etcd had forgotten; what happened
// before is not known. It is part of what is kept in etcd.
func (db *DB) Recovery() (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339Nano, string(db.mirror.Get(layout.Recovered()).Value))
	return at, err == nil
}

// Scan calls f for every value of a table as of one moment, ordered by scope and
// then by key, byte by byte. See [store.DB.Scan]. It reads this replica's memory;
// before the first load the error is [store.ErrNotLoaded].
func (db *DB) Scan(t store.Table, f func(scope, key string, value []byte) error) error {
	return db.scan(t, nil, f)
}

// ScanScope is [DB.Scan] for one scope.
func (db *DB) ScanScope(t store.Table, scope string, f func(key string, value []byte) error) error {
	return db.scan(t, &scope, func(_, key string, value []byte) error { return f(key, value) })
}

func (db *DB) scan(t store.Table, scope *string, f func(scope, key string, value []byte) error) error {
	switch {
	case db.closed.Load():
		return store.ErrClosed
	case !db.mirror.Loaded():
		return store.ErrNotLoaded
	}
	if !t.Known() {
		return fmt.Errorf("store: unknown table %q", string(t))
	}
	for _, item := range db.mirror.Records(string(t), scope) {
		op, err := db.decode(item)
		if err != nil {
			db.options.OnError(store.ReasonRead)
			return err
		}
		if op.Value == nil {
			continue
		}
		if err := f(op.Scope, op.Key, op.Value); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns what the store did since it was opened. It is in no file.
func (db *DB) Stats() store.Stats {
	return store.Stats{Commits: db.etcd.Commits.Load(), Writes: db.writes.Load()}
}

// Hanging returns 0: every request has a limit. See [store.DB.Hanging].
func (*DB) Hanging() time.Duration { return 0 }

// Close ends every request; what is called later fails with [store.ErrClosed].
func (db *DB) Close() error {
	if !db.closed.Swap(true) {
		db.connection.Close()
	}
	return nil
}

// report counts every failed write, and logs when writing begins to fail and works
// again.
func (db *DB) report(err error) {
	if err != nil {
		db.options.OnError(store.ReasonWrite)
	}
	fails, works := db.outage.Note(err, time.Now())
	if fails {
		db.options.Logger.Error("Writing to etcd fails; nothing is asked of vendors meanwhile", "err", err)
	}
	if works {
		db.options.Logger.Info("Writing to etcd works again")
	}
}

// pause waits, or says that the context has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
