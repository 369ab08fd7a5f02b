package poller_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

func TestLifeOfATask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor := simhuaweicloud.New(huaweiOptions())
		a := huawei(t, vendor)
		a.Retention = 6 * time.Hour
		began := time.Now()
		vendor.Submit(simulator.Task{ID: "a", Owner: project, URLs: plans(3, 5*time.Minute)})
		spec := configured(a.Account, "a")
		spec.Created, spec.Deadline = began.Add(-time.Minute), began.Add(time.Hour)
		spec.Labels = map[string]string{"title": "launch"}

		p := poller.New(poller.Options{Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(time.Now)})
		if err := p.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{a.Name: {spec}})
		pending := p.Snapshot().Accounts[0].Tasks[0]
		if pending.Phase != prefetch.Pending || pending.Answered || pending.Up || !pending.LastRefresh.IsZero() {
			t.Errorf("before the first call: %+v", pending)
		}

		r := start(t, newMemory(), []poller.Account{a}, spec)
		wait(second)
		active := r.task(t, a.Account, "a")
		want := &prefetch.TaskState{
			Account: a.Account, ID: "a", Source: prefetch.SourceConfig, Labels: spec.Labels, Phase: prefetch.Active,
			FirstSeen: began, Created: spec.Created, Deadline: spec.Deadline, LastRefresh: began, LastUnfinished: began, NextLook: began.Add(time.Minute), Up: true,
			Counts: vendor.Counts("a"), Answered: true, URLs: active.URLs,
		}
		if diff := cmp.Diff(want, active); diff != "" {
			t.Errorf("after the first answer (-want +got):\n%s", diff)
		}
		if len(active.URLs) != 3 {
			t.Errorf("%d URLs kept of an active task, want 3", len(active.URLs))
		}

		wait(6 * time.Minute)
		settled := r.task(t, a.Account, "a")
		if at := began.Add(5 * time.Minute); settled.Phase != prefetch.Settled || !settled.Finished.Equal(at) {
			t.Errorf("%v at %v, want settled at %v", settled.Phase, settled.Finished, at)
		}
		if got := r.account(t, a.Account).Phases; got != [prefetch.NumPhases]int{prefetch.Settled: 1} {
			t.Errorf("phases %v", got)
		}
		if diff := cmp.Diff([]time.Duration{6 * time.Minute}, r.recorder.tasks); diff != "" {
			t.Errorf("durations of tasks (-want +got):\n%s", diff)
		}
		calls := vendor.Stats().Calls

		wait(time.Until(settled.Finished.Add(a.Retention)) - second)
		if r.task(t, a.Account, "a") == nil {
			t.Error("gone before the retention ended")
		}
		wait(second)
		if got := r.task(t, a.Account, "a"); got != nil {
			t.Errorf("still there after the retention: %+v", got)
		}
		r.list(spec)
		wait(48 * time.Hour)
		if got := r.account(t, a.Account); len(got.Tasks) != 0 || got.Phases != [prefetch.NumPhases]int{} {
			t.Errorf("revived by a source that lists it still: %+v", got)
		}
		if got := vendor.Stats().Calls; got != calls {
			t.Errorf("%d calls after it had settled", got-calls)
		}

		r.list() // as when a file is replaced
		wait(a.Retention - second)
		r.list(spec)
		wait(48 * time.Hour)
		if got := r.task(t, a.Account, "a"); got != nil || vendor.Stats().Calls != calls {
			t.Errorf("revived by a source that did not list it for a while: %+v", got)
		}

		r.list()
		wait(a.Retention)
		r.list(spec)
		wait(second)
		if got := r.task(t, a.Account, "a"); got == nil || got.Phase != prefetch.Settled || vendor.Stats().Calls != calls+1 {
			t.Errorf("listed anew long after it was not listed: %+v", got)
		}
	})
}

func TestAnAnswerWithoutURLsSettlesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", urls())
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
		wait(2 * time.Minute)
		if got := r.task(t, huaweiAccount, "a"); got.Phase != prefetch.Pending || got.Answered || !got.Up || !got.LastRefresh.IsZero() {
			t.Errorf("after an empty answer: %+v", got)
		}
	})
}

func TestLost(t *testing.T) {
	t.Parallel()
	for name, unknown := range map[string]func() (vendorapi.Answer, error){
		"not_found": fails(prefetch.ReasonNotFound), "empty": urls(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { loseAndFind(t, unknown) })
		})
	}
}

