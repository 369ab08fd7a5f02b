package poller_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// Single changes come to the same as a list of everything after each of them:
// whatever comes, goes, comes back and finds no room.
func TestRelistComesToTheSameAsAList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		vendor, _ := moody()
		a := quick(vendor)
		a.TaskLimit = rapid.IntRange(1, 6).Draw(rt, "limit")
		now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
		tells := func() time.Time { return now }
		pollers := [2]*poller.Poller{}
		for i := range pollers {
			pollers[i] = poller.New(poller.Options{
				Store: newMemory(), Recorder: newRecorder(), Clock: clock.Wall(tells), Random: func() float64 { return 0.5 },
			})
			if err := pollers[i].Configure([]poller.Account{a}); err != nil {
				rt.Fatal(err)
			}
			pollers[i].List(nil)
		}
		listed := map[string]prefetch.Task{}
		for range rapid.IntRange(1, 30).Draw(rt, "changes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "ten minutes later")) * 10 * time.Minute)
			var changes []poller.Change
			for range rapid.IntRange(1, 3).Draw(rt, "at once") {
				task := configured(huaweiAccount, fmt.Sprint(rapid.IntRange(1, 8).Draw(rt, "task")))
				if rapid.IntRange(0, 3).Draw(rt, "delete if 0") == 0 {
					delete(listed, task.ID)
					changes = append(changes, poller.Change{ID: task.ID})
					continue
				}
				task.Labels = map[string]string{"n": fmt.Sprint(rapid.IntRange(0, 2).Draw(rt, "label"))}
				listed[task.ID] = task
				changes = append(changes, poller.Change{ID: task.ID, Task: &task})
			}
			var all []prefetch.Task
			for _, task := range listed {
				all = append(all, task)
			}
			pollers[0].Relist(map[string][]poller.Change{a.Name: changes, "nobody": changes})
			pollers[1].List(map[string][]prefetch.Task{a.Name: all})
			if diff := cmp.Diff(pollers[1].Snapshot(), pollers[0].Snapshot()); diff != "" {
				rt.Fatalf("after %v (-list +relist):\n%s", changes, diff)
			}
			room, limit := pollers[0].Room(a.Name)
			state := pollers[0].Snapshot().Accounts[0]
			if want := a.TaskLimit - len(state.Tasks) - state.Dropped; room != want || limit != a.TaskLimit {
				rt.Fatalf("room for %d of %d, want %d", room, limit, want)
			}
		}
	})
}

// A task that comes alone is asked for soon, with all that came with it, and a
// snapshot that was taken before does not change.
func TestRelistedTasksAreAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, mood := moody()
		r := start(t, newMemory(), []poller.Account{quick(vendor)}, configured(huaweiAccount, "b"))
		mood.set("b", urls(prefetch.Running))
		wait(second)
		before := r.account(t, huaweiAccount)
		for _, id := range []string{"a", "c", "d"} {
			task := configured(huaweiAccount, id)
			mood.set(id, urls(prefetch.Succeeded))
			r.Relist(map[string][]poller.Change{huaweiAccount.Name: {{ID: id, Task: &task}}})
			if r.task(t, huaweiAccount, id) == nil {
				t.Errorf("%s is not watched", id)
			}
		}
		wait(second)
		for _, id := range []string{"a", "c", "d"} {
			if got := r.task(t, huaweiAccount, id); got.Phase != prefetch.Settled || mood.count(id) != 1 {
				t.Errorf("%s is %v after %d calls", id, got.Phase, mood.count(id))
			}
		}
		if len(before.Tasks) != 1 || before.Tasks[0].ID != "b" || before.Phases[prefetch.Settled] != 0 {
			t.Errorf("the snapshot of before has %d tasks", len(before.Tasks))
		}
		if room, _ := r.Room(huaweiAccount.Name); room != 5000-1 {
			t.Errorf("room for %d: settled tasks make room", room)
		}
		if room, limit := r.Room("nobody"); room != 0 || limit != 0 {
			t.Errorf("an account that does not exist has room for %d of %d", room, limit)
		}
	})
}

// BenchmarkRelist adds one task to those that are watched, all but the disk and the
// planner included.
func BenchmarkRelist(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 20_000} {
		b.Run(fmt.Sprint("tasks=", n), func(b *testing.B) {
			a := quick(&stub{caps: vendorapi.Capabilities{MaxInFlight: 1}})
			a.TaskLimit = 1_000_000
			p := poller.New(poller.Options{Store: newMemory(), Recorder: newRecorder()})
			if err := p.Configure([]poller.Account{a}); err != nil {
				b.Fatal(err)
			}
			tasks := many(huaweiAccount, n)
			p.List(map[string][]prefetch.Task{a.Name: tasks})
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if i++; i%n == 0 { // no more than twice as many
					b.StopTimer()
					p.List(map[string][]prefetch.Task{a.Name: tasks})
					b.StartTimer()
				}
				task := configured(huaweiAccount, fmt.Sprintf("new-%09d", i))
				p.Relist(map[string][]poller.Change{a.Name: {{ID: task.ID, Task: &task}}})
				_ = p.Snapshot()
			}
		})
	}
}
