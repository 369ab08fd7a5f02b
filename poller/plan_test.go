package poller_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// planned is how long a plan is watched.
const planned = 40 * time.Minute

// TestPlan asks of random sets of tasks, quotas and latencies: is any unsettled
// task left waiting longer than five rounds of all tasks take, is any asked again
// too soon, while a call about it is under way, after it settled, or after its
// time ended?
func TestPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		tasks := rapid.IntRange(1, 12).Draw(rt, "tasks")
		limit := prefetch.Limit{
			Calls: rapid.IntRange(1, 5).Draw(rt, "calls"),
			Per:   time.Duration(rapid.IntRange(10, 120).Draw(rt, "per")) * second,
		}
		interval := time.Duration(rapid.IntRange(10, 300).Draw(rt, "interval")) * second
		latency := time.Duration(rapid.IntRange(0, 30).Draw(rt, "latency")) * second
		inFlight := rapid.IntRange(1, 4).Draw(rt, "inFlight")
		settles := rapid.SliceOfN(rapid.IntRange(0, 6), tasks, tasks).Draw(rt, "settles after")
		synctest.Test(t, func(t *testing.T) {
			v, m := moody()
			v.caps.MaxInFlight = inFlight
			v.takes = func(int) time.Duration { return latency }
			for i := range tasks {
				id := fmt.Sprint("task-", i)
				m.set(id, func() (vendorapi.Answer, error) {
					if n := m.asked[id]; settles[i] > 0 && n >= settles[i] { // the lock is held
						return urls(prefetch.Succeeded, prefetch.Failed)()
					}
					return urls(prefetch.Running)()
				})
			}
			a := account(huaweiAccount, v, limit)
			a.PollInterval = interval
			r := start(t, newMemory(), []poller.Account{a}, many(huaweiAccount, tasks)...)
			wait(planned)
			r.stop()
			checkPlan(rt, v, plan{tasks, settles, interval, bound(limit, latency, interval, tasks)})
		})
	})
}

// bound is how long a task may wait between two calls: after four rounds of all
// tasks waiting alone brings it to the front, behind others of which that is true.
func bound(limit prefetch.Limit, latency, interval time.Duration, tasks int) time.Duration {
	round := limit.Per + limit.Per/100 + latency
	rounds := (tasks + limit.Calls - 1) / limit.Calls
	const most = 5
	return 2*interval + most*(time.Duration(rounds)*round+time.Duration(tasks)*latency) + 2*second
}

type plan struct {
	tasks    int
	settles  []int
	interval time.Duration
	bound    time.Duration
}

func checkPlan(rt *rapid.T, v *stub, p plan) {
	asked, calls := v.asked(), v.calls()
	for i := range p.tasks {
		id := fmt.Sprint("task-", i)
		var mine []span
		for j, q := range asked {
			if q.TaskID == id {
				mine = append(mine, calls[j])
			}
		}
		if len(mine) == 0 {
			if p.bound < planned {
				rt.Errorf("%s was never asked for", id)
			}
			continue
		}
		if n := p.settles[i]; n > 0 && len(mine) > n {
			rt.Errorf("%s was asked %d times, and settled with the %d.", id, len(mine), n)
		}
		for k := range len(mine) - 1 {
			if mine[k+1].began.Before(mine[k].ended) {
				rt.Errorf("%s was asked while a call about it was under way", id)
			}
			gap := mine[k+1].began.Sub(mine[k].began)
			if gap < p.interval {
				rt.Errorf("%s was asked again after %v, poll_interval is %v", id, gap, p.interval)
			}
			if gap > p.bound {
				rt.Errorf("%s waited %v, want at most %v", id, gap, p.bound)
			}
		}
		if settled := p.settles[i] > 0 && len(mine) == p.settles[i]; !settled {
			if idle := planned - mine[len(mine)-1].began.Sub(calls[0].began); idle > p.bound {
				rt.Errorf("%s was not asked for the last %v", id, idle)
			}
		}
	}
}

// The task that was asked longest ago comes first; of tasks that were never
// asked, the oldest.
func TestStalestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		var tasks []prefetch.Task
		for i, id := range []string{"young", "old", "middle"} {
			spec := configured(huaweiAccount, id)
			spec.Created = time.Now().Add([]time.Duration{-time.Hour, -3 * time.Hour, -2 * time.Hour}[i])
			tasks = append(tasks, spec)
		}
		r := start(t, newMemory(), []poller.Account{a}, tasks...)
		wait(time.Second)
		next := r.account(t, huaweiAccount).NextQuery
		if next == nil || next.Task != "middle" || next.Kind != "task" || next.Why == "" || !next.Time.After(time.Now()) {
			t.Errorf("next query %+v", next)
		}
		wait(10 * time.Minute)
		var order []string
		for _, q := range v.asked()[:6] {
			order = append(order, q.TaskID)
		}
		if want := []string{"old", "middle", "young", "old", "middle", "young"}; !slices.Equal(order, want) {
			t.Errorf("asked %v, want %v", order, want)
		}
	})
}

// A call that failed for the account's sake does not make its task due again
// before the poll interval, whatever came before.
func TestPollIntervalAfterFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			switch n % 3 {
			case 0:
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid}
			case 1:
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonUnavailable}
			default:
				return running(n, q)
			}
		}
		start(t, newMemory(), []poller.Account{quick(v)}, many(huaweiAccount, 1)...)
		wait(time.Hour)
		for i, gap := range v.gaps(about("task-0")) {
			if gap < time.Minute {
				t.Errorf("call %d left %v after the one before, poll_interval is 1m", i+1, gap)
			}
		}
	})
}