func loseAndFind(t *testing.T, unknown func() (vendorapi.Answer, error)) {
	t.Helper()
	v, m := moody()
	m.set("gone", unknown)
	m.set("found", unknown)
	m.set("known", urls(prefetch.Running))
	began := time.Now()
	a := quick(v)
	r := start(t, newMemory(), []poller.Account{a},
		configured(huaweiAccount, "gone"), configured(huaweiAccount, "found"), configured(huaweiAccount, "known"))
	lost := func(id string) bool { return r.task(t, huaweiAccount, id).Phase == prefetch.Lost }
	wait(14 * time.Minute)
	if n := m.count("gone"); n < 3 || lost("gone") {
		t.Errorf("after 14 minutes and %d misses: %+v", n, r.task(t, huaweiAccount, "gone"))
	}
	wait(6 * time.Minute)
	if !lost("gone") || lost("known") {
		t.Errorf("after 20 minutes: %+v", r.task(t, huaweiAccount, "gone"))
	}
	// Found again, a lost task is active.
	m.set("found", urls(prefetch.Running, prefetch.Succeeded))
	wait(time.Hour)
	if got := r.task(t, huaweiAccount, "found"); got.Phase != prefetch.Active || got.Counts.Total() != 2 {
		t.Errorf("found again: %+v", got)
	}
	wait(26 * time.Hour)
	if got := r.task(t, huaweiAccount, "gone"); got != nil {
		t.Errorf("still there after the retention: %+v", got)
	}
	if diff := cmp.Diff([prefetch.NumPhases]int{prefetch.Active: 2}, r.account(t, huaweiAccount).Phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	gaps := v.gaps(about("gone"))[5:] // since it was lost
	previous := time.Duration(0)
	for i, gap := range gaps {
		if gap < previous {
			t.Errorf("gap %d of %v is shorter than the one before: %v", i, gap, gaps)
		}
		previous = gap
	}
	// 15, 30, 60 minutes and so on after it was lost: 7 in a day.
	if len(gaps) > 9 || previous < 4*time.Hour {
		t.Errorf("a lost task was asked %d times in a day: %v", len(gaps), gaps)
	}
	if last := v.calls()[0].began; !last.Equal(began) {
		t.Errorf("first call at %v", last)
	}
}

// A success in between means that the misses before do not count.
func TestMissesMustFollowEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", urls(prefetch.Running))
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
		wait(second)
		for range 5 {
			m.set("a", fails(prefetch.ReasonNotFound))
			for range 10 {
				wait(time.Minute)
				if got := r.task(t, huaweiAccount, "a"); got.Phase != prefetch.Active {
					t.Fatalf("a task that is found every half hour is %v", got.Phase)
				}
			}
			m.set("a", urls(prefetch.Running))
			wait(16 * time.Minute)
		}
	})
}

func TestUnknownWordsAreCountedLoggedOnceAndAskedLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("odd", func() (vendorapi.Answer, error) {
			ans, err := urls(prefetch.Succeeded, prefetch.Unknown)()
			ans.UnknownWords = []string{"quantum"}
			ans.Oddities = []string{"a row has no url"}
			return ans, err
		})
		var tasks []prefetch.Task
		for _, id := range []string{"a", "b", "c"} {
			m.set(id, urls(prefetch.Running, prefetch.Unknown))
			tasks = append(tasks, configured(huaweiAccount, id))
		}
		a := account(huaweiAccount, v, prefetch.Limit{Calls: 1, Per: time.Minute})
		a.PollInterval = time.Minute
		log := &logs{}
		p := poller.New(poller.Options{
			Store: newMemory(), Recorder: newRecorder(), Logger: log.logger(), Clock: clock.Wall(time.Now),
		})
		if err := p.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		p.List(map[string][]prefetch.Task{a.Name: append(tasks, configured(huaweiAccount, "odd"))})
		runUntil(t, p, 6*time.Hour)

		odd := p.Snapshot().Accounts[0].Tasks[3]
		if odd.Phase != prefetch.Active || odd.Counts != (prefetch.Counts{prefetch.Succeeded: 1, prefetch.Unknown: 1}) {
			t.Errorf("a task with unknown words: %+v", odd)
		}
		// The budget is never free of tasks that are due, so after its first
		// answer the hopeless one is not asked.
		if n := m.count("odd"); n != 1 {
			t.Errorf("asked %d times while others waited", n)
		}
		if n := m.count("a"); n < 100 {
			t.Errorf("a task with hope was asked %d times in 6 hours", n)
		}
		if lines := log.lines("quantum"); len(lines) != 1 {
			t.Errorf("the unknown word was logged %d times: %v", len(lines), lines)
		}
		if lines := log.lines("a row has no url"); len(lines) != 1 {
			t.Errorf("the oddity was logged %d times", len(lines))
		}
	})
}

func TestUnknownWordsAreAskedStillWhereNothingElseIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("odd", urls(prefetch.Unknown))
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "odd"))
		wait(time.Hour)
		m.set("odd", urls(prefetch.Succeeded))
		wait(time.Minute)
		if got := r.task(t, huaweiAccount, "odd"); got.Phase != prefetch.Settled {
			t.Errorf("%+v", got)
		}
	})
}

