package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// knownAt is how long after now each task is first shown as settled; an hour for
// one that never is until then.
func (r *rig) knownAt(t *testing.T, name prefetch.Account, until time.Duration) map[string]time.Duration {
	t.Helper()
	const step = 100 * time.Millisecond
	known := map[string]time.Duration{}
	for passed := time.Duration(0); passed < until; passed += step {
		for _, task := range r.account(t, name).Tasks {
			if _, before := known[task.ID]; !before && task.Settled() {
				known[task.ID] = passed
			}
		}
		wait(step)
	}
	for _, task := range r.account(t, name).Tasks {
		if _, ok := known[task.ID]; !ok {
			known[task.ID] = time.Hour
		}
	}
	return known
}

// Where calls are plentiful a task is asked by the poll interval, and once more so
// that the answer is there at the deadline: whether it is met is known by then, or
// within five seconds of the truth.
func TestKnownAtTheDeadline(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for _, c := range []struct {
		name                    string
		tasks                   int
		interval                time.Duration // 0 for a minute
		deadline, done, latency time.Duration
		want                    time.Duration
	}{
		{name: "by the poll interval", deadline: 80 * second, done: 6 * second, want: 61 * second},
		{name: "nearer than the poll interval", deadline: 40 * second, done: 6 * second, want: 40 * second},
		{name: "much nearer", interval: 10 * minute, deadline: 4 * minute, done: 6 * second, want: 4 * minute},
		{name: "just after the task was listed", deadline: second, done: 0, want: second},
		{name: "done just before", deadline: 80 * second, done: 79 * second, want: 84 * second},
		{name: "done just after", deadline: 80 * second, done: 81 * second, want: 141 * second},
		{name: "a slow vendor", deadline: 80 * second, done: 62 * second, latency: 8 * second, want: 80 * second},
		{name: "a launch", tasks: 40, deadline: 150 * second, done: 125 * second, latency: 300 * time.Millisecond, want: 150 * second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := huaweiOptions()
				o.Latency = func() (before, after time.Duration) { return c.latency / 2, c.latency / 2 }
				vendor := simhuaweicloud.New(o)
				specs := many(huaweiAccount, max(1, c.tasks))
				for i := range specs {
					vendor.Submit(simulator.Task{
						ID: specs[i].ID, Owner: project, Created: time.Now(),
						URLs: []simulator.URLPlan{{URL: "https://example.com/a.mp4", Fetch: c.done}},
					})
					specs[i].Created, specs[i].Deadline = time.Now(), time.Now().Add(c.deadline)
				}
				a := huawei(t, vendor)
				if c.interval > 0 {
					a.PollInterval = c.interval
				}
				r := start(t, newMemory(), []poller.Account{a}, specs...)
				for id, at := range r.knownAt(t, huaweiAccount, 10*minute) {
					if at > c.want {
						t.Errorf("%s is known to be settled after %v, want %v", id, at, c.want)
					}
				}
				if stats := vendor.Stats(); stats.OverQuota > 0 || c.tasks <= 1 && stats.Calls > 5 {
					t.Errorf("%+v", stats)
				}
			})
		})
	}
}

// A task that was not settled just before its deadline is asked at it, and then by
// the poll interval: what is told of the deadline is what the vendor knew after it.
func TestAskedAtTheDeadlineToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := neverDone()
		spec := configured(huaweiAccount, "a")
		began := time.Now()
		spec.Deadline = began.Add(90 * second)
		r := start(t, newMemory(), []poller.Account{account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})}, spec)
		wait(3 * time.Minute)
		var left []time.Duration
		for _, c := range v.calls() {
			left = append(left, c.began.Sub(began).Round(second))
		}
		want := []time.Duration{0, 61 * second, 88 * second, 90 * second, 151 * second}
		if fmt.Sprint(left) != fmt.Sprint(want) {
			t.Errorf("asked after %v, want %v", left, want)
		}
		if got := r.task(t, huaweiAccount, "a"); !got.LastUnfinished.Equal(v.calls()[len(left)-1].began) {
			t.Errorf("last seen unfinished at %v, asked at %v", got.LastUnfinished, v.calls()[len(left)-1].began)
		}
	})
}

// The only call of a quota is left for a deadline that is nearer than the poll
// interval: neither the task nor others take it before.
func TestTheOnlyCallIsLeftForTheDeadline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ deadline, asked time.Duration }{
		"near":                {330 * second, 330 * second},
		"as long as it lasts": {380 * second, 606 * second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
				specs := many(huaweiAccount, 4)
				began := time.Now()
				specs[2].Deadline = began.Add(c.deadline)
				start(t, newMemory(), []poller.Account{account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})}, specs...)
				wait(15 * time.Minute)
				calls := v.calls()
				for i, q := range v.asked() {
					at := calls[i].began.Sub(began)
					if at > 0 && at < c.asked && (c.asked == c.deadline || at > c.deadline) {
						t.Errorf("%s was asked after %v", q.TaskID, at)
					}
					if at >= c.deadline {
						if q.TaskID != specs[2].ID || at > c.asked+second {
							t.Errorf("%s was asked after %v, want %s after %v", q.TaskID, at, specs[2].ID, c.asked)
						}
						break
					}
				}
			})
		})
	}
}

// --once waits for no deadline: there is no later call.
func TestOnceWaitsForNoDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}, answer: running}
		spec := configured(huaweiAccount, "a")
		spec.Deadline = time.Now().Add(30 * second)
		p := poller.New(poller.Options{Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now)})
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: 5 * time.Minute})
		if err := p.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{a.Name: {spec}})
		if p.Once(t.Context()) || len(v.calls()) != 1 {
			t.Errorf("%d calls", len(v.calls()))
		}
	})
}

// A deadline that is told later counts like one that was there from the beginning,
// of a task that is watched and of one that is new.
func TestDeadlineToldLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		done := time.Now().Add(20 * second)
		for _, id := range []string{"watched", "new"} {
			m.set(id, func() (vendorapi.Answer, error) {
				if time.Now().Before(done) {
					return urls(prefetch.Running)()
				}
				return urls(prefetch.Succeeded)()
			})
		}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 50, Per: time.Minute})
		r := start(t, newMemory(), []poller.Account{a}, configured(huaweiAccount, "watched"))
		wait(10 * second)
		var changes []poller.Change
		for _, id := range []string{"watched", "new"} {
			spec := configured(huaweiAccount, id)
			spec.Deadline = time.Now().Add(30 * second)
			changes = append(changes, poller.Change{ID: id, Task: &spec})
		}
		r.Relist(map[string][]poller.Change{a.Name: changes})
		wait(30 * second)
		for _, task := range r.account(t, huaweiAccount).Tasks {
			if !task.Settled() {
				t.Errorf("%s is not known to be settled at its deadline", task.ID)
			}
		}
	})
}
