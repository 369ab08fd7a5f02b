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
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// made is a task that was created so long after the test began.
func made(id string, after time.Duration) prefetch.Task {
	spec := configured(huaweiAccount, id)
	spec.Created = time.Now().Add(after)
	return spec
}

const (
	underWay = prefetch.Running
	warm     = prefetch.Succeeded
	failed   = prefetch.Failed
)

// TestRecovered: a failed URL counts as recovered as soon as it is known that a
// later task shows it as succeeded, though that settled before, or the exporter was
// started anew.
func TestRecovered(t *testing.T) {
	t.Parallel()
	type says map[string]func() (vendorapi.Answer, error)
	cases := []struct {
		name    string
		created map[string]time.Duration
		steps   []says // a minute apart and more
		restart bool   // between the steps
		want    map[string]int
	}{
		{
			name:    "the rest follows when the later task settles",
			created: map[string]time.Duration{"a": 0, "b": time.Minute},
			steps:   []says{{"a": urls(failed, failed)}, {"b": urls(warm, underWay)}, {"b": urls(warm, warm)}},
			want:    map[string]int{"a": 2, "b": 0},
		}, {
			name:    "the later task is told of first, and settled",
			created: map[string]time.Duration{"a": 0, "b": time.Minute},
			steps:   []says{{"b": urls(warm, warm)}, {"a": urls(failed, underWay)}},
			want:    map[string]int{"a": 1, "b": 0},
		}, {
			name:    "and before a restart",
			created: map[string]time.Duration{"a": 0, "b": time.Minute},
			steps:   []says{{"b": urls(warm, warm)}, {"a": urls(failed, underWay)}},
			restart: true,
			want:    map[string]int{"a": 1, "b": 0},
		}, {
			name:    "over a restart between failure and recovery",
			created: map[string]time.Duration{"a": 0, "b": time.Minute},
			steps:   []says{{"a": urls(failed, warm)}, {"b": urls(warm)}, {}},
			restart: true,
			want:    map[string]int{"a": 1, "b": 0},
		}, {
			name:    "a task under way keeps what was recovered",
			created: map[string]time.Duration{"a": 0, "b": time.Minute},
			steps:   []says{{"a": urls(failed, underWay)}, {"b": urls(warm)}, {"a": urls(failed, failed)}},
			want:    map[string]int{"a": 1, "b": 0},
		}, {
			name:    "a URL that stands twice in the task",
			created: map[string]time.Duration{"a": 0, "b": time.Minute},
			steps: []says{{"a": func() (vendorapi.Answer, error) {
				u := prefetch.URL{URL: "https://example.com/0", Status: failed}
				return vendorapi.Answer{URLs: []prefetch.URL{u, u}, Count: 2}, nil
			}}, {"b": urls(warm)}},
			want: map[string]int{"a": 2, "b": 0},
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				var tasks []prefetch.Task
				for id, after := range tc.created {
					tasks = append(tasks, made(id, after))
					m.set(id, fails(prefetch.ReasonUnavailable))
				}
				st := newMemory()
				r := start(t, st, []poller.Account{quick(v)}, tasks...)
				for _, step := range tc.steps {
					for id, f := range step {
						m.set(id, f)
					}
					wait(20 * time.Minute)
					if tc.restart {
						r.stop()
						r = start(t, st, []poller.Account{quick(v)}, tasks...)
					}
				}
				for id, want := range tc.want {
					got := r.task(t, huaweiAccount, id)
					if got.Recovered != want {
						t.Errorf("%s: %d of %d failed URLs are recovered, want %d", id, got.Recovered, got.Counts[failed], want)
					}
					marked := 0
					for _, u := range got.URLs {
						if u.Recovered {
							marked++
						}
					}
					if marked != want {
						t.Errorf("%s: %d URLs are marked, want %d", id, marked, want)
					}
				}
			})
		})
	}
}