// The bugs of the models: a failed call erases data, moves the time of the last
// success, or leaves `up` at 1.
func TestAFailedCallErasesNothing(t *testing.T) {
	t.Parallel()
	for _, reason := range prefetch.Reasons() {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				m.set("a", urls(prefetch.Running, prefetch.Succeeded))
				r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
				wait(second)
				before := r.task(t, huaweiAccount, "a")
				m.set("a", fails(reason))
				failing := time.Now()
				wait(2 * time.Minute)
				after, health := *r.task(t, huaweiAccount, "a"), r.account(t, huaweiAccount)
				if after.Up || after.LastError == nil || after.LastError.Reason != reason || !after.LastError.Time.After(failing) {
					t.Errorf("up %v, error %+v", after.Up, after.LastError)
				}
				if health.Up != reason.ConcernsTask() || health.Failing != reason {
					t.Errorf("account up %v, failing %q", health.Up, health.Failing)
				}
				if q := health.LastQuery; q == nil || q.Task != "a" || q.Kind != "task" || q.Error == nil || q.Error.Reason != reason {
					t.Errorf("last query %+v", q)
				}
				if r.recorder.failed[reason] == 0 || len(r.recorder.failed) != 1 {
					t.Errorf("failures recorded: %v", r.recorder.failed)
				}
				if !after.NextLook.After(time.Now()) {
					t.Errorf("next look %v", after.NextLook)
				}
				after.Up, after.LastError, after.NextLook = before.Up, before.LastError, before.NextLook
				if diff := cmp.Diff(*before, after); diff != "" {
					t.Errorf("the failure changed the task (-before +after):\n%s", diff)
				}
				m.set("a", urls(prefetch.Succeeded, prefetch.Succeeded))
				wait(16 * time.Minute)
				healed := r.task(t, huaweiAccount, "a")
				if !healed.Up || healed.LastError != nil || !healed.Settled() || !r.account(t, huaweiAccount).Up {
					t.Errorf("after it healed: %+v", healed)
				}
			})
		})
	}
}

// An error that is not classified, which no provider should return, concerns
// the account.
func TestAnErrorWithoutClass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", func() (vendorapi.Answer, error) { return vendorapi.Answer{}, errors.New("no idea") })
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
		wait(second)
		if got := r.account(t, huaweiAccount); got.Up || got.Failing != prefetch.ReasonUnavailable {
			t.Errorf("account up %v, failing %q", got.Up, got.Failing)
		}
	})
}

func TestSnapshotsDoNotChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("a", urls(prefetch.Running, prefetch.Running))
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"), configured(huaweiAccount, "b"))
		wait(second)
		before := r.Snapshot()
		task := *before.Accounts[0].Tasks[0]
		rows := task.URLs[0]
		m.set("a", urls(prefetch.Succeeded, prefetch.Failed))
		wait(2 * time.Minute)
		r.list(configured(huaweiAccount, "c"))
		wait(2 * time.Minute)
		if len(before.Accounts[0].Tasks) != 2 || before.Accounts[0].Phases != ([prefetch.NumPhases]int{1, 1}) {
			t.Errorf("the snapshot changed: %+v", before.Accounts[0])
		}
		if diff := cmp.Diff(task, *before.Accounts[0].Tasks[0]); diff != "" || task.URLs[0] != rows {
			t.Errorf("the task of a snapshot changed (-then +now):\n%s", diff)
		}
	})
}

// What was observed of a URL waits until that is durable; the poller goes on as
// long as the ledger can be kept.
func TestAStoreThatLosesTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1, Times: vendorapi.RowTimes{Created: true, Started: true, Finished: true}, Gradual: true}}
		created := time.Now().Add(-time.Hour)
		v.answer = func(int, vendorapi.Query) (vendorapi.Answer, error) {
			return vendorapi.Answer{Count: 1, URLs: []prefetch.URL{{
				URL: "https://example.com/a", Status: prefetch.Succeeded, Created: created,
				Started: created.Add(time.Minute), Finished: created.Add(3 * time.Minute),
			}}}, nil
		}
		st := newMemory()
		st.failWith(func(ops []store.Op) error {
			for _, op := range ops {
				if op.Table != store.Ledger {
					return errors.New("no space left on device")
				}
			}
			return nil
		})
		a := quick(v)
		r := start(t, st, []poller.Account{a}, configured(huaweiAccount, "a"))
		wait(10 * second)
		if got := r.task(t, huaweiAccount, "a"); !got.Settled() {
			t.Errorf("polling stopped while tasks cannot be stored: %+v", got)
		}
		if n := len(r.recorder.wait) + len(r.recorder.fetch) + len(r.recorder.tasks); n != 0 {
			t.Errorf("%d durations were observed before that was durable", n)
		}
		st.failWith(nil)
		wait(time.Minute)
		want := [][]time.Duration{{time.Minute}, {2 * time.Minute}, {3 * time.Minute}}
		if diff := cmp.Diff(want, [][]time.Duration{r.recorder.wait, r.recorder.fetch, r.recorder.tasks}); diff != "" {
			t.Errorf("observed once the store was mended (-want +got):\n%s", diff)
		}
		if n := len(v.calls()); n != 1 {
			t.Errorf("%d calls about a settled task", n)
		}
		r.stop()
		again := start(t, st, []poller.Account{a}, configured(huaweiAccount, "a"))
		wait(time.Hour)
		if got := again.task(t, huaweiAccount, "a"); !got.Settled() || len(again.recorder.wait) != 0 || len(v.calls()) != 1 {
			t.Errorf("after a restart: %+v, %d calls", got, len(v.calls()))
		}
	})
}
