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

// BenchmarkPlan is one planning step: which question is next, of 10,000 tasks
// none of which has settled. Each step is one slot after the last.
func BenchmarkPlan(b *testing.B) {
	edge := vendorapi.Capabilities{
		Windows: true, Paged: true, FilterWords: vendorapi.OneWord(prefetch.Waiting, prefetch.Running, prefetch.Succeeded, prefetch.Failed), Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true, MaxInFlight: 1,
		PageSize: 100, LookBack: 72 * time.Hour, MaxSpan: 24*time.Hour - time.Second,
	}
	sizes := []int{1_000, benchTasks}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, bench := range []struct {
		name    string
		account prefetch.Account
		caps    vendorapi.Capabilities
		limit   prefetch.Limit
	}{
		{"huaweicloud", huaweiAccount, vendorapi.Capabilities{MaxInFlight: 4}, prefetch.Limit{Calls: 50, Per: time.Minute}},
		{"cdnetworks", edgeAccount, edge, prefetch.Limit{Calls: 1, Per: 5 * time.Minute}},
	} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/tasks=%d", bench.name, n), func(b *testing.B) {
				p := answeredOnce(b, bench.account, bench.caps, bench.limit, n)
				slot, now := bench.limit.Per/time.Duration(bench.limit.Calls), time.Now().Add(12*time.Hour)
				b.ReportAllocs()
				for b.Loop() {
					now = now.Add(slot)
					if q, why, _ := poller.Plan(p, bench.account, now); q.Kind == "" {
						b.Fatalf("no question, %s", why)
					}
				}
			})
		}
	}
}

// BenchmarkForecast is to tell what comes next, and when, of 10,000 tasks none of
// which has settled, as a loop does before it sleeps, the planning step included.
func BenchmarkForecast(b *testing.B) {
	tasks := benchTasks
	if testing.Short() {
		tasks /= 10
	}
	limit := prefetch.Limit{Calls: 50, Per: time.Minute}
	p := answeredOnce(b, huaweiAccount, vendorapi.Capabilities{MaxInFlight: 4}, limit, tasks)
	slot, now := limit.Per/time.Duration(limit.Calls), time.Now().Add(12*time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(slot)
		poller.Plan(p, huaweiAccount, now)
		if poller.Forecast(p, huaweiAccount, now) == nil {
			b.Fatal("nothing comes next")
		}
	}
}

// answeredOnce is a poller each of whose n tasks was answered once: some of its
// URLs are under way.
func answeredOnce(b *testing.B, name prefetch.Account, caps vendorapi.Capabilities, limit prefetch.Limit, n int) *poller.Poller {
	b.Helper()
	const rows = 20
	began := time.Now()
	left := make(chan struct{}, n)
	v := &stub{caps: caps}
	tasks := many(name, n)
	created := map[string]time.Time{}
	for i := range tasks {
		// Two days of submissions, the newest of two hours ago.
		tasks[i].Created = began.Add(-2*time.Hour - time.Duration(i)*48*time.Hour/time.Duration(n)).Truncate(time.Second)
		created[tasks[i].ID] = tasks[i].Created
	}
	v.answer = func(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
		if q.TaskID == "" {
			return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid} // one call for each
		}
		select {
		case left <- struct{}{}:
		default:
		}
		urls := make([]prefetch.URL, rows)
		for i := range urls {
			urls[i] = prefetch.URL{URL: fmt.Sprintf("https://example.com/%s/%d.mp4", q.TaskID, i), Status: prefetch.Running}
			if at := created[q.TaskID]; caps.Gradual {
				urls[i].Created, urls[i].Started = at, at.Add(time.Minute)
			}
		}
		return vendorapi.Answer{URLs: urls, Count: len(urls)}, nil
	}
	a := account(name, v, prefetch.Limit{Calls: 2 * n, Per: time.Minute})
	a.TaskLimit, a.PollInterval, a.MaxStaleness = n, time.Minute, time.Hour
	p := poller.New(poller.Options{Store: newMemory(), Recorder: newRecorder()})
	if err := p.Configure([]poller.Account{a}); err != nil {
		b.Fatal(err)
	}
	p.List(map[string][]prefetch.Task{a.Name: tasks})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for range n {
		<-left
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	a.Limit = limit
	if err := p.Configure([]poller.Account{a}); err != nil {
		b.Fatal(err)
	}
	return p
}