// Of one second, the task that was listed later is the later one.
func TestRecoveredByATaskOfTheSameSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", urls(failed))
		m.set("b", urls(warm))
		a, b := made("a", -time.Hour), made("b", -time.Hour)
		r := start(t, newMemory(), []poller.Account{quick(v)}, a)
		wait(time.Minute)
		r.list(a, b)
		wait(time.Minute)
		if got := r.task(t, huaweiAccount, "a").Recovered; got != 1 {
			t.Errorf("%d URLs are recovered, want 1", got)
		}
	})
}

// What was recovered stays so when the later task is gone, over a restart too.
func TestRecoveredOutlivesTheLaterTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", urls(failed, underWay))
		m.set("b", urls(warm))
		a, b := made("a", 0), made("b", time.Minute)
		st := newMemory()
		r := start(t, st, []poller.Account{quick(v)}, a, b)
		wait(time.Hour)
		r.list(a)
		wait(48 * time.Hour)
		r.stop()
		r = start(t, st, []poller.Account{quick(v)}, a)
		wait(time.Hour)
		if got := r.task(t, huaweiAccount, "a"); got.Recovered != 1 || got.Counts[failed] != 1 {
			t.Errorf("%d of %d failed URLs are recovered, want 1 of 1", got.Recovered, got.Counts[failed])
		}
	})
}

// A task whose URLs are counted warms what was submitted, where that was told and
// all that failed is known; and of its own failed URLs the rows are known.
func TestRecoveredOfCountedTasks(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprint("URLs told: ", told), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor := simcdnetworks.New(edgeOptions())
				var tasks []prefetch.Task
				for i, id := range []string{"a", "b"} {
					task := simulator.Task{ID: id, Owner: user, Created: time.Now().Add(time.Duration(i) * time.Minute)}
					spec := configured(edgeAccount, id)
					for n := range 250 {
						u := fmt.Sprintf("https://example.com/%d.mp4", n)
						// Of the second task others fail, but for one.
						fails := n%50 == i || n == 0
						task.URLs = append(task.URLs, simulator.URLPlan{URL: u, Fails: fails})
						if told {
							spec.URLs = append(spec.URLs, u)
						}
					}
					vendor.Submit(task)
					tasks = append(tasks, spec)
				}
				r := start(t, newMemory(), []poller.Account{edge(t, vendor)}, tasks...)
				wait(2 * time.Hour)
				want := 0
				if told {
					want = 4 // of five, one failed again
				}
				a, b := r.task(t, edgeAccount, "a"), r.task(t, edgeAccount, "b")
				if !a.Settled() || !b.Settled() || a.Counts[failed] != 5 || a.Recovered != want || b.Recovered != 0 {
					t.Errorf("%v with %d of %d failed URLs recovered, want %d; %v with %d of %d, want 0",
						a.Phase, a.Recovered, a.Counts[failed], want, b.Phase, b.Recovered, b.Counts[failed])
				}
			})
		})
	}
}

// One change tells of both tasks: no scrape sees the later one warm and the
// earlier one not recovered.
func TestRecoveredIsPublishedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", urls(failed))
		began := time.Now()
		m.set("b", func() (vendorapi.Answer, error) {
			if time.Since(began) < 2*time.Minute {
				return urls(underWay)()
			}
			return urls(warm)()
		})
		var p *poller.Poller
		together := 0
		p = poller.New(poller.Options{
			Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now),
			Changed: func() {
				accounts := p.Snapshot().Accounts
				if len(accounts) == 0 || len(accounts[0].Tasks) < 2 || !accounts[0].Tasks[1].Settled() {
					return
				}
				together++
				if n := accounts[0].Tasks[0].Recovered; n != 1 {
					t.Errorf("the later task is warm, and %d URLs of the earlier one are recovered", n)
				}
			},
		})
		if err := p.Configure([]poller.Account{quick(v)}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{huaweiAccount.Name: {made("a", 0), made("b", time.Minute)}})
		runUntil(t, p, 10*time.Minute)
		if together == 0 {
			t.Error("the later task was never shown warm")
		}
	})
}
