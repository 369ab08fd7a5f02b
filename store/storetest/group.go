package storetest

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// defaultTTL is the lease of [GroupOptions] that do not say, and leaseSlack how much
// later than that the group takes an unrenewed one for over.
const (
	defaultTTL = 15 * time.Second
	leaseSlack = 500 * time.Millisecond
)

// Fault is what happens to one request of a member.
type Fault struct {
	// Delay is how long the request takes to be applied. Whoever made it may have
	// given up by then; it is applied all the same.
	Delay time.Duration
	// NoAnswer: it is applied, and nobody hears of that.
	NoAnswer bool
	// Lost: it never arrives.
	Lost bool
}

// GroupOptions say how a [Group] behaves. The zero value is one that answers and
// tells at once.
type GroupOptions struct {
	// TTL is how long a lease lasts that is not renewed; 15 s unless positive.
	TTL time.Duration
	// Delay is how long after a change a member hears of it; nil is at once.
	Delay func(member string) time.Duration
	// Quick has nobody wait: what fails, fails at once and is not tried again, and who
	// writes has heard of everything until then. In a synctest bubble, time stands
	// while anybody waits for a lock: so whoever holds one must not wait for time.
	Quick bool
	// Fault is asked about each request, which is a "load", "grant", "renew",
	// "revoke", "register", "claim", "resign", "charge", "close" or "write"; nil
	// lets all pass.
	Fault func(member, request string) Fault
}

// Group is a store that several members share, as they share etcd: changes are
// numbered, each member has a copy that lags behind, and what a member holds under
// a lease goes when that ends. It needs no network and no disk, and runs on the
// time of a synctest bubble. It is safe for concurrent use.
type Group struct {
	options GroupOptions

	mu sync.Mutex
	// epoch counts how often the group forgot.
	epoch    int
	revision int64
	values   map[groupKey]groupValue
	batches  []batch
	leases   map[int64]*groupLease
	lease    int64
	members  map[*Member]bool
}

// groupKey names a value: kind is a table, or one of the kinds below.
type groupKey struct{ kind, scope, key string }

const (
	kindReplica = "replicas"
	kindOwner   = "owner"
	kindHead    = "head"
)

type groupValue struct {
	value             []byte
	created, modified int64
	// lease is 0 for what stays.
	lease int64
	at    time.Time
}

// batch is everything that changed in one revision.
type batch struct {
	revision int64
	at       time.Time
	keys     []groupKey
	// values are nil where a key was deleted.
	values []*groupValue
}

type groupLease struct {
	member string
	ends   *time.Timer
}

// compare is what must hold of a key for a transaction to be applied.
type compare struct {
	key groupKey
	// modified is the revision of the last change; 0 for a key that must not be.
	modified int64
}

// change is what a transaction does to a key; it deletes it where value is nil.
type change struct {
	key   groupKey
	value []byte
	lease int64
}

// NewGroup returns an empty store without members.
func NewGroup(o GroupOptions) *Group {
	if o.TTL <= 0 {
		o.TTL = defaultTTL
	}
	if o.Delay == nil {
		o.Delay = func(string) time.Duration { return 0 }
	}
	if o.Fault == nil {
		o.Fault = func(string, string) Fault { return Fault{} }
	}
	return &Group{options: o, values: map[groupKey]groupValue{}, leases: map[int64]*groupLease{}, members: map[*Member]bool{}}
}

// Owners returns who owns what now.
func (g *Group) Owners() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return owners(g.values)
}

func owners(values map[groupKey]groupValue) map[string]string {
	owners := map[string]string{}
	for k, v := range values {
		if k.kind == kindOwner {
			owners[k.key] = string(v.value)
		}
	}
	return owners
}

// commit applies a transaction, if its compares hold.
func (g *Group) commit(compares []compare, changes []change) (revision int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range compares {
		if g.values[c.key].modified != c.modified {
			return g.revision, false
		}
	}
	for _, c := range changes {
		if c.lease != 0 && g.leases[c.lease] == nil {
			return g.revision, false
		}
	}
	g.apply(changes)
	return g.revision, true
}

