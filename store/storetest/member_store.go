package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"prefetch_exporter/store"
)

const (
	// writeLimit bounds a write that is tried again, and closeLimit one that closes
	// a call.
	writeLimit = 10 * time.Second
	closeLimit = 5 * time.Second
)

// Loaded reports whether the copy is whole.
func (m *Member) Loaded() bool {
	m.Awake()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loaded
}

// Up reports whether the lease is held by its own deadline and the watch is not
// silent, and since when that is so.
func (m *Member) Up() (up bool, since time.Time) {
	m.Awake()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	switch silent := m.cutAt.Add(silenceLimit); {
	case !m.loaded || m.lease == 0:
		return false, m.upSince
	case !now.Before(m.deadline):
		return false, m.deadline
	case !m.cutAt.IsZero() && !now.Before(silent):
		return false, silent
	default:
		return true, m.upSince
	}
}

// Members returns what each member has registered, this one included.
func (m *Member) Members() map[string][]byte {
	m.Awake()
	m.mu.Lock()
	defer m.mu.Unlock()
	members := map[string][]byte{}
	for k, v := range m.values {
		if k.kind == kindReplica {
			members[k.key] = slices.Clone(v.value)
		}
	}
	return members
}

// Owner returns who owns an identity, as far as this member has heard; "" if nobody
// does.
func (m *Member) Owner(identity string) (replica string, since time.Time) {
	m.Awake()
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.values[groupKey{kindOwner, "", identity}]
	return string(v.value), v.at
}

// Owners returns who owns what, as far as this member has heard.
func (m *Member) Owners() map[string]string {
	m.Awake()
	m.mu.Lock()
	defer m.mu.Unlock()
	return owners(m.values)
}

// Owns reports whether this member owns an identity under a lease that has not
// passed by its own clock.
func (m *Member) Owns(identity string) bool {
	m.Awake()
	m.mu.Lock()
	defer m.mu.Unlock()
	v, there := m.values[groupKey{kindOwner, "", identity}]
	return there && m.lease != 0 && v.lease == m.lease && time.Now().Before(m.deadline)
}

// Claim takes an identity that nobody owns. It returns once the copy says so.
func (m *Member) Claim(ctx context.Context, identity string) (bool, error) {
	key := groupKey{kindOwner, "", identity}
	lease := m.leaseNow()
	if lease == 0 {
		return false, store.ErrNotOwner
	}
	var revision int64
	won := false
	err := m.request(ctx, "claim", func() {
		revision, won = m.group.commit([]compare{{key, 0}}, []change{{key, []byte(m.name), lease}})
	})
	if err != nil || !won {
		return false, err
	}
	return m.reach(ctx, revision), nil
}

// Resign gives an identity up.
func (m *Member) Resign(ctx context.Context, identity string) error {
	key := groupKey{kindOwner, "", identity}
	m.mu.Lock()
	held, lease := m.values[key], m.lease
	m.mu.Unlock()
	if held.lease == 0 || held.lease != lease {
		return nil
	}
	return m.request(ctx, "resign", func() { m.group.commit([]compare{{key, held.modified}}, []change{{key: key}}) })
}

// reach waits until the copy has come to a revision, and reports whether it has.
func (m *Member) reach(ctx context.Context, revision int64) bool {
	if m.group.options.Quick {
		return m.catchUp() >= revision
	}
	limit := time.After(requestLimit)
	for {
		m.mu.Lock()
		there, changed := m.revision >= revision, m.changed
		m.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-changed:
		case <-limit:
			return false
		case <-ctx.Done():
			return false
		case <-m.killed:
			return false
		}
	}
}

// State returns [store.Fresh] if there was nothing at the first reading.
func (m *Member) State() store.State {
	m.Awake()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Recovery returns false.
func (*Member) Recovery() (at time.Time, ok bool) { return time.Time{}, false }

// Write applies the changes, all or none, and never over what this member has not
// heard of. Changes of the ledger are tried once.
func (m *Member) Write(ops ...store.Op) error {
	return m.write("", ops)
}

// Scan calls f for every value of the copy; see [store.DB.Scan].
func (m *Member) Scan(t store.Table, f func(scope, key string, value []byte) error) error {
	return m.scan(t, nil, f)
}

// ScanScope is [Member.Scan] for one scope.
func (m *Member) ScanScope(t store.Table, scope string, f func(key string, value []byte) error) error {
	return m.scan(t, &scope, func(_, key string, value []byte) error { return f(key, value) })
}

func (m *Member) scan(t store.Table, only *string, f func(scope, key string, value []byte) error) error {
	m.Awake()
	return scan(t, f, func() (found []store.Op, err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case m.closed:
			return nil, store.ErrClosed
		case !m.loaded:
			return nil, store.ErrNotLoaded
		}
		for k, v := range m.values {
			if k.kind == string(t) && (only == nil || *only == k.scope) {
				found = append(found, store.Op{Scope: k.scope, Key: k.key, Value: bytes.Clone(v.value)})
			}
		}
		return found, nil
	})
}

