package etcdstore_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

// BenchmarkCharge charges and ends a call, as an owner does for each: two
// transactions.
func BenchmarkCharge(b *testing.B) {
	for _, members := range []int{1, 3} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			o := options(etcdtest.Start(b, etcdtest.Options{Members: members}).Endpoints())
			o.LeaseTTL = 15 * time.Second
			a := ready(b, o)
			claim(b, a, "id")
			mine := a.Owned("id")
			before := a.Stats()
			var charges []time.Duration
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				write(b, mine, call(strconv.Itoa(i), `{"begun":1}`), remove(store.Ledger, "id", strconv.Itoa(i-1)))
				charges = append(charges, time.Since(began))
				write(b, mine, call(strconv.Itoa(i), `{"begun":1,"ended":2}`))
			}
			slices.Sort(charges)
			b.ReportMetric(float64(charges[len(charges)/2].Microseconds()), "µs/charge-median")
			b.ReportMetric(float64(charges[len(charges)*9/10].Microseconds()), "µs/charge-p90")
			b.ReportMetric(float64(a.Stats().Commits-before.Commits)/float64(b.N), "txn/op")
		})
	}
}

// BenchmarkSave writes what an answer about 100 tasks of 4 KiB changes.
func BenchmarkSave(b *testing.B) {
	for _, members := range []int{1, 3} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			o := options(etcdtest.Start(b, etcdtest.Options{Members: members}).Endpoints())
			o.LeaseTTL = 15 * time.Second
			a := ready(b, o)
			claim(b, a, "id")
			ops := []store.Op{put(store.Accounts, "vod", "account", "{}")}
			for i := range 99 {
				ops = append(ops, store.Op{Table: store.Tasks, Scope: "vod", Key: strconv.Itoa(i), Value: noise(4096)})
			}
			before := a.Stats()
			for b.Loop() {
				write(b, a.Owned("id"), ops...)
			}
			b.ReportMetric(float64(a.Stats().Commits-before.Commits)/float64(b.N), "txn/op")
		})
	}
}

// BenchmarkLoad starts a replica where there are 10,000 tasks of 4 KiB, until all are
// loaded.
func BenchmarkLoad(b *testing.B) {
	tasks := 10_000
	if testing.Short() {
		tasks = 100
	}
	o := options(etcdtest.Start(b, etcdtest.Options{}).Endpoints())
	a := ready(b, o)
	var ops []store.Op
	for i := range tasks {
		ops = append(ops, store.Op{Table: store.Tasks, Scope: "vod", Key: strconv.Itoa(i), Value: noise(4096)})
	}
	write(b, a, ops...)
	for i := 0; b.Loop(); i++ {
		r := run(b, as(o, fmt.Sprint("b", i)))
		eventually(b, "loaded", r.Loaded)
		b.StopTimer()
		if err := r.stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkRenewals counts what a replica that does nothing asks of etcd.
func BenchmarkRenewals(b *testing.B) {
	c := etcdtest.Start(b, etcdtest.Options{})
	o := options(c.Endpoints())
	o.LeaseTTL = 15 * time.Second
	ready(b, o)
	requests := func() float64 {
		n, err := c.Members()[0].Metric(b.Context(), "grpc_server_started_total")
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	watched := 20 * time.Second
	if testing.Short() {
		watched = time.Second
	}
	for b.Loop() {
		before, began := requests(), time.Now()
		timer := time.NewTimer(watched)
		<-timer.C
		b.ReportMetric((requests()-before)/time.Since(began).Minutes(), "requests/min")
	}
}
