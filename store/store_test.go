package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/store"
)

// keeper is what the packages that use a store need of it.
type keeper interface {
	State() store.State
	Recovery() (at time.Time, ok bool)
	Write(ops ...store.Op) error
	Scan(t store.Table, f func(scope, key string, value []byte) error) error
	ScanScope(t store.Table, scope string, f func(key string, value []byte) error) error
	Stats() store.Stats
	Close() error
}

var (
	_ keeper = (*store.DB)(nil)
	_ keeper = (*store.Memory)(nil)
)

// file returns the path of the store's file in a folder.
func file(folder string) string { return filepath.Join(folder, "prefetch_exporter.db") }

func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// each runs a test on both implementations.
func each(t *testing.T, test func(t *testing.T, s keeper)) {
	t.Helper()
	t.Run("DB", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, store.Options{Path: t.TempDir()}))
	})
	t.Run("Memory", func(t *testing.T) {
		t.Parallel()
		test(t, store.NewMemory())
	})
}

func write(t testing.TB, s interface{ Write(ops ...store.Op) error }, ops ...store.Op) {
	t.Helper()
	if err := s.Write(ops...); err != nil {
		t.Fatal(err)
	}
}

func put(table store.Table, scope, key, value string) store.Op {
	return store.Op{Table: table, Scope: scope, Key: key, Value: []byte(value)}
}

func remove(table store.Table, scope, key string) store.Op {
	return store.Op{Table: table, Scope: scope, Key: key}
}

// content returns what a table holds, as "scope/key=value".
func content(t testing.TB, s keeper, table store.Table) []string {
	t.Helper()
	var found []string
	err := s.Scan(table, func(scope, key string, value []byte) error {
		found = append(found, scope+"/"+key+"="+string(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func equal(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestScanIsOrderedByScopeThenKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s keeper) {
		equal(t, store.Fresh, s.State())
		if at, ok := s.Recovery(); ok {
			t.Errorf("recovered at %v", at)
		}
		equal(t, []string(nil), content(t, s, store.Tasks))
		write(t, s,
			put(store.Tasks, "b", "2", "two"),
			put(store.Tasks, "b", "10", "ten"),
			put(store.Tasks, "a/b", "c", "1"),
			put(store.Tasks, "a", "b/c", "2"),
			put(store.Tasks, "a\x00", "k", "3"))
		equal(t, []string{"a/b/c=2", "a\x00/k=3", "a/b/c=1", "b/10=ten", "b/2=two"}, content(t, s, store.Tasks))

		var keys []string
		err := s.ScanScope(store.Tasks, "b", func(key string, value []byte) error {
			keys = append(keys, key+"="+string(value))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, []string{"10=ten", "2=two"}, keys)
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", store.MaxName+1)
	tests := []struct {
		name string
		op   store.Op
		want string
	}{
		{"table", put("tusks", "s", "k", "v"), `unknown table "tusks"`},
		{"scope", put(store.Tasks, "", "k", "v"), "table tasks: scope is empty"},
		{"key", put(store.Tasks, "s", "", "v"), `table tasks, scope "s": key is empty`},
		{"deleted key", remove(store.Tasks, "s", ""), `table tasks, scope "s": key is empty`},
		{"long scope", put(store.Tasks, long, "k", "v"), "scope has 32769 bytes, at most 32768 are kept"},
		{"long key", put(store.Tasks, "s", long, "v"), "key has 32769 bytes, at most 32768 are kept"},
		{
			"value",
			store.Op{Table: store.Tasks, Scope: "s", Key: "k", Value: make([]byte, store.MaxValue+1)},
			"value has 67108865 bytes, at most 67108864 are kept",
		},
	}
	each(t, func(t *testing.T, s keeper) {
		for _, test := range tests {
			err := s.Write(put(store.Tasks, "s", "good", "v"), test.op)
			if err == nil || !strings.Contains(err.Error(), "change 2 of 2: ") || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("%s: got error %v, want one that ends in %q", test.name, err, test.want)
			}
		}
		if found := content(t, s, store.Tasks); found != nil {
			t.Errorf("a refused write left %q", found)
		}
		for _, err := range []error{
			s.Scan("tusks", func(string, string, []byte) error { return nil }),
			s.ScanScope("tusks", "s", func(string, []byte) error { return nil }),
		} {
			if err == nil || err.Error() != `store: unknown table "tusks"` {
				t.Errorf("scan of an unknown table: %v", err)
			}
		}
	})
}

func TestTablesAndScopesAreApart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s keeper) {
		for _, table := range store.Tables() {
			write(t, s, put(table, "a", "k", string(table)), put(table, "b", "k", "other"))
		}
		for _, table := range store.Tables() {
			write(t, s, remove(table, "b", "k"), remove(table, "b", "never"), remove(table, "never", "k"))
			equal(t, []string{"a/k=" + string(table)}, content(t, s, table))
		}
	})
}

func TestLastChangeWins(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s keeper) {
		write(t, s,
			put(store.Ledger, "s", "kept", "1"), put(store.Ledger, "s", "kept", "2"),
			put(store.Ledger, "s", "gone", "1"), remove(store.Ledger, "s", "gone"),
			remove(store.Ledger, "s", "back"), put(store.Ledger, "s", "back", ""),
			put(store.Ledger, "t", "gone", "1"), remove(store.Ledger, "t", "gone"))
		equal(t, []string{"s/back=", "s/kept=2"}, content(t, s, store.Ledger))
		write(t, s)
	})
}