// Owned is what the owner of an identity writes through.
func (m *Member) Owned(identity string) *Owned { return &Owned{m, identity} }

// Owned is a [Member] whose writes are refused unless it owns an identity.
type Owned struct {
	*Member

	identity string
}

// Write is [Member.Write] for an owner. In the ledger, what begins a call is also
// refused if the ledger changed since, and tried once; what only changes or deletes
// what is there is for whoever made the call, owner or not.
func (o *Owned) Write(ops ...store.Op) error { return o.write(o.identity, ops) }

// write writes as the owner of an identity, or as anyone if that is empty.
func (m *Member) write(identity string, ops []store.Op) error {
	if err := store.Validate(ops...); err != nil {
		return err
	}
	ops = last(ops)
	ledger := slices.ContainsFunc(ops, func(op store.Op) bool { return op.Table == store.Ledger })
	began := time.Now()
	for {
		again, err := m.try(identity, ops, ledger)
		switch {
		case err == nil, errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrNotLoaded), errors.Is(err, store.ErrNotOwner):
			return err
		case again <= time.Since(began), m.group.options.Quick:
			return err
		}
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(retryGap):
		case <-m.killed:
		}
	}
}

// last returns the last change of each key.
func last(ops []store.Op) []store.Op {
	at := map[groupKey]int{}
	var kept []store.Op
	for _, op := range ops {
		k := groupKey{string(op.Table), op.Scope, op.Key}
		if i, there := at[k]; there {
			kept[i] = op
			continue
		}
		at[k] = len(kept)
		kept = append(kept, op)
	}
	return kept
}

// try writes once. again is for how long a failure may be tried again.
func (m *Member) try(identity string, ops []store.Op, ledger bool) (again time.Duration, err error) {
	m.Awake()
	w, err := m.prepare(identity, ops, ledger)
	if err != nil {
		return 0, err
	}
	var revision int64
	applied := false
	err = m.request(context.Background(), w.kind, func() { revision, applied = m.group.commit(w.compares, w.changes) })
	if err != nil {
		return w.again, err
	}
	m.reach(context.Background(), revision)
	if !applied {
		return w.again, store.ErrMoved
	}
	return 0, nil
}

// transaction is one write as it is requested.
type transaction struct {
	kind     string
	again    time.Duration
	compares []compare
	changes  []change
}

// prepare makes a transaction of a write, by what the copy has now.
func (m *Member) prepare(identity string, ops []store.Op, ledger bool) (w transaction, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return w, store.ErrClosed
	}
	if !m.loaded {
		return w, store.ErrNotLoaded
	}
	w = transaction{kind: "write", again: writeLimit}
	begins := m.compares(&w, ops)
	switch {
	case ledger && identity == "":
		w.again = 0
	case ledger && !begins:
		w.kind, w.again = "close", closeLimit
	case ledger:
		head := groupKey{kindHead, "", identity}
		w.kind, w.again = "charge", 0
		w.compares = append(w.compares, compare{head, m.values[head].modified})
		w.changes = append(w.changes, change{key: head, value: []byte(m.name)})
	}
	if identity != "" && w.kind != "close" {
		owner := groupKey{kindOwner, "", identity}
		v := m.values[owner]
		if v.lease == 0 || v.lease != m.lease {
			return w, store.ErrNotOwner
		}
		w.compares = append(w.compares, compare{owner, v.modified})
	}
	return w, nil
}

// compares adds what a write of ops compares and changes, and reports whether it
// creates a key of the ledger. It is called with the lock held.
func (m *Member) compares(w *transaction, ops []store.Op) (begins bool) {
	for _, op := range ops {
		k := groupKey{string(op.Table), op.Scope, op.Key}
		v, there := m.values[k]
		if op.Was != nil && (!there || !bytes.Equal(v.value, op.Was)) {
			continue
		}
		begins = begins || op.Table == store.Ledger && !there && op.Value != nil
		w.compares = append(w.compares, compare{k, v.modified})
		w.changes = append(w.changes, change{key: k, value: op.Value})
	}
	return begins
}
