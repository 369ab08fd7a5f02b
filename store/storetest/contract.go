package storetest

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/store"
)

// Contract tests what every store does. Each of its tests opens a new one, which
// open closes when the test ends.
func Contract(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s Store){
		"scan is ordered by scope then key": scanIsOrderedByScopeThenKey,
		"refused":                           refused,
		"tables and scopes are apart":       tablesAndScopesAreApart,
		"last change wins":                  lastChangeWins,
		"only what was read is changed":     onlyWhatWasReadIsChanged,
		"scan stops at an error":            scanStopsAtAnError,
		"panic of a caller is the callers":  panicOfACallerIsTheCallers,
		"closed":                            closed,
		"concurrent use":                    concurrentUse,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// equal reports how the two differ.
func equal(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func scanIsOrderedByScopeThenKey(t *testing.T, s Store) {
	t.Helper()
	equal(t, store.Fresh, s.State())
	if at, ok := s.Recovery(); ok {
		t.Errorf("recovered at %v", at)
	}
	equal(t, []string(nil), Content(t, s, store.Tasks))
	Write(t, s,
		Put(store.Tasks, "b", "2", "two"),
		Put(store.Tasks, "b", "10", "ten"),
		Put(store.Tasks, "a/b", "c", "1"),
		Put(store.Tasks, "a", "b/c", "2"),
		Put(store.Tasks, "a\x00", "k", "3"))
	equal(t, []string{"a/b/c=2", "a\x00/k=3", "a/b/c=1", "b/10=ten", "b/2=two"}, Content(t, s, store.Tasks))

	var keys []string
	err := s.ScanScope(store.Tasks, "b", func(key string, value []byte) error {
		keys = append(keys, key+"="+string(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []string{"10=ten", "2=two"}, keys)
}

func refused(t *testing.T, s Store) {
	t.Helper()
	long := strings.Repeat("x", store.MaxName+1)
	tests := []struct {
		name string
		op   store.Op
		want string
	}{
		{"table", Put("tusks", "s", "k", "v"), `unknown table "tusks"`},
		{"scope", Put(store.Tasks, "", "k", "v"), "table tasks: scope is empty"},
		{"key", Put(store.Tasks, "s", "", "v"), `table tasks, scope "s": key is empty`},
		{"deleted key", Remove(store.Tasks, "s", ""), `table tasks, scope "s": key is empty`},
		{"long scope", Put(store.Tasks, long, "k", "v"), "scope has 32769 bytes, at most 32768 are kept"},
		{"long key", Put(store.Tasks, "s", long, "v"), "key has 32769 bytes, at most 32768 are kept"},
		{
			"value",
			store.Op{Table: store.Tasks, Scope: "s", Key: "k", Value: make([]byte, store.MaxValue+1)},
			"value has 67108865 bytes, at most 67108864 are kept",
		},
	}
	for _, test := range tests {
		err := s.Write(Put(store.Tasks, "s", "good", "v"), test.op)
		if err == nil || !strings.Contains(err.Error(), "change 2 of 2: ") || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one that ends in %q", test.name, err, test.want)
		}
	}
	if found := Content(t, s, store.Tasks); found != nil {
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
}

func tablesAndScopesAreApart(t *testing.T, s Store) {
	t.Helper()
	for _, table := range store.Tables() {
		Write(t, s, Put(table, "a", "k", string(table)), Put(table, "b", "k", "other"))
	}
	for _, table := range store.Tables() {
		Write(t, s, Remove(table, "b", "k"), Remove(table, "b", "never"), Remove(table, "never", "k"))
		equal(t, []string{"a/k=" + string(table)}, Content(t, s, table))
	}
}

func lastChangeWins(t *testing.T, s Store) {
	t.Helper()
	Write(t, s,
		Put(store.Ledger, "s", "kept", "1"), Put(store.Ledger, "s", "kept", "2"),
		Put(store.Ledger, "s", "gone", "1"), Remove(store.Ledger, "s", "gone"),
		Remove(store.Ledger, "s", "back"), Put(store.Ledger, "s", "back", ""),
		Put(store.Ledger, "t", "gone", "1"), Remove(store.Ledger, "t", "gone"))
	equal(t, []string{"s/back=", "s/kept=2"}, Content(t, s, store.Ledger))
	Write(t, s)
}

func onlyWhatWasReadIsChanged(t *testing.T, s Store) {
	t.Helper()
	only := func(was string, op store.Op) store.Op {
		op.Was = []byte(was)
		return op
	}
	for _, table := range []store.Table{store.Ledger, store.Submitted} {
		Write(t, s, Put(table, "s", "deleted", "1"), Put(table, "s", "kept", "1"), Put(table, "s", "empty", ""), Put(table, "s", "put", "1"))
		Write(t, s, only("1", Remove(table, "s", "deleted")), only("2", Remove(table, "s", "kept")),
			only("", Remove(table, "s", "empty")), only("1", Put(table, "s", "put", "2")))
		equal(t, []string{"s/kept=1", "s/put=2"}, Content(t, s, table))
		Write(t, s, only("1", Put(table, "s", "put", "3")), only("", Put(table, "s", "never", "1")), only("", Remove(table, "t", "never")))
		Write(t, s, only("", Remove(table, "s", "kept")))
		equal(t, []string{"s/kept=1", "s/put=2"}, Content(t, s, table))
	}
}

func scanStopsAtAnError(t *testing.T, s Store) {
	t.Helper()
	stop := errors.New("enough")
	Write(t, s, Put(store.Tasks, "a", "1", ""), Put(store.Tasks, "a", "2", ""), Put(store.Tasks, "b", "1", ""))
	calls := 0
	if err := s.Scan(store.Tasks, func(string, string, []byte) error { calls++; return stop }); err != stop { //nolint:errorlint // as it is
		t.Errorf("Scan: got %v", err)
	}
	if err := s.ScanScope(store.Tasks, "a", func(string, []byte) error { calls++; return stop }); err != stop { //nolint:errorlint // as it is
		t.Errorf("ScanScope: got %v", err)
	}
	equal(t, 2, calls)
}

func panicOfACallerIsTheCallers(t *testing.T, s Store) {
	t.Helper()
	Write(t, s, Put(store.Tasks, "a", "1", ""))
	func() {
		defer func() { equal(t, any("mine"), recover()) }()
		_ = s.Scan(store.Tasks, func(string, string, []byte) error { panic("mine") })
	}()
	Write(t, s, Put(store.Tasks, "a", "2", ""))
	equal(t, []string{"a/1=", "a/2="}, Content(t, s, store.Tasks))
}

func closed(t *testing.T, s Store) {
	t.Helper()
	Write(t, s, Put(store.Tasks, "a", "1", ""))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for what, err := range map[string]error{
		"Write":     s.Write(Put(store.Tasks, "a", "1", "")),
		"Scan":      s.Scan(store.Tasks, func(string, string, []byte) error { return nil }),
		"ScanScope": s.ScanScope(store.Tasks, "a", func(string, []byte) error { return nil }),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	equal(t, uint64(1), s.Stats().Writes)
}

func concurrentUse(t *testing.T, s Store) {
	t.Helper()
	const workers = 8
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			scope := strconv.Itoa(worker)
			for i := range 40 {
				// Two keys that always change together.
				v := strconv.Itoa(i)
				if err := s.Write(Put(store.Tasks, scope, "a", v), Put(store.Tasks, scope, "b", v)); err != nil {
					t.Error(err)
				}
				var seen []string
				err := s.ScanScope(store.Tasks, strconv.Itoa((worker+1)%workers), func(_ string, value []byte) error {
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
}
