package poller_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// span is one call as the vendor sees it, which counts it at some moment between
// both times: when it came, or when it was answered.
type span struct{ began, ended time.Time }

// stub is a vendor that answers as a test says and remembers every call.
type stub struct {
	caps   vendorapi.Capabilities
	answer func(n int, q vendorapi.Query) (vendorapi.Answer, error)
	takes  func(n int) time.Duration

	mu      sync.Mutex
	queries []vendorapi.Query
	spans   []span
}

func (s *stub) Capabilities() vendorapi.Capabilities { return s.caps }

func (s *stub) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	s.mu.Lock()
	n := len(s.spans)
	s.queries = append(s.queries, q)
	s.spans = append(s.spans, span{began: time.Now()})
	s.mu.Unlock()
	ended := time.Now()
	if s.takes != nil {
		took := s.takes(n)
		ended = ended.Add(took)
		select {
		case <-time.After(took):
		case <-ctx.Done():
		}
	}
	// Whoever waits for the answer or not: the vendor goes on until it answers.
	s.mu.Lock()
	s.spans[n].ended = ended
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonUnavailable, Err: err}
	}
	return s.answer(n, q)
}

// calls returns the calls so far; one that is under way has not ended.
func (s *stub) calls() []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.spans)
}

// running answers with one URL that never finishes.
func running(int, vendorapi.Query) (vendorapi.Answer, error) {
	return vendorapi.Answer{URLs: []prefetch.URL{{URL: "https://example.com/a", Status: prefetch.Running}}, Count: 1}, nil
}

// overQuota returns an interval of length per that saw more than the limit's
// calls at the vendor, wherever between beginning and end they arrived.
func overQuota(calls []span, limit prefetch.Limit) error {
	// The ends of the calls before, in order: of those that were under way at once
	// any may have arrived last.
	ended := make([]time.Time, 0, len(calls))
	for i, c := range calls {
		if i >= limit.Calls {
			// At most Calls-1 of the earlier calls may still count.
			if gap := c.began.Sub(ended[i-limit.Calls]); gap < limit.Per {
				return fmt.Errorf("call %d began %v after the end of the call that had its slot, want %v", i, gap, limit.Per)
			}
		}
		at, _ := slices.BinarySearchFunc(ended, c.ended, time.Time.Compare)
		ended = slices.Insert(ended, at, c.ended)
	}
	return nil
}

func many(name prefetch.Account, n int) []prefetch.Task {
	tasks := make([]prefetch.Task, n)
	for i := range tasks {
		tasks[i] = configured(name, fmt.Sprintf("task-%d", i))
	}
	return tasks
}

// TestBudgetHoldsWhateverHappens runs two accounts with one identity through
// random latencies, errors, restarts, kills, reloads and changes of the wall
// clock, and asks whether any interval saw one call too many.
func TestBudgetHoldsWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { abuse(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func abuse(t *testing.T, random *rand.Rand) {
	t.Helper()
	var mu sync.Mutex
	intn := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	limit := prefetch.Limit{Calls: 1 + intn(4), Per: time.Duration(5+intn(300)) * time.Second}
	v := &stub{
		caps:  vendorapi.Capabilities{MaxInFlight: 4},
		takes: func(int) time.Duration { return time.Duration(intn(30_000)) * time.Millisecond },
		answer: func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			reasons := prefetch.Reasons()
			if intn(4) == 0 {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: reasons[intn(len(reasons))]}
			}
			return running(n, q)
		},
	}
	boot := time.Now()
	var jump time.Duration
	tells := func() clock.Stamp {
		mu.Lock()
		defer mu.Unlock()
		return clock.Stamp{Wall: time.Now().Add(jump), Boot: "boot", Up: time.Since(boot)}
	}
	first := account(huaweiAccount, v, limit)
	second := first
	second.Name, second.Identity = "other", first.Identity
	tasks := append(many(first.Account, 5), many(second.Account, 5)...)

	st := newMemory()
	var p *rigged
	for range 30 {
		switch n := intn(16); {
		case p == nil:
			p = rigUp(t, st, tells, []poller.Account{first, second}, tasks)
		case n < 4:
			p.end()
			p = nil
		case n < 7:
			st = p.kill(st)
			p = nil
		case n < 10:
			if err := p.Configure([]poller.Account{second, first}); err != nil {
				t.Fatal(err)
			}
		default:
			mu.Lock()
			jump = time.Duration(random.IntN(7200)-3600) * time.Second
			mu.Unlock()
		}
		time.Sleep(time.Duration(intn(int(2 * limit.Per))))
	}
	if p != nil {
		p.end()
	}
	if len(v.calls()) < 3 {
		t.Fatalf("%d calls: the test tests nothing", len(v.calls()))
	}
	if err := overQuota(v.calls(), limit); err != nil {
		t.Errorf("limit %v: %v", limit, err)
	}
}

