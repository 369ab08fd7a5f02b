package poller_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// rowsOf returns n rows of a task as a vendor reports them.
func rowsOf(task string, n int, status prefetch.Status) []prefetch.URL {
	created := time.Now().Add(-time.Hour)
	rows := make([]prefetch.URL, n)
	for i := range rows {
		rows[i] = prefetch.URL{
			URL:    fmt.Sprintf("https://video.example.com/launch/%s/stream_%04d/segment.m3u8", task, i),
			Status: status, Created: created, Started: created.Add(time.Minute),
		}
		if status.Final() {
			rows[i].Finished = created.Add(2 * time.Minute)
		}
	}
	return rows
}

// watch gauges an answer's way from the call's end to publication. The first
// is when the recorder is told of the call, before anything is made of the
// answer. The last is when the account's loop next looks at the clock, which it
// does before it plans the next call, and needs the lock for that under which
// answers are applied.
type watch struct {
	silent

	mu      sync.Mutex
	ended   time.Time
	applied []time.Duration
}

func (w *watch) Answered(prefetch.Account, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = time.Now()
}

func (w *watch) now() time.Time {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended.IsZero() {
		w.applied = append(w.applied, now.Sub(w.ended))
		w.ended = time.Time{}
	}
	return now
}

// median is how long it took to apply an answer, in nanoseconds.
func (w *watch) median() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.applied) == 0 {
		return 0
	}
	slices.Sort(w.applied)
	return float64(w.applied[len(w.applied)/2])
}

// drain lets calls end until the poller has.
func drain(b *testing.B, calls <-chan struct{}, done <-chan error) {
	b.Helper()
	for {
		select {
		case <-calls:
		case err := <-done:
			if err != nil {
				b.Error(err)
			}
			return
		}
	}
}

// BenchmarkApply is one answer of 20 URLs from the end of the call until it is
// published, in a store without a disk, beside ever more tasks. The time of an
// operation is that of the whole call, with the plan for the next one, which
// looks at every task; ns/apply is the median of what the answer itself takes.
func BenchmarkApply(b *testing.B) {
	sizes := []int{100, 1_000, 10_000, 50_000}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			w := &watch{}
			answers := 0
			calls := make(chan struct{})
			v := func(q vendorapi.Query) []prefetch.URL {
				calls <- struct{}{}
				answers++
				rows := rowsOf(q.TaskID, 20, prefetch.Running)
				rows[0].Status = prefetch.Statuses()[answers%2]
				return rows
			}
			p := pollerOf(b, v, n, poller.Options{Store: newMemory(), Recorder: w, Clock: clock.Wall(w.now)})
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error)
			go func() { done <- p.Run(ctx) }()
			for b.Loop() {
				<-calls
			}
			cancel()
			drain(b, calls, done)
			b.ReportMetric(w.median(), "ns/apply")
		})
	}
}

// BenchmarkApplyFailed is as BenchmarkApply, where one URL in twenty fails and
// the others succeed: what failed is compared with all later tasks, and what
// succeeded with all that failed.
func BenchmarkApplyFailed(b *testing.B) {
	for _, n := range []int{100, 1_000, 5_000} {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			if testing.Short() && n > 100 {
				b.SkipNow()
			}
			w := &watch{}
			answers := 0
			calls := make(chan struct{})
			v := func(q vendorapi.Query) []prefetch.URL {
				calls <- struct{}{}
				answers++
				rows := rowsOf(q.TaskID, 20, prefetch.Succeeded)
				// Another one each time; and the last one runs on.
				rows[answers%19].Status = prefetch.Failed
				rows[19].Status = prefetch.Running
				return rows
			}
			p := pollerOf(b, v, n, poller.Options{Store: newMemory(), Recorder: w, Clock: clock.Wall(w.now)})
			tasks := many(huaweiAccount, n)
			for i := range tasks {
				tasks[i].Created = time.Now().Add(-time.Duration(i) * time.Second)
			}
			p.List(map[string][]prefetch.Task{huaweiAccount.Name: tasks})
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error)
			go func() { done <- p.Run(ctx) }()
			for range n {
				<-calls // until every task is known
			}
			for b.Loop() {
				<-calls
			}
			cancel()
			drain(b, calls, done)
			b.ReportMetric(w.median(), "ns/apply")
		})
	}
}

// pollerOf returns a poller of one account with n tasks, without a limit that
// would be felt.
func pollerOf(b *testing.B, answer instant, n int, o poller.Options) *poller.Poller {
	b.Helper()
	a := account(huaweiAccount, answer, prefetch.Limit{Calls: n, Per: time.Nanosecond})
	a.TaskLimit, a.PollInterval = n, time.Nanosecond
	p := poller.New(o)
	if err := p.Configure([]poller.Account{a}); err != nil {
		b.Fatal(err)
	}
	p.List(map[string][]prefetch.Task{a.Name: many(huaweiAccount, n)})
	return p
}

// instant answers at once, and remembers nothing.
type instant func(q vendorapi.Query) []prefetch.URL

func (instant) Capabilities() vendorapi.Capabilities { return vendorapi.Capabilities{MaxInFlight: 1} }

func (v instant) Query(_ context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	rows := v(q)
	return vendorapi.Answer{URLs: rows, Count: len(rows)}, nil
}

// silent is a recorder that remembers nothing.
type silent struct{}

func (silent) AddAccount(prefetch.Account)                  {}
func (silent) RemoveAccount(prefetch.Account)               {}
func (silent) Called(prefetch.Account, string)              {}
func (silent) Answered(prefetch.Account, time.Duration)     {}
func (silent) Failed(prefetch.Account, prefetch.Reason)     {}
func (silent) URLWait(prefetch.Account, time.Duration)      {}
func (silent) URLFetch(prefetch.Account, time.Duration)     {}
func (silent) TaskDuration(prefetch.Account, time.Duration) {}

// forgetful is a store that keeps nothing.
type forgetful struct{ *memory }

func (forgetful) Write(...store.Op) error { return nil }

// BenchmarkTaskAtRest is what a task holds in memory, by its number of URLs and
// by whether it is settled: then the details of URLs that succeeded are let go.
// Every task is answered once; the store is not counted.
func BenchmarkTaskAtRest(b *testing.B) {
	for _, tc := range []struct {
		name   string
		status prefetch.Status
	}{{"unsettled", prefetch.Running}, {"settled", prefetch.Succeeded}} {
		for _, urls := range []int{1, 20, 1000} {
			b.Run(fmt.Sprintf("%s/urls=%d", tc.name, urls), func(b *testing.B) {
				n := 1000
				if urls == 1000 || testing.Short() {
					n = 100
				}
				for b.Loop() {
					b.ReportMetric(atRest(b, n, urls, tc.status), "B/task")
				}
			})
		}
	}
}

// atRest returns the bytes that one of n tasks holds when each was answered.
func atRest(b *testing.B, n, urls int, status prefetch.Status) float64 {
	b.Helper()
	before := heap()
	p := pollerOf(b, func(q vendorapi.Query) []prefetch.URL { return rowsOf(q.TaskID, urls, status) }, n,
		poller.Options{Store: forgetful{newMemory()}, Recorder: silent{}})
	if p.Once(b.Context()) {
		b.Fatal("a call failed")
	}
	held := heap() - before
	for _, t := range p.Snapshot().Accounts[0].Tasks {
		if !t.Answered || t.Settled() != status.Final() {
			b.Fatalf("%s: answered %t, %s", t.ID, t.Answered, t.Phase)
		}
	}
	return held / float64(n)
}

// heap returns how many bytes are in use.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what the first one finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
