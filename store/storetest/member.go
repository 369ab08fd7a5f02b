package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"prefetch_exporter/store"
)

const (
	// requestLimit bounds one request, which nobody waits for any longer.
	requestLimit = time.Second
	// retryGap is between tries of what is tried again.
	retryGap = 100 * time.Millisecond
	// silenceLimit is how long a member without a watch counts as up.
	silenceLimit = 5 * time.Second
)

// ErrName is the error of a member whose name another one has.
var ErrName = errors.New("another replica has this name")

// Member is one process of a [Group]: a connection that can be cut, a lease, and a
// copy of the store that follows. It is safe for concurrent use.
type Member struct {
	group    *Group
	name     string
	follower store.Follower
	notify   chan struct{}

	// hearing keeps what the follower is told in order.
	hearing sync.Mutex

	mu       sync.Mutex
	values   map[groupKey]groupValue
	revision int64
	epoch    int
	loaded   bool
	state    store.State
	// changed is closed when the copy changes.
	changed chan struct{}
	// cutAt is since when nothing arrives; zero if it does.
	cutAt time.Time
	// paused is closed when the process goes on; nil if it runs.
	paused chan struct{}
	// reload: the watch was lost.
	reload bool
	closed bool
	// killed is closed when the process is.
	killed chan struct{}

	lease      int64
	deadline   time.Time
	upSince    time.Time
	moved      bool
	registered []byte
	// unregistered: the group does not say yet what registered does.
	unregistered bool
}

// Join adds a member, which does nothing before [Member.Run].
func (g *Group) Join(name string) *Member {
	m := &Member{
		group: g, name: name, notify: make(chan struct{}, 1), values: map[groupKey]groupValue{},
		changed: make(chan struct{}), killed: make(chan struct{}),
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members[m] = true
	return m
}

// Follow sets who is told. It is called once, before Run.
func (m *Member) Follow(f store.Follower) { m.follower = f }

func (m *Member) wake() {
	select {
	case m.notify <- struct{}{}:
	default:
	}
}

// Cut lets nothing arrive any more, in either direction.
func (m *Member) Cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cutAt.IsZero() {
		m.cutAt = time.Now()
	}
}

// Mend ends [Member.Cut].
func (m *Member) Mend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cutAt, m.upSince = time.Time{}, time.Now()
	m.wake()
}

// Pause stops the process: whoever calls a method waits, and so does who calls
// [Member.Awake], which a test puts into its clock.
func (m *Member) Pause() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.paused == nil {
		m.paused = make(chan struct{})
	}
}

// Resume ends [Member.Pause].
func (m *Member) Resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.paused != nil {
		close(m.paused)
		m.paused = nil
	}
}

// Awake returns when the process is not paused.
func (m *Member) Awake() {
	for {
		m.mu.Lock()
		paused := m.paused
		m.mu.Unlock()
		if paused == nil {
			return
		}
		<-paused
	}
}

// Kill ends the process: nothing that it does arrives, and its lease runs out.
// [Member.Run] returns.
func (m *Member) Kill() {
	m.Resume()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.killed)
	}
}

// LoseWatch lets the member read everything anew.
func (m *Member) LoseWatch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reload = true
	m.wake()
}

// request makes one: apply is called when it arrives, if ever. The error is
// [store.ErrUnknown] where nobody knows whether it did.
func (m *Member) request(ctx context.Context, kind string, apply func()) error {
	m.Awake()
	m.mu.Lock()
	lost, closed := !m.cutAt.IsZero(), m.closed
	m.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	fault := m.group.options.Fault(m.name, kind)
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	done := make(chan struct{})
	switch {
	case lost || fault.Lost:
	case fault.Delay > 0:
		time.AfterFunc(fault.Delay, func() {
			apply()
			if !fault.NoAnswer {
				close(done)
			}
		})
	default:
		apply()
		if !fault.NoAnswer {
			close(done)
		}
	}
	if m.group.options.Quick {
		cancel()
	}
	select {
	case <-done:
		m.Awake()
		return nil
	default:
	}
	select {
	case <-done:
		m.Awake()
		return nil
	case <-ctx.Done():
	case <-m.killed:
	}
	m.Awake()
	return fmt.Errorf("%s: %w", kind, store.ErrUnknown)
}
