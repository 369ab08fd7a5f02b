package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// gradual is a task whose rows appear one after the other, and are final as
// soon as they do.
func gradual(id string, n int, every time.Duration) simulator.Task {
	task := simulator.Task{ID: id, Owner: user}
	for i := range n {
		task.URLs = append(task.URLs, simulator.URLPlan{
			URL: fmt.Sprintf("https://example.com/%d.mp4", i), Appears: time.Duration(i) * every,
		})
	}
	return task
}

// Rows that appear gradually, all of one creation time, must not look settled.
// The vendor's clock is right, or off by minutes.
func TestSettledIsProven(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{0, 7 * time.Minute, -7 * time.Minute} {
		t.Run(offset.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := edgeOptions()
				o.Quota = simulator.Quota{Calls: 1, Per: 5 * second}
				o.Now = func() time.Time { return time.Now().Add(offset) }
				o.Latency = simulator.Jitter(7, 2*second)
				vendor := simcdnetworks.New(o)
				// Dated by our clock, requests would be refused.
				a := edgeWith(t, vendor, nil, o.Now)
				a.Limit, a.PollInterval = prefetch.Limit{Calls: 1, Per: 5 * second}, second
				r := start(t, newMemory(), []poller.Account{a}, configured(edgeAccount, "a"))
				wait(second)
				vendor.Submit(gradual("a", 5, 9*second))
				submitted := time.Now()
				for range 90 {
					wait(second)
					got := r.task(t, edgeAccount, "a")
					if _, whole := vendor.Settled("a"); got.Settled() && !whole {
						t.Fatalf("settled %v after it was submitted, with %v", time.Since(submitted), got.Counts)
					}
					if got.Settled() && time.Since(submitted) < time.Minute {
						t.Fatalf("settled %v after the newest creation", time.Since(submitted))
					}
				}
				if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts != (prefetch.Counts{prefetch.Succeeded: 5}) {
					t.Errorf("after 90 s: %+v", got)
				}
				if n := vendor.Stats().OverQuota; n != 0 {
					t.Errorf("%d calls over the quota", n)
				}
			})
		})
	}
}

// With `urls`, what has no row yet waits, and the task is not settled.
func TestExpectedURLsWithoutRowsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		vendor.Submit(gradual("a", 3, time.Hour))
		a := edge(t, vendor)
		spec := configured(edgeAccount, "a")
		spec.URLs = []string{"https://example.com/0.mp4", "https://example.com/1.mp4", "https://example.com/2.mp4"}
		r := start(t, newMemory(), []poller.Account{a}, spec)
		wait(30 * time.Minute)
		got := r.task(t, edgeAccount, "a")
		if got.Settled() || got.Counts != (prefetch.Counts{prefetch.Waiting: 2, prefetch.Succeeded: 1}) {
			t.Errorf("with 1 row of 3: %v, %v", got.Phase, got.Counts)
		}
		wait(2 * time.Hour)
		if got := r.task(t, edgeAccount, "a"); !got.Settled() || got.Counts.Total() != 3 {
			t.Errorf("with all rows: %v, %v", got.Phase, got.Counts)
		}
	})
}

// A wrong time zone shows as rows from the future, or whole hours off the
// configured creation; it is logged, and polling goes on.
func TestIgnoredTimeZone(t *testing.T) {
	t.Parallel()
	for zone, want := range map[int][]string{
		0:  {"in the vendor's future", "whole hours off"},
		12: {"whole hours off"},
	} {
		t.Run(fmt.Sprint(zone), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := edgeOptions()
				o.IgnoreTimeZone = true
				vendor := simcdnetworks.New(o)
				vendor.Submit(simulator.Task{ID: "a", Owner: user, URLs: plans(3, time.Minute)})
				a := edgeWith(t, vendor, time.FixedZone("", zone*3600), nil)
				spec := configured(edgeAccount, "a")
				spec.Created = time.Now()
				log := &logs{}
				p := poller.New(poller.Options{
					Store: newMemory(), Recorder: newRecorder(), Logger: log.logger(), Clock: clock.Wall(time.Now),
				})
				if err := p.Configure([]poller.Account{a}); err != nil {
					t.Fatal(err)
				}
				p.List(map[string][]prefetch.Task{a.Name: {spec}})
				runUntil(t, p, 50*time.Minute)
				for _, text := range want {
					if n := len(log.lines(text)); n != 1 {
						t.Errorf("%q was logged %d times in 50 minutes, want once", text, n)
					}
				}
				task := p.Snapshot().Accounts[0].Tasks[0]
				if age := time.Since(task.LastRefresh); !task.Settled() && age > 20*time.Minute {
					t.Errorf("last refreshed %v ago: a row from the future keeps the task from being asked", age)
				}
			})
		})
	}
}

func TestAClockThatIsFarOffIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := huaweiOptions()
		o.Now = func() time.Time { return time.Now().Add(10 * time.Minute) }
		vendor := simhuaweicloud.New(o)
		log := &logs{}
		p := poller.New(poller.Options{
			Store: newMemory(), Recorder: newRecorder(), Logger: log.logger(), Clock: clock.Wall(time.Now),
		})
		if err := p.Configure([]poller.Account{huawei(t, vendor)}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{"vod": many(huaweiAccount, 2)})
		runUntil(t, p, 10*time.Minute)
		if lines := log.lines("clock differs"); len(lines) != 1 {
			t.Errorf("logged %d times: %v", len(lines), lines)
		}
	})
}

// Durations are observed once per URL, though rows vanish for a while, come back
// or change their time of creation.
func TestDurationsAreObservedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		row := func(url string, created time.Time) prefetch.URL {
			return prefetch.URL{
				URL: url, Status: prefetch.Succeeded,
				Created: created, Started: created.Add(time.Minute), Finished: created.Add(2 * time.Minute),
			}
		}
		waiting := prefetch.URL{URL: "w", Created: began}
		shifted := began.Add(8 * time.Hour)
		answers := [][]prefetch.URL{
			{row("a", began), row("b", began), waiting},
			{row("a", began), waiting},
			{row("b", began), waiting},
			{row("b", began), row("a", began), row("a", began), waiting}, // the same URL twice
			{row("b", shifted), row("a", shifted), row("a", shifted), waiting},
		}
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true}}
		v.answer = func(n int, _ vendorapi.Query) (vendorapi.Answer, error) {
			rows := answers[min(n, len(answers)-1)]
			return vendorapi.Answer{URLs: rows, Count: len(rows)}, nil
		}
		st, a := newMemory(), quick(v)
		observed := 0
		for range 8 {
			r := start(t, st, []poller.Account{a}, configured(huaweiAccount, "x"))
			wait(second + time.Minute)
			r.stop()
			if len(r.recorder.wait) != len(r.recorder.fetch) {
				t.Errorf("%d waits, %d fetches", len(r.recorder.wait), len(r.recorder.fetch))
			}
			observed += len(r.recorder.wait)
		}
		if n := len(v.calls()); n < len(answers) {
			t.Fatalf("%d calls", n)
		}
		if observed != 3 {
			t.Errorf("%d URLs were observed, there were 3", observed)
		}
	})
}

func TestEdgeRatioAndFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simcdnetworks.New(edgeOptions())
		began := time.Now()
		vendor.Submit(simulator.Task{ID: "a", Owner: user, URLs: []simulator.URLPlan{
			{URL: "https://example.com/a", Wait: time.Minute, Fetch: time.Minute, Rate: 50},
			{URL: "https://example.com/b", Wait: time.Minute, Fetch: 3 * time.Minute},
			{URL: "https://example.com/c", Wait: time.Minute, Fetch: 2 * time.Minute, Fails: true},
		}})
		r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, configured(edgeAccount, "a"))
		wait(10 * time.Minute)
		got := r.task(t, edgeAccount, "a")
		if !got.HasEdgeRatio || got.EdgeRatio != 0.5 {
			t.Errorf("edge ratio %v %v, want 0.5", got.EdgeRatio, got.HasEdgeRatio)
		}
		if !got.Finished.Equal(began.Add(4*time.Minute)) || !got.Created.Equal(began) {
			t.Errorf("created %v, finished %v", got.Created, got.Finished)
		}
		if len(got.URLs) != 1 || got.URLs[0].URL != "https://example.com/c" {
			t.Errorf("kept of a settled task: %v", got.URLs)
		}
		if diff := cmp.Diff([]time.Duration{4 * time.Minute}, r.recorder.tasks); diff != "" {
			t.Errorf("durations (-want +got):\n%s", diff)
		}
	})
}

// How long a task took is known only if somebody saw it under way, or the vendor
// says when it ended: a task that was settled when it was first asked for did not
// take until then.
func TestADurationThatNobodyKnows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, m := moody()
		m.set("task-0", urls(prefetch.Succeeded))
		spec := configured(huaweiAccount, "task-0")
		spec.Created = time.Now().Add(-20 * time.Hour)
		r := start(t, newMemory(), []poller.Account{quick(vendor)}, spec)
		wait(time.Minute)
		if got := r.task(t, huaweiAccount, "task-0"); !got.Settled() || len(r.recorder.tasks) != 0 {
			t.Errorf("%v, observed to have taken %v", got.Phase, r.recorder.tasks)
		}
	})
}
