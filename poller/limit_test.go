package poller_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// aged returns n tasks, each created an hour after the one before.
func aged(n int) []prefetch.Task {
	tasks := make([]prefetch.Task, n)
	for i := range tasks {
		tasks[i] = configured(huaweiAccount, fmt.Sprint("task-", i))
		tasks[i].Created = time.Now().Add(time.Duration(i-n) * time.Hour)
	}
	return tasks
}

// watched are the ids of the tasks that are watched.
func (r *rig) watched(t *testing.T) string {
	t.Helper()
	var ids []string
	for _, task := range r.account(t, huaweiAccount).Tasks {
		ids = append(ids, strings.TrimPrefix(task.ID, "task-"))
	}
	return strings.Join(ids, " ")
}

func TestTaskLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		tasks := aged(6)
		for _, task := range tasks {
			m.set(task.ID, urls(prefetch.Running))
		}
		a := quick(v)
		a.TaskLimit = 4
		// Their order in the list does not matter, nor that one is listed twice.
		r := start(t, newMemory(), []poller.Account{a}, tasks[5], tasks[4], tasks[0], tasks[1], tasks[0], tasks[2], tasks[3])
		check := func(want string, dropped int) {
			t.Helper()
			wait(second)
			if got := r.watched(t); got != want {
				t.Errorf("watched %q, want %q", got, want)
			}
			if got := r.account(t, huaweiAccount).Dropped; got != dropped {
				t.Errorf("%d dropped, want %d", got, dropped)
			}
		}
		check("0 1 2 3", 2)

		// A task that settles makes room, though its retention has not ended.
		m.set("task-1", urls(prefetch.Succeeded))
		wait(time.Minute)
		check("0 2 3 4", 1)

		// One that is not listed any more makes room, too.
		r.list(tasks[1], tasks[2], tasks[3], tasks[4], tasks[5])
		check("2 3 4 5", 0)

		// A lower limit drops the newest and keeps what is known of them.
		seen := r.task(t, huaweiAccount, "task-5").FirstSeen
		a.TaskLimit = 1
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		check("2", 3)
		calls := m.count("task-5")
		wait(10 * time.Minute)
		if got := m.count("task-5"); got != calls {
			t.Errorf("%d calls for a task that was dropped", got-calls)
		}
		a.TaskLimit = 4
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		check("2 3 4 5", 0)
		if got := r.task(t, huaweiAccount, "task-5"); !got.FirstSeen.Equal(seen) || !got.Answered {
			t.Errorf("watched again: %+v", got)
		}

		// Of settled tasks, the one that settled first goes first.
		m.set("task-4", urls(prefetch.Succeeded))
		wait(2 * time.Minute)
		m.set("task-3", urls(prefetch.Succeeded))
		wait(2 * time.Minute)
		late := configured(huaweiAccount, "task-9")
		r.list(tasks[2], tasks[3], tasks[4], tasks[5], late)
		check("2 3 5 9", 0)
	})
}

// Durations that were observed before a task was dropped are not observed again
// when there is room for it.
func TestATaskThatWasDroppedIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		v.caps.Gradual = true
		created := time.Now()
		m.set("task-1", func() (vendorapi.Answer, error) {
			ans, err := urls(prefetch.Running, prefetch.Waiting)()
			ans.URLs[0].Created, ans.URLs[0].Started = created, created.Add(time.Minute)
			return ans, err
		})
		m.set("task-0", urls(prefetch.Running))
		a := quick(v)
		r := start(t, newMemory(), []poller.Account{a}, aged(2)...)
		for range 3 {
			wait(2 * time.Minute)
			for _, limit := range []int{1, 2} {
				a.TaskLimit = limit
				if err := r.Configure([]poller.Account{a}); err != nil {
					t.Fatal(err)
				}
			}
		}
		wait(2 * time.Minute)
		if diff := cmp.Diff([]time.Duration{time.Minute}, r.recorder.wait); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
	})
}

// A task that disappears from its source is gone at once, and is known still if
// it comes back within the retention.
func TestUnlisted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		m.set("task-0", urls(prefetch.Succeeded))
		m.set("task-1", urls(prefetch.Running))
		a := quick(v)
		st := newMemory()
		r := start(t, st, []poller.Account{a}, aged(2)...)
		wait(second)
		r.list()
		if got := r.watched(t); got != "" {
			t.Errorf("still watched: %q", got)
		}
		wait(time.Hour)
		if n := m.count("task-1"); n != 1 {
			t.Errorf("asked %d times although nobody lists it", n)
		}
		r.list(aged(2)...)
		if got := r.task(t, huaweiAccount, "task-0"); !got.Settled() {
			t.Errorf("back again: %+v", got)
		}
		wait(second)
		if m.count("task-0") != 1 || m.count("task-1") != 2 {
			t.Errorf("asked %d and %d times", m.count("task-0"), m.count("task-1"))
		}
		r.list()
		before := keys(t, st)
		wait(a.Retention + time.Minute)
		if left := before - keys(t, st); left != 2 {
			t.Errorf("%d tasks were deleted after the retention, want 2", left)
		}
	})
}

// A source that was not read yet after a restart may list its tasks still: they
// stay until it was.
func TestPendingSources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		a := quick(v)
		st := newMemory()
		var tasks []prefetch.Task
		for id, source := range map[string]string{
			"task-c": prefetch.SourceConfig, "task-f": prefetch.SourceFile, "task-h": prefetch.SourceHTTP,
		} {
			m.set(id, urls(prefetch.Running))
			tasks = append(tasks, prefetch.Task{Account: a.Name, ID: id, Source: source})
		}
		r := start(t, st, []poller.Account{a}, tasks...)
		wait(second)
		r.stop()

		r = &rig{Poller: poller.New(poller.Options{Store: st, Recorder: newRecorder(), Clock: clock.Wall(time.Now)})}
		if err := r.Configure([]poller.Account{a}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			pending []string
			want    string
		}{
			{[]string{prefetch.SourceHTTP, prefetch.SourceFile}, "f h"},
			{[]string{prefetch.SourceHTTP}, "h"},
			{nil, ""},
			{[]string{prefetch.SourceHTTP}, ""}, // it was read, and did not list it
		} {
			r.List(nil, step.pending...)
			if got := r.watched(t); got != step.want {
				t.Errorf("while %v were not read: watched %q, want %q", step.pending, got, step.want)
			}
		}
	})
}
