// Package mirror keeps a copy of what is in etcd, in memory: fed by a watch, and by
// what this replica has written itself. It must not know what values mean, nor that
// there is a network.
package mirror

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/layout"
)

// Entry is a key as etcd has it. The zero value is a key that is not there. Its
// value must not be changed.
type Entry struct {
	Value []byte
	// Created and Modified are the revisions in which the key was made and changed
	// last; both 0 for one that is not there.
	Created, Modified int64
	// Lease is what the key lives as long as; 0 for one that stays.
	Lease int64
}

// Change is what happened to a key: Entry has its Modified in any case, and no
// Created if the key was deleted.
type Change struct {
	Name layout.Name
	Entry
}

// ChangeOf is a key as etcd tells it.
func ChangeOf(n layout.Name, kv *mvccpb.KeyValue) Change {
	return Change{Name: n, Entry: Entry{
		Value: kv.GetValue(), Created: kv.GetCreateRevision(), Modified: kv.GetModRevision(), Lease: kv.GetLease(),
	}}
}

// Item is a record as it is in the mirror, with the parts that its value points to.
type Item struct {
	Name layout.Name
	Entry
	Parts [][]byte
}

// Mirror is the copy. It is safe for concurrent use.
type Mirror struct {
	mutex   sync.RWMutex
	entries map[string]map[string]map[string]Entry // by kind, scope, key
	// deleted is what this replica deleted in a revision that the watch has not
	// brought yet: what it brings from before that is older.
	deleted map[layout.Name]int64
	// revision is how far the watch has come.
	revision int64
	passed   chan struct{} // closed when revision changes
	loaded   bool

	news news
}

// news is what the follower has not been told yet.
type news struct {
	changed                []layout.Name // in the order of the first change
	known                  map[layout.Name]bool
	loaded, rewound, moved bool
	wake                   chan struct{}
}

// New returns an empty mirror.
func New() *Mirror {
	return &Mirror{
		entries: map[string]map[string]map[string]Entry{},
		deleted: map[layout.Name]int64{},
		passed:  make(chan struct{}),
		news:    news{known: map[layout.Name]bool{}, wake: make(chan struct{}, 1)},
	}
}

// Loaded reports whether everything was read once.
func (m *Mirror) Loaded() bool {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	return m.loaded
}

// Get returns the entry of a name.
func (m *Mirror) Get(n layout.Name) Entry {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	return m.entries[n.Kind][n.Scope][n.Key]
}

// Item returns the record of a name with its parts; without Created if it is not there.
func (m *Mirror) Item(n layout.Name) Item {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	return m.item(n)
}

// Kind returns the entries of a kind without scopes, by key.
func (m *Mirror) Kind(of layout.Name) map[string]Entry {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	return maps.Clone(m.entries[of.Kind][""])
}

// Scope returns the names that have the kind and the scope of a name.
func (m *Mirror) Scope(of layout.Name) []layout.Name {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	var names []layout.Name
	for key := range m.entries[of.Kind][of.Scope] {
		names = append(names, layout.Name{Kind: of.Kind, Scope: of.Scope, Key: key})
	}
	return names
}

// Records returns the records of a table, or of one scope of it, as of one moment,
// ordered by scope and key.
func (m *Mirror) Records(kind string, scope *string) []Item {
	var items []Item
	m.mutex.RLock()
	for name, entries := range m.entries[kind] {
		if scope != nil && name != *scope {
			continue
		}
		for key := range entries {
			items = append(items, m.item(layout.Name{Kind: kind, Scope: name, Key: key}))
		}
	}
	m.mutex.RUnlock()
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(strings.Compare(a.Name.Scope, b.Name.Scope), strings.Compare(a.Name.Key, b.Name.Key))
	})
	return items
}

// All returns the records of all tables.
func (m *Mirror) All() []Item {
	var all []Item
	for _, table := range store.Tables() {
		all = append(all, m.Records(string(table), nil)...)
	}
	return all
}

// item returns a record with its parts. The lock is held.
func (m *Mirror) item(n layout.Name) Item {
	item := Item{Name: n, Entry: m.entries[n.Kind][n.Scope][n.Key]}
	for _, part := range layout.PartsOf(n, item.Value) {
		item.Parts = append(item.Parts, m.entries[part.Kind][part.Scope][part.Key].Value)
	}
	return item
}

// Watched applies what the watch brought, all of it at once, and that it has come
// as far as a revision.
func (m *Mirror) Watched(revision int64, changes []Change) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, c := range changes {
		m.apply(c)
		m.tell(c.Name)
	}
	m.pass(revision)
}

// Written applies what a transaction of this replica changed, which the watch will
// bring again.
func (m *Mirror) Written(changes []Change) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, c := range changes {
		m.apply(c)
		if c.Created == 0 && c.Modified > m.revision {
			m.deleted[c.Name] = c.Modified
		}
	}
}

