package poller_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const benchTasks = 10_000

// bench is a poller of many tasks, all of which were answered once.
func bench(b *testing.B) (*poller.Poller, *stub) {
	b.Helper()
	v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
	rows := make([]prefetch.URL, 20)
	for i := range rows {
		rows[i] = prefetch.URL{URL: fmt.Sprintf("https://example.com/%d.mp4", i), Status: prefetch.Running}
	}
	v.answer = func(int, vendorapi.Query) (vendorapi.Answer, error) {
		return vendorapi.Answer{URLs: rows, Count: len(rows)}, nil
	}
	a := account(huaweiAccount, v, prefetch.Limit{Calls: 1_000_000, Per: time.Nanosecond})
	a.TaskLimit, a.PollInterval = benchTasks, time.Nanosecond
	p := poller.New(poller.Options{Store: newMemory(), Recorder: newRecorder()})
	if err := p.Configure([]poller.Account{a}); err != nil {
		b.Fatal(err)
	}
	p.List(map[string][]prefetch.Task{a.Name: many(huaweiAccount, benchTasks)})
	return p, v
}

// BenchmarkCall is one call from the plan to the published answer, among 10,000
// tasks.
func BenchmarkCall(b *testing.B) {
	p, v := bench(b)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	calls := make(chan struct{})
	v.takes = func(int) time.Duration { calls <- struct{}{}; return 0 }
	go func() { done <- p.Run(ctx) }()
	for b.Loop() {
		<-calls
	}
	cancel()
	drain(b, calls, done)
}

// BenchmarkSnapshot is what a scrape costs the poller with 10,000 tasks.
func BenchmarkSnapshot(b *testing.B) {
	p, _ := bench(b)
	for b.Loop() {
		if n := len(p.Snapshot().Accounts[0].Tasks); n != benchTasks {
			b.Fatalf("%d tasks", n)
		}
	}
}
