package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// DB is a store in a file. It is safe for concurrent use.
type DB struct {
	log     *slog.Logger
	onError func(reason string)
	// beforeCommit is called in each transaction's turn.
	beforeCommit func()
	now          func() time.Time
	path         string
	state        State
	meta         metadata

	lock *os.File // held open for its lock
	file *os.File // bbolt's own
	bolt *bolt.DB

	commits, writes atomic.Uint64

	// broken is set once, by the first panic inside bbolt. The panic may have
	// left bbolt's locks held, so nothing touches bbolt after it.
	broken atomic.Pointer[error]

	// next is the batch that writes join; nil if the next one has to begin it.
	nextMutex sync.Mutex
	next      *batch

	// turn is held for one transaction; it guards closed. It is a channel because
	// a disk that hangs is not waited for without bound.
	turn   chan struct{}
	closed bool
	// began is when the transaction under way began; nil if there is none.
	began atomic.Pointer[time.Time]

	outage Outage
}

const (
	// hangs is how long a write waits for the disk.
	hangs = 10 * time.Second
	// closing is how long Close does.
	closing = time.Second
)

// State reports what [Open] found.
func (db *DB) State() State { return db.state }

// Recovery returns when a corrupt store was moved aside and this one begun in
// its place; ok is false if that never happened. Unlike [DB.State] it is part
// of the store, so that a process that dies right after a recovery hides
// nothing from the next: what happened before that time is not known.
func (db *DB) Recovery() (at time.Time, ok bool) {
	return db.meta.recovered, !db.meta.recovered.IsZero()
}

// batch is the writes that share one transaction.
type batch struct {
	ops    []Op
	writes uint64
	done   chan struct{} // closed when err is final
	err    error
}

// Write applies the changes in their order, all or none, and returns when they
// are on the disk. Writes that arrive while a transaction is under way share
// the next one; a write that meets none is not delayed.
//
// An error means that the changes are not known to be durable. A change that is
// out of bounds is refused with those that it came with, and counted. What shares a
// transaction fails together. If the disk hangs, that is [ErrHangs] after 10 s, and
// at once while a transaction takes longer than that already; what was begun by
// then may become durable yet, before anything that is written later.
//
// Once memory that maps the file could not be read (the disk failed, or something truncated the file), every call returns
// [ErrBroken]: only a restart, which checks the file, can tell what is left.
func (db *DB) Write(ops ...Op) error {
	if err := Validate(ops...); err != nil {
		db.onError(ReasonWrite)
		return err
	}
	if len(ops) == 0 {
		return nil
	}

	if db.Hanging() > hangs {
		return db.hung()
	}

	db.nextMutex.Lock()
	b := db.next
	leads := b == nil
	if leads {
		b = &batch{done: make(chan struct{})}
		db.next = b
	}
	b.ops = append(b.ops, ops...)
	b.writes++
	db.nextMutex.Unlock()

	if leads {
		go db.commit(b)
	}
	select {
	case <-b.done:
		return b.err
	case <-time.After(hangs):
		return db.hung()
	}
}

// hung reports that a write waited for too long.
func (db *DB) hung() error {
	err := fmt.Errorf("writing to store %s: %w", db.path, ErrHangs)
	db.report(err)
	return err
}

// Hanging returns how long the transaction under way takes already; 0 if there is
// none.
func (db *DB) Hanging() time.Duration {
	if began := db.began.Load(); began != nil {
		return time.Since(*began)
	}
	return 0
}

// commit waits for the transaction before, closes the batch to further writes,
// and commits it.
func (db *DB) commit(b *batch) {
	db.turn <- struct{}{}
	defer func() { <-db.turn }()
	began := time.Now()
	db.began.Store(&began)
	defer db.began.Store(nil)

	// Whoever is about to write may join. On one core nobody else would run before
	// the disk is waited for, and hardly any two writes would share a transaction.
	runtime.Gosched()
	db.nextMutex.Lock()
	db.next = nil
	db.nextMutex.Unlock()

	defer close(b.done)
	if db.closed {
		b.err = ErrClosed
		return
	}
	db.beforeCommit()
	err := db.update(b.ops)
	db.report(err)
	if err != nil {
		b.err = fmt.Errorf("writing to store %s: %w", db.path, err)
		return
	}
	db.commits.Add(1)
	db.writes.Add(b.writes)
}

