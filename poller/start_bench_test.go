package poller_test

import (
	"fmt"
	"testing"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// BenchmarkStart is a start with tasks in the store, each of 20 URLs: from
// opening the store, which reads and checks the whole file, until every task is
// published again.
func BenchmarkStart(b *testing.B) {
	sizes := []int{100, 1_000, 10_000}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		for _, phase := range []struct {
			name   string
			status prefetch.Status
		}{{"settled", prefetch.Succeeded}, {"unsettled", prefetch.Running}} {
			b.Run(fmt.Sprintf("tasks=%d/%s", n, phase.name), func(b *testing.B) {
				answer := instant(func(q vendorapi.Query) []prefetch.URL { return rowsOf(q.TaskID, 20, phase.status) })
				folder := filled(b, answer, n)
				b.ReportAllocs()
				for b.Loop() {
					db, err := store.Open(store.Options{Path: folder})
					if err != nil {
						b.Fatal(err)
					}
					p := pollerOf(b, answer, n, poller.Options{Store: db, Recorder: silent{}})
					for _, t := range p.Snapshot().Accounts[0].Tasks {
						if !t.Answered || t.Settled() != phase.status.Final() {
							b.Fatalf("%s: answered %t, %s", t.ID, t.Answered, t.Phase)
						}
					}
					if err := db.Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// filled returns the folder of a store in which each of n tasks was answered
// once. What was kept goes to the disk at once: one write for each answer is
// another matter.
func filled(b *testing.B, answer instant, n int) string {
	b.Helper()
	kept := newMemory()
	if pollerOf(b, answer, n, poller.Options{Store: kept, Recorder: silent{}}).Once(b.Context()) {
		b.Fatal("a call failed")
	}
	folder := b.TempDir()
	db, err := store.Open(store.Options{Path: folder})
	if err != nil {
		b.Fatal(err)
	}
	for _, table := range []store.Table{store.Ledger, store.Tasks, store.Accounts} {
		var ops []store.Op
		if err := kept.Scan(table, func(scope, key string, value []byte) error {
			ops = append(ops, store.Op{Table: table, Scope: scope, Key: key, Value: value})
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		if err := db.Write(ops...); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return folder
}