// rigged is a poller of a test that ends and begins it anew.
type rigged struct {
	*poller.Poller
	recorder *recorder
	cancel   context.CancelFunc
	done     chan struct{}
}

func rigUp(t *testing.T, st *memory, tells clock.Clock, accounts []poller.Account, tasks []prefetch.Task) *rigged {
	t.Helper()
	r := &rigged{recorder: newRecorder(), done: make(chan struct{})}
	r.Poller = poller.New(poller.Options{Store: st, Recorder: r.recorder, Clock: tells, Random: func() float64 { return 0 }})
	if err := r.Configure(accounts); err != nil {
		t.Fatal(err)
	}
	listed := map[string][]prefetch.Task{}
	for _, task := range tasks {
		listed[task.Account] = append(listed[task.Account], task)
	}
	r.List(listed)
	var ctx context.Context
	ctx, r.cancel = contextWithCancel(t)
	go func() {
		defer close(r.done)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return r
}

func (r *rigged) end() {
	r.cancel()
	<-r.done
}

// kill ends the poller as SIGKILL does: nothing that it writes from now on is
// kept. It returns the store as it stood.
func (r *rigged) kill(st *memory) *memory {
	// First: a call that leaves while the store is read would be in neither.
	st.failWith(func([]store.Op) error { return errors.New("killed") })
	left := newMemory()
	left.lost = st.lost
	for _, table := range []store.Table{store.Ledger, store.Tasks, store.Accounts} {
		_ = st.Scan(table, func(scope, key string, value []byte) error {
			return left.Write(store.Op{Table: table, Scope: scope, Key: key, Value: slices.Clone(value)})
		})
	}
	r.end()
	return left
}

func TestBudgetOfADamagedStoreIsSpent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		st := newMemory()
		st.lost = time.Now()
		lost := time.Now()
		limit := prefetch.Limit{Calls: 2, Per: time.Minute}
		p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{account(huaweiAccount, v, limit)}, many(huaweiAccount, 5))
		time.Sleep(30 * time.Second)
		p.end()
		// A second start within the period must not forget that.
		p = rigUp(t, st, clock.Wall(time.Now), []poller.Account{account(huaweiAccount, v, limit)}, many(huaweiAccount, 5))
		time.Sleep(time.Hour)
		p.end()
		calls := v.calls()
		if len(calls) == 0 {
			t.Fatal("no calls at all")
		}
		if got := calls[0].began.Sub(lost); got < limit.Per {
			t.Errorf("the first call left %v after the ledger was lost, want at least %v", got, limit.Per)
		}
	})
}

func TestNoCallWithoutLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		st := newMemory()
		st.failWith(func([]store.Op) error { return errors.New("no space left on device") })
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 5, Per: time.Minute})
		p := rigUp(t, st, clock.Wall(time.Now), []poller.Account{a}, many(huaweiAccount, 1))
		time.Sleep(time.Hour)
		if n := len(v.calls()); n != 0 {
			t.Errorf("%d calls left while the ledger could not be kept", n)
		}
		if got := len(p.Snapshot().Accounts[0].Tasks); got != 1 {
			t.Errorf("%d tasks are shown while the disk is full, want 1", got)
		}
		st.failWith(nil)
		time.Sleep(time.Minute)
		if n := len(v.calls()); n == 0 {
			t.Error("no call after the disk had room again")
		}
		p.end()
	})
}