// update makes changes in one transaction.
func (db *DB) update(ops []Op) error {
	return db.guard(func() error {
		return db.bolt.Update(func(tx *bolt.Tx) error { return apply(tx, ops) })
	})
}

// report counts every failure, and logs when writing begins to fail and works again.
func (db *DB) report(err error) {
	if err != nil {
		db.onError(ReasonWrite)
	}
	fails, works := db.outage.Note(err, db.now())
	if fails {
		db.log.Error("Writing to the store fails; nothing that happens now survives a restart", "path", db.path, "err", err)
	}
	if works {
		db.log.Info("Writing to the store works again", "path", db.path)
	}
}

// scopeName is a scope in a table.
type scopeName struct {
	table Table
	scope string
}

func apply(tx *bolt.Tx, ops []Op) error {
	shrunk := map[scopeName]struct{}{}
	for _, op := range ops {
		table := tx.Bucket([]byte(op.Table))
		scope, key := []byte(op.Scope), []byte(op.Key)
		bucket := table.Bucket(scope)
		if op.Was != nil && (bucket == nil || !bytes.Equal(bucket.Get(key), seal([]byte(op.Table), scope, key, op.Was))) {
			continue
		}
		if op.Value == nil {
			if bucket != nil {
				if err := bucket.Delete(key); err != nil {
					return fmt.Errorf("deleting: %w", err)
				}
				shrunk[scopeName{op.Table, op.Scope}] = struct{}{}
			}
			continue
		}
		bucket, err := table.CreateBucketIfNotExists(scope)
		if err != nil {
			return fmt.Errorf("adding a scope: %w", err)
		}
		if err := bucket.Put(key, seal([]byte(op.Table), scope, key, op.Value)); err != nil {
			return fmt.Errorf("putting: %w", err)
		}
	}
	// Scopes come and go with accounts; an empty one would stay for ever.
	for name := range shrunk {
		table := tx.Bucket([]byte(name.table))
		bucket := table.Bucket([]byte(name.scope))
		if key, _ := bucket.Cursor().First(); key != nil {
			continue
		}
		if err := table.DeleteBucket([]byte(name.scope)); err != nil {
			return fmt.Errorf("removing an empty scope: %w", err)
		}
	}
	return nil
}

// Stats returns what the store did since it was opened.
func (db *DB) Stats() Stats {
	stats := Stats{Commits: db.commits.Load(), Writes: db.writes.Load()}
	if info, err := os.Stat(db.path); err == nil {
		stats.FileSize = info.Size()
	}
	return stats
}

// Close waits for writes and scans that have begun and closes the store; those
// that begin later fail with [ErrClosed]. Closing it again does nothing. If the disk
// hangs, the store stays open and the error is [ErrHangs] after a second: whoever
// ends now loses nothing but what was never durable.
func (db *DB) Close() error {
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-time.After(closing):
		return fmt.Errorf("closing store %s: %w", db.path, ErrHangs)
	}
	if db.closed {
		return nil
	}
	db.closed = true

	var errs []error
	if db.broken.Load() == nil {
		errs = append(errs, db.guard(db.bolt.Close))
	} else {
		// bbolt would wait for locks that the panic left held. Its memory map
		// stays and would keep the lock of the file.
		errs = append(errs, unlock(db.file), db.file.Close())
	}
	errs = append(errs, db.lock.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing store %s: %w", db.path, err)
	}
	return nil
}

// guard runs f, which uses bbolt, and turns a panic into an error that stays: an
// assertion on a page that makes no sense, or a fault of the memory that maps the file.
// It must not run code of a caller, whose panics are no business of the store.
func (db *DB) guard(f func() error) (err error) {
	if broken := db.broken.Load(); broken != nil {
		return *broken
	}
	// Without this a fault would end the process and could not be recovered.
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%w: %v", ErrBroken, reason)
			db.broken.CompareAndSwap(nil, &err)
		}
	}()
	return f()
}
