package replicas_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"prefetch_exporter/poller/record"
	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

// BenchmarkCharge reports what it takes to charge a call, after which it may leave:
// a transaction that a quorum of three members has on their disks.
func BenchmarkCharge(b *testing.B) {
	const identity = "huaweicloud_vod/charge"
	cluster := etcdtest.Start(b, etcdtest.Options{Members: members, Binary: *etcdFlag, Flags: etcdFlags()})
	db := etcdstore.Open(etcdstore.Options{
		Endpoints: cluster.Endpoints(), Prefix: prefix, LeaseTTL: leaseTTL, DialTimeout: time.Second, Replica: "bench",
		Migrations: record.Migrations(),
	})
	ctx, end := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- db.Run(ctx) }()
	b.Cleanup(func() {
		end()
		report(b, <-ended)
		report(b, db.Close())
	})
	for won := false; !won; {
		var err error
		if won, err = db.Claim(ctx, identity); err != nil && b.Context().Err() != nil {
			b.Fatal(err)
		}
	}
	var times []time.Duration
	ledger := db.Owned(identity)
	for b.Loop() {
		key := fmt.Sprintf("%020d", len(times)+1)
		ops := []store.Op{{Table: store.Ledger, Scope: identity, Key: key, Value: make([]byte, 200)}}
		if n := len(times); n > 0 {
			ops = append(ops, store.Op{Table: store.Ledger, Scope: identity, Key: fmt.Sprintf("%020d", n)})
		}
		began := time.Now()
		if err := ledger.Write(ops...); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(times[len(times)*9/10].Microseconds())/1000, "ms-90th")
	b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "ms-worst")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFollow reports how soon a task that was put on one replica is shown by
// the others.
func BenchmarkFollow(b *testing.B) {
	s := eagerSite(b)
	var times []time.Duration
	for b.Loop() {
		name := s.names[len(times)%len(s.names)]
		s.put(b, s.replicas[len(times)%len(s.replicas)], name)
		answered := time.Now()
		path := fmt.Sprintf("/api/v1/tasks/%s/%s-%04d", name, name, s.next)
		for _, r := range s.replicas {
			_, err := r.get(b.Context(), path)
			for err != nil && time.Since(answered) < answerLimit {
				_, err = r.get(b.Context(), path)
			}
			report(b, err)
		}
		times = append(times, time.Since(answered))
	}
	reportTimes(b, times)
}