func TestRetryAfterAndThrottling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if n == 0 {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonThrottled, RetryAfter: 20 * time.Minute}
			}
			return running(n, q)
		}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		a.PollInterval = time.Second
		r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 1)...)
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := r.account(t, huaweiAccount).NextCall, began.Add(20*time.Minute); got.Before(want) {
			t.Errorf("next call at %v, want not before %v", got.Sub(began), want.Sub(began))
		}
		time.Sleep(4 * time.Hour)
		r.stop()
		calls := v.calls()
		if got := calls[1].began.Sub(calls[0].ended); got < 20*time.Minute {
			t.Errorf("called again %v after the vendor asked for 20m", got)
		}
		// Halved at 0 min, the rate has recovered by a tenth every 10 minutes.
		for _, want := range []struct{ at, gap time.Duration }{
			{21 * time.Minute, 86 * time.Second}, // 0.7 of the rate
			{35 * time.Minute, 75 * time.Second}, // 0.8
			{80 * time.Minute, 60 * time.Second}, // whole
		} {
			i := slices.IndexFunc(calls, func(c span) bool { return c.began.Sub(began) > want.at })
			gap := calls[i+1].began.Sub(calls[i].ended)
			if gap < want.gap || gap > want.gap+want.gap/20 {
				t.Errorf("at %v calls are %v apart, want about %v", want.at, gap, want.gap)
			}
		}
	})
}

func TestARenamedAccountKeepsItsLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 3)...)
		for i := range 40 {
			time.Sleep(time.Minute)
			a.Name = fmt.Sprintf("name-%d", i)
			if err := r.Configure([]poller.Account{a}); err != nil {
				t.Fatal(err)
			}
			r.list(many(a.Account, 3)...)
		}
		r.stop()
		if err := overQuota(v.calls(), a.Limit); err != nil {
			t.Error(err)
		}
		if n := len(v.calls()); n < 7 {
			t.Errorf("%d calls in 40 minutes, want about 8", n)
		}
	})
}

func TestAccountsThatShareABudgetTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		bad := &stub{
			caps:  vendorapi.Capabilities{MaxInFlight: 1},
			takes: func(int) time.Duration { return 30 * time.Second },
			answer: func(int, vendorapi.Query) (vendorapi.Answer, error) {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonTimeout}
			},
		}
		limit := prefetch.Limit{Calls: 1, Per: time.Minute}
		a, b := account(huaweiAccount, good, limit), account(huaweiAccount, bad, limit)
		b.Name = "in-trouble"
		third := a
		third.Name = "third"
		r := start(t, newMemory(), []poller.Account{a, b, third},
			slices.Concat(many(a.Account, 9), many(b.Account, 9), many(third.Account, 9))...)
		time.Sleep(6 * time.Hour)
		r.stop()
		all := slices.Concat(good.calls(), bad.calls())
		slices.SortFunc(all, func(x, y span) int { return x.began.Compare(y.began) })
		if err := overQuota(all, limit); err != nil {
			t.Error(err)
		}
		healthy, troubled := len(good.calls()), len(bad.calls())
		// The one in trouble backs off to 15 minutes: the others have the rest.
		if troubled > 40 || healthy < 280 {
			t.Errorf("healthy accounts made %d calls, the one in trouble %d", healthy, troubled)
		}
		for _, name := range []prefetch.Account{a.Account, third.Account} {
			for _, task := range r.account(t, name).Tasks {
				if age := time.Since(task.LastRefresh); age > 40*time.Minute {
					t.Errorf("%s of %s was refreshed %v ago", task.ID, name.Name, age)
				}
			}
		}
	})
}
