package poller_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// With many tasks and several calls in flight an account is back as soon after an
// outage as with one task.
func TestManyTasksAreNotDarkLongerThanOne(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{10 * second, 70 * second, 140 * second, 10 * time.Minute, time.Hour} {
		for _, jitter := range []float64{0, 0.5, 0.99} {
			one := dark(t, 1, outage, jitter)
			for _, tasks := range []int{8, 40} {
				// Each call takes a moment, and with more of them more of these add up.
				if many := dark(t, tasks, outage, jitter); many > one+5*second {
					t.Errorf("outage of %v, jitter %v: with %d tasks the account is dark %v longer, with one %v",
						outage, jitter, tasks, many, one)
				}
			}
		}
	}
	if d := dark(t, 8, 140*second, 0.5); d > 30*second {
		t.Errorf("8 tasks are dark %v longer than the outage of 140 s", d)
	}
}

// dark is for how much longer than the outage, during which Huawei answers 503,
// the account gets no answer.
func dark(t *testing.T, tasks int, outage time.Duration, jitter float64) (longer time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(outage)
		var answered atomic.Int64
		v := stuckVendor(tasks)
		a := huawei(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(200 * time.Millisecond)
			if time.Now().Before(end) {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			answered.CompareAndSwap(0, int64(time.Since(end)))
			v.ServeHTTP(w, r)
		}))
		a.PollInterval = 30 * second
		p := poller.New(poller.Options{
			Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now),
			Random: func() float64 { return jitter },
		})
		if err := p.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{huaweiAccount.Name: many(huaweiAccount, tasks)})
		ctx, cancel := contextWithCancel(t)
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		wait(outage)
		for answered.Load() == 0 && time.Since(end) < time.Hour {
			wait(second)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if longer = time.Duration(answered.Load()); longer == 0 {
			longer = time.Hour
		}
	})
	return longer
}

// stuckVendor has so many tasks that never settle, and a user of IAM.
func stuckVendor(tasks int) *simhuaweicloud.Server {
	o := huaweiOptions()
	o.IAMUsers = map[string]string{"domain/user": "password"}
	v := simhuaweicloud.New(o)
	for _, task := range many(huaweiAccount, tasks) {
		v.Submit(simulator.Task{
			ID: task.ID, Owner: project, Created: time.Now(),
			URLs: []simulator.URLPlan{{URL: "https://example.com/a", Stuck: true}},
		})
	}
	return v
}

// Calls that are under way together and fail are one failure, after which nothing
// backs off: not when they carry one token that was revoked, and not when they
// wait for one that cannot be had.
func TestCallsThatFailTogetherAreOneFailure(t *testing.T) {
	t.Parallel()
	const (
		tasks = 8
		slow  = 10 * second
	)
	for name, c := range map[string]struct {
		noToken bool
		takes   []time.Duration // of the first calls after the trouble began; the others are slow
		want    int             // calls that reach the vendor though none is answered yet
	}{
		"revoked token":    {false, []time.Duration{second / 5, second, second, second}, tasks},
		"no token to have": {true, nil, tasks / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := stuckVendor(tasks)
				var calls atomic.Int64
				var trouble, noToken atomic.Bool
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasPrefix(r.URL.Path, "/v3/"):
						time.Sleep(second / 5)
						if noToken.CompareAndSwap(true, false) {
							w.WriteHeader(http.StatusServiceUnavailable)
							return
						}
					case trouble.Load():
						takes := slow
						if n := int(calls.Add(1)) - 1; n < len(c.takes) {
							takes = c.takes[n]
						}
						time.Sleep(takes)
					}
					v.ServeHTTP(w, r)
				})
				a := huawei(t, h)
				a.Provider = iamProvider(t, h)
				trouble.Store(c.noToken)
				noToken.Store(c.noToken)
				r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, tasks)...)
				if !c.noToken {
					wait(30 * second)
					v.RevokeTokens()
					trouble.Store(true)
					wait(30 * second)
				}
				wait(3 * second)
				if n := calls.Load(); n != int64(c.want) {
					t.Errorf("%d calls reached the vendor, want %d", n, c.want)
				}
				r.stop()
				wait(slow) // until the last one is answered
			})
		})
	}
}

func iamProvider(t *testing.T, h http.Handler) vendorapi.Provider {
	t.Helper()
	c := client(t, h)
	p, err := huaweicloud.New(huaweicloud.Options{
		Endpoint: "http://vod.test", ProjectID: project, Client: c,
		Auth: huaweicloud.IAM(huaweicloud.IAMOptions{
			Endpoint: "http://iam.test", Domain: "domain", Username: "user", ProjectID: project,
			Password: func() string { return "password" }, Client: c,
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A failure that is heard of late says nothing after a call that left later was
// answered.
func TestLateFailureIsNoNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 2}}
		v.takes = func(n int) time.Duration { return []time.Duration{10 * second, second, second}[min(n, 2)] }
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if n < 2 {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonAuth}
			}
			return running(n, q)
		}
		r := start(t, newMemory(), []poller.Account{quick(v)}, many(huaweiAccount, 3)...)
		wait(1500 * time.Millisecond)
		if got := r.account(t, huaweiAccount); got.Up || got.Failing != prefetch.ReasonAuth {
			t.Errorf("after the first failure: up %v, failing %q", got.Up, got.Failing)
		}
		wait(11 * second)
		if n := len(v.calls()); n < 3 {
			t.Fatalf("%d calls", n)
		}
		if got := r.account(t, huaweiAccount); !got.Up || got.Failing != "" {
			t.Errorf("after a later call answered: up %v, failing %q", got.Up, got.Failing)
		}
	})
}

// What the vendor says to calls under way together, "too many", slows the budget
// down once.
func TestThrottledTogetherSlowsDownOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const together = 4
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: together}, takes: func(int) time.Duration { return second }}
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if n < together {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonThrottled}
			}
			return running(n, q)
		}
		start(t, newMemory(), []poller.Account{account(huaweiAccount, v, prefetch.Limit{Calls: together, Per: time.Minute})},
			many(huaweiAccount, together)...)
		wait(10 * time.Minute)
		calls := v.calls()
		if len(calls) <= together {
			t.Fatalf("%d calls within 10 minutes", len(calls))
		}
		if gap := calls[together].began.Sub(calls[together-1].ended); gap < 2*time.Minute || gap > 3*time.Minute {
			t.Errorf("the next call left %v later, want twice the period", gap)
		}
	})
}
