package poller_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// An account that fails backs off from the second time in a row on, at most a
// quarter of an hour, and not at all after a success.
func TestAccountBackoff(t *testing.T) {
	t.Parallel()
	for _, reason := range reasons() {
		if reason.ConcernsTask() {
			continue
		}
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { backOff(t, reason) })
		})
	}
}

func backOff(t *testing.T, reason prefetch.Reason) {
	t.Helper()
	var failing atomic.Bool
	failing.Store(true)
	v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
	v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
		if failing.Load() {
			return vendorapi.Answer{}, &vendorapi.Error{Reason: reason}
		}
		return running(n, q)
	}
	a := quick(v)
	a.PollInterval = second
	random := rand.New(rand.NewPCG(1, 1))
	p := poller.New(poller.Options{
		Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now), Random: random.Float64,
	})
	if err := p.Configure([]poller.Account{a}); err != nil {
		t.Fatal(err)
	}
	p.List(map[string][]prefetch.Task{a.Name: many(huaweiAccount, 3)})
	ctx, cancel := contextWithCancel(t)
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	wait(6 * time.Hour)
	failing.Store(false)
	wait(16 * time.Minute)
	failing.Store(true)
	began := time.Now()
	wait(10 * second)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}

	all := func(vendorapi.Query) bool { return true }
	gaps := v.gaps(all)
	if reason != prefetch.ReasonThrottled && gaps[0] > time.Minute/20 {
		t.Errorf("backed off after the first failure: %v", gaps[0])
	}
	want := 15 * second
	different := map[time.Duration]bool{}
	for i, gap := range gaps[1:12] {
		if gap < want*3/4 || gap > want+want/20+second || gap > 16*time.Minute {
			t.Errorf("gap %d is %v, want about %v", i+1, gap, want)
		}
		if want == 15*time.Minute {
			different[gap] = true
		}
		want = min(2*want, 15*time.Minute)
	}
	if len(different) < 2 {
		t.Error("no jitter")
	}
	// Healed, it asks as fast as it may; failing again, the first failure does
	// not count.
	soon := 0
	for _, call := range v.calls() {
		if call.began.After(began) {
			soon++
		}
	}
	if soon < 2 {
		t.Errorf("%d calls within 10 s of failing again: the success did not reset the backoff", soon)
	}
}

// Trouble of one account, even one with a clock of half a minute for each call,
// delays no other.
func TestTroubleDelaysNoOtherAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		bad := &stub{
			caps:  vendorapi.Capabilities{MaxInFlight: 1},
			takes: func(int) time.Duration { return 30 * second },
			answer: func(int, vendorapi.Query) (vendorapi.Answer, error) {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonThrottled, RetryAfter: 5 * time.Hour}
			},
		}
		a, b := quick(good), quick(bad)
		b.Name, b.Identity = "bad", "somebody else"
		r := start(t, newMemory(), []poller.Account{a, b}, append(many(a.Account, 1), many(b.Account, 1)...)...)
		wait(4 * time.Hour)
		if n := len(good.calls()); n < 240 {
			t.Errorf("%d calls in 4 hours at one a minute", n)
		}
		if n := len(bad.calls()); n != 1 {
			t.Errorf("%d calls although the vendor asked for 5 hours", n)
		}
		if got := r.account(t, b.Account); got.Up || got.Failing != prefetch.ReasonThrottled {
			t.Errorf("%+v", got)
		}
		if got := r.account(t, a.Account); !got.Up || got.Failing != "" {
			t.Errorf("%+v", got)
		}
	})
}