// apply changes an entry unless what is known of it is newer. The lock is held.
func (m *Mirror) apply(c Change) {
	n := c.Name
	if c.Modified < m.entries[n.Kind][n.Scope][n.Key].Modified || c.Modified < m.deleted[n] {
		return
	}
	if c.Created == 0 {
		delete(m.entries[n.Kind][n.Scope], n.Key)
		if len(m.entries[n.Kind][n.Scope]) == 0 {
			delete(m.entries[n.Kind], n.Scope)
		}
		return
	}
	put(m.entries, n, c.Entry)
}

func put(entries map[string]map[string]map[string]Entry, n layout.Name, e Entry) {
	scopes := entries[n.Kind]
	if scopes == nil {
		scopes = map[string]map[string]Entry{}
		entries[n.Kind] = scopes
	}
	if scopes[n.Scope] == nil {
		scopes[n.Scope] = map[string]Entry{}
	}
	scopes[n.Scope][n.Key] = e
}

// pass notes how far the watch has come. The lock is held.
func (m *Mirror) pass(revision int64) {
	if revision <= m.revision {
		return
	}
	m.revision = revision
	for name, deleted := range m.deleted {
		if deleted <= revision {
			delete(m.deleted, name)
		}
	}
	close(m.passed)
	m.passed = make(chan struct{})
}

// Replace makes the mirror what was read at a revision, but for what this replica
// has written since; with forgot nothing of what it has is newer.
func (m *Mirror) Replace(revision int64, all []Change, forgot bool) {
	fresh := map[string]map[string]map[string]Entry{}
	for _, c := range all {
		put(fresh, c.Name, c.Entry)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	old, deleted := m.entries, m.deleted
	m.entries, m.deleted = fresh, map[layout.Name]int64{}
	if !forgot {
		m.keepNewer(revision, old, deleted)
	} else {
		m.revision = 0
	}
	m.pass(revision)
}

// Announce says that the mirror is whole, and tells the follower so; before that,
// where it is so, that etcd forgot.
func (m *Mirror) Announce(forgot bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.loaded = true
	// Whoever reads everything needs not be told of changes before.
	m.news.changed = nil
	clear(m.news.known)
	m.news.loaded, m.news.moved = true, true
	m.news.rewound = m.news.rewound || forgot
	m.ring()
}

// keepNewer takes over what this replica wrote after a revision. The lock is held.
func (m *Mirror) keepNewer(revision int64, old map[string]map[string]map[string]Entry, deleted map[layout.Name]int64) {
	for kind, scopes := range old {
		for scope, entries := range scopes {
			for key, entry := range entries {
				if entry.Modified > revision {
					m.apply(Change{layout.Name{Kind: kind, Scope: scope, Key: key}, entry})
				}
			}
		}
	}
	for name, at := range deleted {
		if at > revision {
			m.apply(Change{name, Entry{Modified: at}})
			m.deleted[name] = at
		}
	}
}

// Wait returns when the watch has come as far as a revision.
func (m *Mirror) Wait(ctx context.Context, revision int64) error {
	for {
		m.mutex.RLock()
		there, passed := m.revision >= revision, m.passed
		m.mutex.RUnlock()
		if there {
			return nil
		}
		select {
		case <-passed:
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // the caller says what it waited for
		}
	}
}

// Moved notes that somebody came, went, or owns something else; also what only the
// clock changed.
func (m *Mirror) Moved() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.news.moved = true
	m.ring()
}

// tell notes what the follower has to hear of. The lock is held.
func (m *Mirror) tell(n layout.Name) {
	switch {
	case n.IsReplica(), n.IsOwner():
		m.news.moved = true
	case n.IsRecord() && !m.news.known[n]:
		m.news.known[n] = true
		m.news.changed = append(m.news.changed, n)
	case n.IsRecord():
	default:
		return
	}
	m.ring()
}

func (m *Mirror) ring() {
	select {
	case m.news.wake <- struct{}{}:
	default:
	}
}

// News is what a follower has to be told, in this order.
type News struct {
	Rewound, Loaded bool
	// Changed are records as they are now; one without Created was deleted.
	Changed []Item
	Moved   bool
}

// Next returns what there is to tell, waiting for it; ok is false when the context
// has ended.
func (m *Mirror) Next(ctx context.Context) (n News, ok bool) {
	select {
	case <-m.news.wake:
	case <-ctx.Done():
		return News{}, false
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	n = News{Rewound: m.news.rewound, Loaded: m.news.loaded, Moved: m.news.moved}
	for _, name := range m.news.changed {
		n.Changed = append(n.Changed, m.item(name))
	}
	m.news.changed, m.news.rewound, m.news.loaded, m.news.moved = nil, false, false, false
	clear(m.news.known)
	return n, true
}
