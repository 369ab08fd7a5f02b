package storetest

import (
	"context"
	"maps"
	"sync"
	"time"

	"prefetch_exporter/store"
)

// Run keeps the lease, follows the group and tells the follower, until ctx ends or
// the member is killed. It ends the lease then, unless it was killed.
func (m *Member) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg  sync.WaitGroup
		err error
	)
	wg.Go(func() {
		select {
		case <-m.killed:
			cancel()
		case <-ctx.Done():
		}
		m.wake()
	})
	wg.Go(func() {
		defer cancel()
		err = m.keepLease(ctx)
	})
	m.watch(ctx)
	wg.Wait()
	m.mu.Lock()
	lease := m.lease
	m.lease = 0
	m.mu.Unlock()
	if lease != 0 {
		_ = m.request(context.WithoutCancel(ctx), "revoke", func() { m.group.revoke(lease) })
	}
	return err
}

// keepLease has a lease, and the member's own key under it, whenever it can.
func (m *Member) keepLease(ctx context.Context) error {
	var taken time.Time // since when another has the name
	var next time.Duration
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next):
		}
		next = retryGap
		switch {
		case m.leaseNow() != 0 && m.renew(ctx) || m.begin(ctx):
			next = m.group.options.TTL / 4
			taken = time.Time{}
		case !m.namesake():
			taken = time.Time{}
		case taken.IsZero():
			taken = time.Now()
		case time.Since(taken) > 2*m.group.options.TTL+leaseSlack:
			return ErrName
		}
	}
}

func (m *Member) leaseNow() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lease
}

// namesake reports whether another one holds the member's name.
func (m *Member) namesake() bool {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	v, there := m.group.values[groupKey{kindReplica, "", m.name}]
	return there && v.lease != m.leaseNow()
}

// renew renews the lease, and reports whether it has.
func (m *Member) renew(ctx context.Context) bool {
	sent, lease := time.Now(), m.leaseNow()
	there := false
	if err := m.request(ctx, "renew", func() { there = m.group.renew(lease) }); err != nil {
		return false
	}
	m.mu.Lock()
	unregistered := m.unregistered
	if there {
		m.deadline = sent.Add(m.group.options.TTL)
	} else {
		m.lease, m.moved = 0, true
		m.wake()
	}
	m.mu.Unlock()
	return there && (!unregistered || m.register(ctx))
}

// begin gets a new lease if there is none, and registers.
func (m *Member) begin(ctx context.Context) bool {
	if m.leaseNow() != 0 || m.namesake() {
		return false
	}
	sent, lease := time.Now(), int64(0)
	if err := m.request(ctx, "grant", func() { lease = m.group.grant(m.name) }); err != nil {
		return false
	}
	m.mu.Lock()
	m.lease, m.deadline, m.moved, m.upSince = lease, sent.Add(m.group.options.TTL), true, time.Now()
	m.mu.Unlock()
	m.wake()
	return m.register(ctx)
}

// register lets the group say what the member has registered.
func (m *Member) register(ctx context.Context) bool {
	m.mu.Lock()
	lease, value := m.lease, append([]byte{}, m.registered...)
	m.unregistered = true
	m.mu.Unlock()
	if lease == 0 {
		return false
	}
	ok := false
	err := m.request(ctx, "register", func() {
		_, ok = m.group.commit(nil, []change{{groupKey{kindReplica, "", m.name}, value, lease}})
	})
	if err != nil || !ok {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unregistered = string(m.registered) != string(value)
	return true
}

// Register sets what the others read of this member; see [Member.Members].
func (m *Member) Register(value []byte) {
	m.Awake()
	m.mu.Lock()
	m.registered = value
	m.mu.Unlock()
	m.register(context.Background())
}

// watch follows the group.
func (m *Member) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if !m.load(ctx) {
			select {
			case <-ctx.Done():
			case <-time.After(retryGap):
			}
			continue
		}
		for ctx.Err() == nil && m.follow(ctx) {
			select {
			case <-ctx.Done():
			case <-m.notify:
			}
		}
	}
}

// load reads everything.
func (m *Member) load(ctx context.Context) bool {
	var epoch int
	var revision int64
	var values map[groupKey]groupValue
	if err := m.request(ctx, "load", func() { epoch, revision, values = m.group.read() }); err != nil {
		return false
	}
	m.hearing.Lock()
	defer m.hearing.Unlock()
	m.mu.Lock()
	rewound := m.loaded && epoch != m.epoch
	if !m.loaded && revision == 0 {
		m.state = store.Fresh
	}
	m.epoch, m.revision, m.values, m.loaded, m.reload = epoch, revision, maps.Clone(values), true, false
	m.turn()
	m.mu.Unlock()
	if m.follower == nil {
		return true
	}
	if rewound {
		m.follower.Rewound()
	}
	m.follower.Loaded()
	m.follower.Moved()
	return true
}

// turn wakes who waits for the copy. It is called with the lock held.
func (m *Member) turn() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// follow takes over what changed. It returns false if everything must be read anew.
func (m *Member) follow(ctx context.Context) bool {
	for {
		m.Awake()
		m.mu.Lock()
		epoch, revision, cut, reload, moved := m.epoch, m.revision, !m.cutAt.IsZero(), m.reload, m.moved
		m.moved = false
		m.mu.Unlock()
		if moved && m.follower != nil {
			m.follower.Moved()
		}
		if cut {
			return true
		}
		batches, forgot := m.group.since(epoch, revision)
		if forgot || reload {
			return false
		}
		if len(batches) == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return true
		case <-time.After(time.Until(batches[0].at.Add(m.group.options.Delay(m.name)))):
		}
		m.Awake()
		m.hear(batches[0])
	}
}

// catchUp takes over everything that changed until now, and returns to which revision
// the copy has come.
func (m *Member) catchUp() int64 {
	m.mu.Lock()
	epoch, revision := m.epoch, m.revision
	m.mu.Unlock()
	batches, _ := m.group.since(epoch, revision)
	for _, b := range batches {
		m.hear(b)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision
}

// hear takes over one revision that is new, unless the connection was cut meanwhile.
func (m *Member) hear(b batch) {
	m.hearing.Lock()
	defer m.hearing.Unlock()
	m.mu.Lock()
	if !m.cutAt.IsZero() || m.reload || b.revision <= m.revision {
		m.mu.Unlock()
		return
	}
	var ops []store.Op
	moved := false
	for i, k := range b.keys {
		if b.values[i] == nil {
			delete(m.values, k)
		} else {
			m.values[k] = *b.values[i]
		}
		switch k.kind {
		case kindOwner, kindReplica:
			moved = true
		case kindHead:
		default:
			op := store.Op{Table: store.Table(k.kind), Scope: k.scope, Key: k.key}
			if b.values[i] != nil {
				op.Value = b.values[i].value
			}
			ops = append(ops, op)
		}
	}
	m.revision = b.revision
	m.turn()
	m.mu.Unlock()
	if m.follower == nil {
		return
	}
	if len(ops) > 0 {
		m.follower.Heard(ops)
	}
	if moved {
		m.follower.Moved()
	}
}