// A task whose question always times out does not keep the others waiting, and a
// task that the vendor refuses backs off alone.
func TestATaskInTroubleStarvesNobody(t *testing.T) {
	t.Parallel()
	for _, reason := range reasons() {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				for _, task := range many(huaweiAccount, 5) {
					m.set(task.ID, urls(prefetch.Running))
				}
				m.set("task-0", fails(reason))
				a := account(huaweiAccount, v, prefetch.Limit{Calls: 10, Per: time.Minute})
				r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 5)...)
				for range 12 {
					wait(10 * time.Minute)
					for _, task := range r.account(t, huaweiAccount).Tasks[1:] {
						if age := time.Since(task.LastRefresh); age > 3*time.Minute && reason != prefetch.ReasonThrottled {
							t.Fatalf("%s was refreshed %v ago", task.ID, age)
						}
						if age := time.Since(task.LastRefresh); age > 20*time.Minute {
							t.Fatalf("%s was refreshed %v ago", task.ID, age)
						}
					}
				}
				if n := m.count("task-0"); reason.ConcernsTask() && n > 20 {
					t.Errorf("asked %d times in 2 hours: it does not back off", n)
				}
			})
		})
	}
}

// Two answers that nobody understands under HTTP 200 slow the budget down as
// throttling does.
func TestATextThatNobodyKnowsSlowsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if n == 0 {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonUnavailable, HTTPStatus: 200, Message: "busy bees"}
			}
			return running(n, q)
		}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		a.PollInterval = second
		start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 1)...)
		wait(10 * time.Minute)
		if gap := v.calls()[1].began.Sub(v.calls()[0].ended); gap < 2*time.Minute {
			t.Errorf("the next call left %v later, want twice the period", gap)
		}
	})
}

// Who has mended what made an account's calls fail has it asked again at once, as
// far as the quota and what the vendor said of it allow.
func TestAskNow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails vendorapi.Error
		limit prefetch.Limit
		wait  time.Duration // it must be, whoever asks
	}{
		"at once":     {fails: vendorapi.Error{Reason: prefetch.ReasonAuth}, limit: prefetch.Limit{Calls: 50, Per: time.Minute}},
		"quota":       {fails: vendorapi.Error{Reason: prefetch.ReasonAuth}, limit: prefetch.Limit{Calls: 1, Per: 5 * time.Minute}, wait: 5 * time.Minute},
		"Retry-After": {fails: vendorapi.Error{Reason: prefetch.ReasonUnavailable, RetryAfter: time.Hour}, limit: prefetch.Limit{Calls: 50, Per: time.Minute}, wait: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mended atomic.Bool
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, takes: func(int) time.Duration { return second / 10 }}
				v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
					if mended.Load() {
						return running(n, q)
					}
					return vendorapi.Answer{}, &c.fails
				}
				a := account(huaweiAccount, v, c.limit)
				other := account(prefetch.Account{Provider: huaweiAccount.Provider, Name: "other"},
					&stub{caps: v.caps, answer: func(int, vendorapi.Query) (vendorapi.Answer, error) {
						return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonTimeout}
					}}, c.limit)
				other.Identity = "other"
				r := start(t, newMemory(), []poller.Account{a, other}, append(many(huaweiAccount, 2), many(other.Account, 2)...)...)
				wait(90*time.Minute + second)
				before := r.account(t, other.Account).BackoffUntil
				if until := r.account(t, huaweiAccount).BackoffUntil; c.wait == 0 && until.Before(time.Now().Add(time.Minute)) {
					t.Fatalf("backs off until %v: the test wants a long pause", until)
				}
				mended.Store(true)
				calls := v.calls()
				asked, free := time.Now(), calls[len(calls)-1].ended.Add(c.wait)
				if !r.AskNow(huaweiAccount.Name) {
					t.Error("there is such an account")
				}
				wait(second + max(0, free.Sub(asked)) + c.limit.Per/20)
				if got := r.account(t, huaweiAccount); !got.Up || got.BackoffUntil.After(time.Now()) {
					t.Errorf("not asked again: %+v", got.LastQuery)
				}
				if all := v.calls(); len(all) > len(calls) && all[len(calls)].began.Before(free) {
					t.Errorf("asked %v too soon", free.Sub(all[len(calls)].began))
				}
				if got := r.account(t, other.Account).BackoffUntil; !got.Equal(before) && got.Before(before) {
					t.Errorf("the other account's pause changed from %v to %v", before, got)
				}
				if r.AskNow("nobody") || !r.AskNow("") {
					t.Error("an account that does not exist was found, or all were not")
				}
			})
		})
	}
}