func TestScanStopsAtAnError(t *testing.T) {
	t.Parallel()
	stop := errors.New("enough")
	each(t, func(t *testing.T, s keeper) {
		write(t, s, put(store.Tasks, "a", "1", ""), put(store.Tasks, "a", "2", ""), put(store.Tasks, "b", "1", ""))
		calls := 0
		if err := s.Scan(store.Tasks, func(string, string, []byte) error { calls++; return stop }); err != stop { //nolint:errorlint // as it is
			t.Errorf("Scan: got %v", err)
		}
		if err := s.ScanScope(store.Tasks, "a", func(string, []byte) error { calls++; return stop }); err != stop { //nolint:errorlint // as it is
			t.Errorf("ScanScope: got %v", err)
		}
		equal(t, 2, calls)
	})
}

func TestPanicOfACallerIsTheCallers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s keeper) {
		write(t, s, put(store.Tasks, "a", "1", ""))
		func() {
			defer func() { equal(t, any("mine"), recover()) }()
			_ = s.Scan(store.Tasks, func(string, string, []byte) error { panic("mine") })
		}()
		write(t, s, put(store.Tasks, "a", "2", ""))
		equal(t, []string{"a/1=", "a/2="}, content(t, s, store.Tasks))
	})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s keeper) {
		write(t, s, put(store.Tasks, "a", "1", ""))
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		for what, err := range map[string]error{
			"Write":     s.Write(put(store.Tasks, "a", "1", "")),
			"Scan":      s.Scan(store.Tasks, func(string, string, []byte) error { return nil }),
			"ScanScope": s.ScanScope(store.Tasks, "a", func(string, []byte) error { return nil }),
		} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s: got %v", what, err)
			}
		}
		equal(t, uint64(1), s.Stats().Writes)
	})
}

// TestWritesShareSyncs is what makes thousands of tasks affordable that change
// at once.
func TestWritesShareSyncs(t *testing.T) {
	t.Parallel()
	writesShareSyncs(t)
}

// TestWritesShareSyncsOnOneCore is how a container with the limit of one core runs.
func TestWritesShareSyncsOnOneCore(t *testing.T) { //nolint:paralleltest // the cores are the process's
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	writesShareSyncs(t)
}

func writesShareSyncs(t *testing.T) {
	t.Helper()
	const (
		writers    = 10_000
		maxCommits = 50
	)
	db := open(t, store.Options{Path: t.TempDir()})
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			<-start
			if err := db.Write(put(store.Tasks, "account", fmt.Sprintf("%05d", i), "value")); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	group.Wait()

	stats := db.Stats()
	t.Logf("%d writes took %d commits", stats.Writes, stats.Commits)
	if stats.Writes != writers || stats.Commits > maxCommits {
		t.Errorf("%d writes took %d commits, want %d and at most %d", stats.Writes, stats.Commits, writers, maxCommits)
	}
	if n := len(content(t, db, store.Tasks)); n != writers {
		t.Errorf("%d values are kept, want %d", n, writers)
	}
}

// TestStaysBounded writes 300 tasks a day for a year, each for two days.
func TestStaysBounded(t *testing.T) {
	t.Parallel()
	const (
		days, tasks = 365, 300
		maxSize     = 4 << 20
	)
	db := open(t, store.Options{Path: t.TempDir()})
	value := strings.Repeat("x", 1024)
	for day := range days {
		ops := make([]store.Op, 0, 2*tasks)
		for i := range tasks {
			ops = append(ops,
				put(store.Tasks, "account", fmt.Sprintf("%d-%d", day, i), value),
				remove(store.Tasks, "account", fmt.Sprintf("%d-%d", day-2, i)))
		}
		write(t, db, ops...)
	}
	size := db.Stats().FileSize
	t.Logf("%d bytes after a year, %d of them values", size, 2*tasks*len(value))
	if size > maxSize {
		t.Errorf("the file has %d bytes after a year, want at most %d", size, maxSize)
	}
	if n := len(content(t, db, store.Tasks)); n != 2*tasks {
		t.Errorf("%d values are kept, want %d", n, 2*tasks)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s keeper) {
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				scope := fmt.Sprint(worker)
				for i := range 40 {
					// Two keys that always change together.
					v := fmt.Sprint(i)
					if err := s.Write(put(store.Tasks, scope, "a", v), put(store.Tasks, scope, "b", v)); err != nil {
						t.Error(err)
					}
					var seen []string
					err := s.ScanScope(store.Tasks, fmt.Sprint((worker+1)%8), func(_ string, value []byte) error {
						seen = append(seen, string(value))
						return nil
					})
					if err != nil || len(seen) == 1 || len(seen) == 2 && seen[0] != seen[1] {
						t.Errorf("saw half a write: %q, %v", seen, err)
					}
				}
			})
		}
		group.Wait()
	})
}
