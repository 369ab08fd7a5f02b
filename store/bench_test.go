package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"prefetch_exporter/store"
)

// The figures in docs/storage.md are these benchmarks'.

const (
	benchValues    = 10_000
	benchValueSize = 4 << 10
	// benchWriters is how many writers each processor has.
	benchWriters = 500
)

func benchOp(i int64, value []byte) store.Op {
	return store.Op{Table: store.Tasks, Scope: "account", Key: fmt.Sprintf("%08d", i%benchValues), Value: value}
}

// BenchmarkWriteSerial is one writer that waits for each of its writes.
func BenchmarkWriteSerial(b *testing.B) {
	db := open(b, store.Options{Path: b.TempDir()})
	value := make([]byte, benchValueSize)
	i := int64(0)
	for b.Loop() {
		write(b, db, benchOp(i, value))
		i++
	}
}

// BenchmarkWriteConcurrent is many writers; each waits for its own writes only.
func BenchmarkWriteConcurrent(b *testing.B) {
	db := open(b, store.Options{Path: b.TempDir()})
	value := make([]byte, benchValueSize)
	var next atomic.Int64
	b.SetParallelism(benchWriters)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := db.Write(benchOp(next.Add(1), value)); err != nil {
				b.Error(err)
			}
		}
	})
	stats := db.Stats()
	b.ReportMetric(float64(stats.Writes)/float64(stats.Commits), "writes/commit")
}

// BenchmarkBatch is bbolt's own grouping, under which a lone write waits for
// others that do not come. It is here for comparison.
func BenchmarkBatch(b *testing.B) {
	for _, writers := range []int{1, benchWriters} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			db, err := bolt.Open(filepath.Join(b.TempDir(), "batch.db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			value := make([]byte, benchValueSize)
			var next atomic.Int64
			put := func() error {
				return db.Batch(func(tx *bolt.Tx) error {
					bucket, err := tx.CreateBucketIfNotExists([]byte("account"))
					if err != nil {
						return err
					}
					return bucket.Put(fmt.Appendf(nil, "%08d", next.Add(1)%benchValues), value)
				})
			}
			if writers == 1 {
				for b.Loop() {
					if err := put(); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.SetParallelism(writers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := put(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// bigStore returns a folder with 10,000 values of 4 KiB.
func bigStore(b *testing.B) string {
	b.Helper()
	folder := b.TempDir()
	db := open(b, store.Options{Path: folder})
	value := []byte(strings.Repeat("x", benchValueSize))
	ops := make([]store.Op, benchValues)
	for i := range ops {
		ops[i] = benchOp(int64(i), value)
	}
	write(b, db, ops...)
	closeNow(b, db)
	return folder
}

// BenchmarkOpen opens a store, with the check of the whole file, and closes it.
func BenchmarkOpen(b *testing.B) {
	folder := bigStore(b)
	for b.Loop() {
		db, err := store.Open(store.Options{Path: folder})
		if err != nil {
			b.Fatal(err)
		}
		closeNow(b, db)
	}
}

// BenchmarkScan reads every value of a table.
func BenchmarkScan(b *testing.B) {
	db := open(b, store.Options{Path: bigStore(b)})
	for b.Loop() {
		n := 0
		if err := db.Scan(store.Tasks, func(string, string, []byte) error { n++; return nil }); err != nil || n != benchValues {
			b.Fatalf("%d values, %v", n, err)
		}
	}
}
