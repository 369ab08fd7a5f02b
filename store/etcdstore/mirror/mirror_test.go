package mirror_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
)

func task(key string) layout.Name { return layout.Record(store.Tasks, "vod", key) }

func set(key, value string, created, modified int64) mirror.Change {
	return mirror.Change{Name: task(key), Entry: mirror.Entry{Value: []byte("=1:" + value), Created: created, Modified: modified}}
}

func gone(key string, modified int64) mirror.Change {
	return mirror.Change{Name: task(key), Entry: mirror.Entry{Modified: modified}}
}

// has returns the tasks as "key=value".
func has(m *mirror.Mirror) []string {
	scope := "vod"
	var found []string
	for _, item := range m.Records(string(store.Tasks), &scope) {
		found = append(found, item.Name.Key+"="+string(item.Value[3:]))
	}
	return found
}

func want(t *testing.T, m *mirror.Mirror, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, has(m)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// news returns what there is to tell, as "key" or "-key".
func news(t *testing.T, m *mirror.Mirror) (mirror.News, []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	n, ok := m.Next(ctx)
	if !ok {
		t.Fatal("there is nothing to tell")
	}
	var keys []string
	for _, item := range n.Changed {
		if item.Created == 0 {
			keys = append(keys, "-"+item.Name.Key)
		} else {
			keys = append(keys, item.Name.Key+"="+string(item.Value[3:]))
		}
	}
	return n, keys
}

func silent(t *testing.T, m *mirror.Mirror) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 { // either case of a select may be taken
		if n, ok := m.Next(ctx); ok {
			t.Errorf("there is something to tell: %+v", n)
		}
	}
}

// The watch brings again what this replica wrote, and what was before that.
func TestOwnWritesAreNotUndone(t *testing.T) {
	t.Parallel()
	m := mirror.New()
	m.Replace(1, nil, false)
	m.Written([]mirror.Change{set("a", "1", 5, 5), set("b", "1", 5, 5)})
	m.Written([]mirror.Change{set("a", "2", 5, 6), gone("b", 6)})
	want(t, m, "a=2")
	m.Watched(4, []mirror.Change{set("a", "0", 4, 4)})
	want(t, m, "a=2")
	m.Watched(5, []mirror.Change{set("a", "1", 5, 5), set("b", "1", 5, 5)})
	want(t, m, "a=2")
	if _, keys := news(t, m); cmp.Diff([]string{"a=2", "-b"}, keys) != "" {
		t.Errorf("told %q, want what is there now", keys)
	}
	m.Watched(6, []mirror.Change{set("a", "2", 5, 6), gone("b", 6)})
	m.Watched(7, []mirror.Change{set("b", "3", 7, 7)})
	want(t, m, "a=2", "b=3")
}

// What was read does not undo what this replica wrote since, unless etcd forgot.
func TestReplace(t *testing.T) {
	t.Parallel()
	m := mirror.New()
	if m.Loaded() || len(m.All()) > 0 {
		t.Error("a new one is loaded")
	}
	m.Replace(10, []mirror.Change{set("a", "1", 2, 2), set("b", "1", 3, 3), set("c", "1", 4, 4)}, false)
	m.Announce(false)
	if n, _ := news(t, m); !n.Loaded || n.Rewound || !n.Moved || !m.Loaded() || len(m.All()) == 0 {
		t.Errorf("told %+v", n)
	}
	m.Watched(11, []mirror.Change{set("a", "2", 2, 11)})
	m.Written([]mirror.Change{set("b", "2", 3, 13), gone("c", 13)})
	m.Replace(12, []mirror.Change{set("b", "1", 3, 3), set("c", "1", 4, 4), set("d", "1", 12, 12)}, false)
	m.Announce(false)
	want(t, m, "b=2", "d=1")
	if n, keys := news(t, m); keys != nil || !n.Loaded {
		t.Errorf("told %q although everything was read: %+v", keys, n)
	}
	m.Watched(13, []mirror.Change{set("b", "2", 3, 13), gone("c", 13)})
	want(t, m, "b=2", "d=1")

	m.Replace(5, []mirror.Change{set("a", "1", 2, 2)}, true)
	m.Announce(true)
	m.Announce(false)
	want(t, m, "a=1")
	if n, _ := news(t, m); !n.Loaded || !n.Rewound {
		t.Errorf("told %+v", n)
	}
	silent(t, m)
}

func TestWait(t *testing.T) {
	t.Parallel()
	m := mirror.New()
	m.Watched(3, nil)
	if err := m.Wait(t.Context(), 3); err != nil {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.Wait(t.Context(), 5) }()
	m.Watched(4, nil)
	m.Watched(2, nil)
	m.Watched(5, nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Wait(ctx, 6); err == nil {
		t.Error("it did not wait")
	}
	silent(t, m)
}

// Whoever comes, goes or owns is news of another kind than records, and parts and
// heads are none.
func TestKinds(t *testing.T) {
	t.Parallel()
	m := mirror.New()
	owner := mirror.Change{Name: layout.Owner("id"), Entry: mirror.Entry{Value: []byte("a"), Created: 2, Modified: 2, Lease: 7}}
	m.Watched(2, []mirror.Change{owner})
	if n, keys := news(t, m); !n.Moved || keys != nil {
		t.Errorf("told %+v", n)
	}
	if e := m.Get(layout.Owner("id")); e.Lease != 7 || string(e.Value) != "a" {
		t.Errorf("the owner is %+v", e)
	}
	if kind := m.Kind(layout.Owner("")); len(kind) != 1 || kind["id"].Lease != 7 {
		t.Errorf("owners are %+v", kind)
	}
	head := mirror.Change{Name: layout.Head("id"), Entry: mirror.Entry{Created: 3, Modified: 3}}
	sealed := layout.Seal(task("1"), 1, make([]byte, 10), "u")
	m.Watched(3, []mirror.Change{head, {Name: layout.PartsPrefix(layout.Name{Kind: "parts", Scope: "x", Key: "u-0"}), Entry: head.Entry}})
	silent(t, m)
	m.Watched(4, []mirror.Change{{Name: task("1"), Entry: mirror.Entry{Value: sealed.Value, Created: 4, Modified: 4}}, set("1", "2", 4, 4)})
	if _, keys := news(t, m); len(keys) != 1 {
		t.Errorf("told %q", keys)
	}
	if names := m.Scope(layout.Name{Kind: "parts", Scope: "x"}); len(names) != 1 || names[0].Key != "u-" {
		t.Errorf("parts are %+v", names)
	}
	m.Moved()
	if n, _ := news(t, m); !n.Moved {
		t.Errorf("told %+v", n)
	}
	m.Watched(5, []mirror.Change{{Name: layout.Record(store.Ledger, "a", "1"), Entry: mirror.Entry{Value: []byte("=1:x"), Created: 5, Modified: 5}}})
	if all := m.All(); len(all) != 2 {
		t.Errorf("there are %+v", all)
	}
}

// A large record is told with its parts.
func TestParts(t *testing.T) {
	t.Parallel()
	m := mirror.New()
	names := layout.PartsOf(task("1"), []byte("+1:u/2"))
	m.Watched(2, []mirror.Change{{Name: names[0], Entry: mirror.Entry{Value: []byte("one"), Created: 2, Modified: 2}}})
	m.Watched(3, []mirror.Change{{Name: task("1"), Entry: mirror.Entry{Value: []byte("+1:u/2"), Created: 3, Modified: 3}}})
	n, _ := news(t, m)
	if diff := cmp.Diff([][]byte{[]byte("one"), nil}, n.Changed[0].Parts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
