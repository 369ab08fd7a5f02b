package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// What the former host says after a reload is nothing to the account, whatever
// it is: the account asks another now.
func TestALateAnswerOfTheFormerHost(t *testing.T) {
	t.Parallel()
	refuses := func(int, vendorapi.Query) (vendorapi.Answer, error) {
		return vendorapi.Answer{}, &vendorapi.Error{
			Reason: prefetch.ReasonInvalid, Refused: vendorapi.FeatureTaskAlone, HTTPStatus: 200,
		}
	}
	throttles := func(int, vendorapi.Query) (vendorapi.Answer, error) { return throttles(time.Hour)() }
	settles := func(int, vendorapi.Query) (vendorapi.Answer, error) { return urls(prefetch.Succeeded)() }
	for name, late := range map[string]func(int, vendorapi.Query) (vendorapi.Answer, error){
		"refusal": refuses, "throttling": throttles, "answer": settles,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				old := newWindowed(72 * time.Hour).stub
				old.answer, old.takes = late, func(int) time.Duration { return 20 * second }
				// Asked with a window it could not be found.
				spec := configured(edgeAccount, "task-0")
				spec.Created = time.Now().Add(-100 * time.Hour)
				limit := prefetch.Limit{Calls: 1, Per: 5 * time.Minute}
				a, other := account(edgeAccount, old, limit), account(edgeAccount, old, limit)
				other.Name = "other"
				tasks := append(many(other.Account, 3), spec)
				r := start(t, newMemory(), []poller.Account{a}, spec)
				wait(5 * second)
				fresh := &stub{caps: old.caps, answer: running}
				a.Provider, a.Identity = fresh, "another host"
				if err := r.Configure([]poller.Account{a, other}); err != nil {
					t.Fatal(err)
				}
				r.list(tasks...)
				wait(30 * second)
				if got := r.account(t, edgeAccount); !got.Tasks[0].LastRefresh.IsZero() || got.Failing != "" {
					t.Errorf("the late answer is taken over: %+v, %+v", got, got.Tasks[0])
				}
				wait(30 * time.Minute)
				calls := len(fresh.calls())
				if q := fresh.asked(); calls == 0 || !q[0].From.IsZero() {
					t.Errorf("the new host was asked %+v", q)
				}
				if got := r.task(t, edgeAccount, "task-0"); got.Phase != prefetch.Active {
					t.Errorf("the task is %v, with %d calls to the new host", got.Phase, calls)
				}
				// What it says of the quota concerns those that still ask it.
				if n := len(old.calls()); name == "throttling" && n != 1 || n == 0 {
					t.Errorf("%d calls to the former host", n)
				}
			})
		})
	}
}

// Pages of one host are not completed with those of another.
func TestPagesOfTheFormerHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pages := func(status prefetch.Status) *stub {
			return &stub{caps: vendorapi.Capabilities{Paged: true, PageSize: 1, MaxInFlight: 1}, answer: func(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
				row := prefetch.URL{URL: "https://example.com/" + string(rune('0'+q.Page)), Status: status}
				return vendorapi.Answer{URLs: []prefetch.URL{row}, Count: 2, Page: q.Page, PageSize: 1}, nil
			}}
		}
		a := account(edgeAccount, pages(prefetch.Failed), prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "task-0"))
		wait(time.Minute)
		a.Provider, a.Identity = pages(prefetch.Succeeded), "another host"
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		wait(20 * time.Minute)
		got := r.task(t, edgeAccount, "task-0")
		if want := (prefetch.Counts{prefetch.Succeeded: 2}); got.Counts != want {
			t.Errorf("counts %v, want %v", got.Counts, want)
		}
	})
}

// A user who mends the credentials need not wait until the backoff of the wrong
// ones ends.
func TestAnotherIdentityBeginsWithoutBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wrong, m := moody()
		m.set("task-0", fails(prefetch.ReasonAuth))
		a := quick(wrong)
		r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, 1)...)
		wait(time.Hour)
		right, m := moody()
		m.set("task-0", urls(prefetch.Running))
		a.Provider, a.Identity = right, "another user"
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		wait(a.PollInterval)
		if got := r.account(t, huaweiAccount); !got.Up {
			t.Errorf("%v after the reload: %d calls, %+v", a.PollInterval, len(right.calls()), got)
		}
	})
}