// apply makes changes in one revision. It is called with the lock held.
func (g *Group) apply(changes []change) {
	b := batch{revision: g.revision + 1, at: time.Now()}
	for _, c := range changes {
		before, there := g.values[c.key]
		if c.value == nil {
			if there {
				delete(g.values, c.key)
				b.keys, b.values = append(b.keys, c.key), append(b.values, nil)
			}
			continue
		}
		v := groupValue{value: slices.Clone(c.value), created: b.revision, modified: b.revision, lease: c.lease, at: b.at}
		if v.value == nil {
			v.value = []byte{}
		}
		if there {
			v.created = before.created
		}
		g.values[c.key] = v
		b.keys, b.values = append(b.keys, c.key), append(b.values, &v)
	}
	if len(b.keys) == 0 {
		return
	}
	g.revision = b.revision
	g.batches = append(g.batches, b)
	g.tell()
}

// tell wakes the watches. It is called with the lock held.
func (g *Group) tell() {
	for m := range g.members {
		m.wake()
	}
}

// since returns what changed after a revision, or that a watch from there is
// impossible since the group forgot.
func (g *Group) since(epoch int, revision int64) (batches []batch, forgot bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if epoch != g.epoch {
		return nil, true
	}
	i, _ := slices.BinarySearchFunc(g.batches, revision+1, func(b batch, r int64) int { return int(b.revision - r) })
	return slices.Clone(g.batches[i:]), false
}

// read returns everything, as of one revision.
func (g *Group) read() (epoch int, revision int64, values map[groupKey]groupValue) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.epoch, g.revision, maps.Clone(g.values)
}

// grant begins a lease.
func (g *Group) grant(member string) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lease++
	id := g.lease
	g.leases[id] = &groupLease{member: member, ends: time.AfterFunc(g.options.TTL+leaseSlack, func() { g.revoke(id) })}
	return id
}

// renew reports whether the lease is there still.
func (g *Group) renew(id int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.leases[id]
	if l == nil {
		return false
	}
	l.ends.Reset(g.options.TTL + leaseSlack)
	return true
}

// revoke ends a lease and deletes what was held under it.
func (g *Group) revoke(id int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.leases[id]
	if l == nil {
		return
	}
	l.ends.Stop()
	delete(g.leases, id)
	var gone []change
	for k, v := range g.values {
		if v.lease == id {
			gone = append(gone, change{key: k})
		}
	}
	slices.SortFunc(gone, func(a, b change) int { return strings.Compare(a.key.kind+a.key.key, b.key.kind+b.key.key) })
	g.apply(gone)
}

// Revoke ends a member's lease although it is renewed, as etcd may.
func (g *Group) Revoke(member string) {
	g.mu.Lock()
	var ids []int64
	for id, l := range g.leases {
		if l.member == member {
			ids = append(ids, id)
		}
	}
	g.mu.Unlock()
	for _, id := range ids {
		g.revoke(id)
	}
}

// Saved is a backup of a group.
type Saved struct {
	revision int64
	values   map[groupKey]groupValue
}

// Save returns a backup of what is there now.
func (g *Group) Save() *Saved {
	_, revision, values := g.read()
	return &Saved{revision, values}
}

// Restore replaces everything by a backup; nil is one that was made at the
// beginning. Leases, and what was held under them, are gone.
func (g *Group) Restore(s *Saved) {
	if s == nil {
		s = &Saved{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.leases {
		l.ends.Stop()
	}
	clear(g.leases)
	g.epoch++
	g.revision, g.batches = s.revision, nil
	g.values = map[groupKey]groupValue{}
	for k, v := range s.values {
		if v.lease == 0 {
			g.values[k] = v
		}
	}
	g.tell()
}
