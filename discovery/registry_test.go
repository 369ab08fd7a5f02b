package discovery_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"prefetch_exporter/discovery"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// faulty is a keeper whose disk can fail.
type faulty struct {
	*storetest.Memory

	err error
}

func (f *faulty) Write(ops ...store.Op) error {
	if f.err != nil {
		return f.err
	}
	return f.Memory.Write(ops...)
}

func newRegistry(t *testing.T, keeper discovery.Keeper) *discovery.Registry {
	t.Helper()
	r, err := discovery.NewRegistry(keeper)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func put(t *testing.T, r *discovery.Registry, task prefetch.Task) (created bool) {
	t.Helper()
	created, err := r.Put(task)
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func remove(t *testing.T, r *discovery.Registry, account, id string) (existed bool) {
	t.Helper()
	existed, err := r.Delete(account, id)
	if err != nil {
		t.Fatal(err)
	}
	return existed
}

func TestRegistrySurvivesARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db, err := store.Open(store.Options{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	r := newRegistry(t, db)
	if !put(t, r, launch) || !put(t, r, task("edge", "2")) || !put(t, r, task("edge", "1")) || !put(t, r, task("edge", "3")) {
		t.Error("a new task was called replaced")
	}
	if !remove(t, r, "edge", "3") || remove(t, r, "edge", "3") || remove(t, r, "other", "1") {
		t.Error("Delete is wrong about what was there")
	}
	replaced := launch
	replaced.Labels = map[string]string{"title": "relaunch"}
	if put(t, r, replaced) {
		t.Error("a replaced task was called new")
	}
	want := from("api", task("edge", "1"), task("edge", "2"), replaced)
	if diff := cmp.Diff(want, r.List()); diff != "" {
		t.Errorf("before the restart (-want +got):\n%s", diff)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, err = store.Open(store.Options{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	r = newRegistry(t, db)
	if diff := cmp.Diff(want, r.List()); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
	got, there := r.Get("vod", "8ff1")
	if diff := cmp.Diff(want[2], got); diff != "" || !there {
		t.Errorf("Get, %v (-want +got):\n%s", there, diff)
	}
	if _, there := r.Get("vod", "8ff"); there {
		t.Error("Get found what is not there")
	}
}

// Whatever was listed before, the list is that of the tasks, in order.
func TestRegistryListsInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r, err := discovery.NewRegistry(storetest.NewMemory())
		if err != nil {
			rt.Fatal(err)
		}
		model := map[string]prefetch.Task{}
		name := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		for i := range rapid.IntRange(1, 30).Draw(rt, "steps") {
			held := r.List()
			copied := slices.Clone(held)
			changed := task(name.Draw(rt, "account"), name.Draw(rt, "id"))
			switch place := changed.Account + "/" + changed.ID; rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2:
				delete(model, place)
				_, err = r.Delete(changed.Account, changed.ID)
			case 3:
				delete(model, place)
				_, err = r.Prune(func(account, id string) bool { return account+"/"+id == place })
			default:
				changed.Labels, changed.Source = map[string]string{"step": strconv.Itoa(i)}, prefetch.SourceAPI
				model[place] = changed
				_, err = r.Put(changed)
			}
			if err != nil {
				rt.Fatal(err)
			}
			var want []prefetch.Task
			for _, place := range slices.Sorted(maps.Keys(model)) {
				want = append(want, model[place])
			}
			if diff := cmp.Diff(want, r.List(), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(copied, held); diff != "" {
				rt.Fatalf("a list that was returned has changed:\n%s", diff)
			}
		}
	})
}

func TestRegistryPrune(t *testing.T) {
	t.Parallel()
	keeper := &faulty{Memory: storetest.NewMemory()}
	r := newRegistry(t, keeper)
	for _, id := range []string{"1", "2", "3"} {
		put(t, r, task("edge", id))
	}
	put(t, r, task("other", "1"))
	notTwo := func(account, id string) bool { return account == "edge" && id != "2" }
	keeper.err = errors.New("no space left on device")
	if n, err := r.Prune(notTwo); n != 0 || !errors.Is(err, keeper.err) || len(r.List()) != 4 {
		t.Errorf("without a disk: %d, %v, left %v", n, err, r.List())
	}
	keeper.err = nil
	told := 0
	m := newManager(t, discovery.Options{Registry: r})
	m.Set(nil, []string{"edge", "other"})
	<-m.Changes()
	for _, want := range []int{2, 0} {
		if n, err := r.Prune(notTwo); n != want || err != nil {
			t.Errorf("%d, %v, want %d", n, err, want)
		}
		select {
		case <-m.Changes():
			told++
		default:
		}
	}
	if told != 1 {
		t.Errorf("the change was told %d times, want once", told)
	}
	wantIDs(t, m, "edge/2 api", "other/1 api")
	want := from("api", task("edge", "2"), task("other", "1"))
	if diff := cmp.Diff(want, newRegistry(t, keeper).List()); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

func TestRegistryKeepsNothingOfTheCaller(t *testing.T) {
	t.Parallel()
	r := newRegistry(t, storetest.NewMemory())
	mine := prefetch.Task{Account: "a", ID: "1", URLs: []string{"https://h/1"}, Labels: map[string]string{"x": "1"}}
	put(t, r, mine)
	mine.URLs[0], mine.Labels["x"] = "changed", "changed"
	got, _ := r.Get("a", "1")
	if got.URLs[0] != "https://h/1" || got.Labels["x"] != "1" {
		t.Errorf("the caller's change came through: %+v", got)
	}
}

func TestRegistryRefusesInvalidTasks(t *testing.T) {
	t.Parallel()
	keeper := storetest.NewMemory()
	r := newRegistry(t, keeper)
	_, err := r.Put(prefetch.Task{Account: "a", Labels: map[string]string{"task": "x"}})
	const want = "the task is invalid: id: is missing or empty; labels.task: the label would hide the exporter's own label of this name"
	if !errors.Is(err, discovery.ErrInvalid) || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	if len(r.List()) > 0 || keeper.Stats().Writes > 0 {
		t.Error("the invalid task was kept")
	}
}

func TestRegistryWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	keeper := &faulty{Memory: storetest.NewMemory()}
	r := newRegistry(t, keeper)
	put(t, r, launch)

	keeper.err = full
	replaced := launch
	replaced.Labels = nil
	if _, err := r.Put(replaced); !errors.Is(err, full) || errors.Is(err, discovery.ErrInvalid) {
		t.Errorf("Put: %v", err)
	}
	if _, err := r.Put(task("a", "new")); !errors.Is(err, full) {
		t.Errorf("Put: %v", err)
	}
	if existed, err := r.Delete("vod", "8ff1"); !errors.Is(err, full) || existed {
		t.Errorf("Delete: %v, %v", existed, err)
	}
	if diff := cmp.Diff(from("api", launch), r.List()); diff != "" {
		t.Errorf("what could not be kept is there (-want +got):\n%s", diff)
	}
	keeper.err = nil
	if !remove(t, r, "vod", "8ff1") {
		t.Error("the task was gone before it was deleted")
	}

	if err := keeper.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := discovery.NewRegistry(keeper); !errors.Is(err, store.ErrClosed) {
		t.Errorf("NewRegistry: %v", err)
	}
}

func TestRegistryUnreadableTasks(t *testing.T) {
	t.Parallel()
	keeper := storetest.NewMemory()
	for id, value := range map[string]string{
		"broken": "{", "newer": `{"version":2}`, "good": `{"version":1}`, "invalid": `{"version":1,"labels":{"task":"x"}}`,
	} {
		if err := keeper.Write(store.Op{Table: store.Submitted, Scope: "a", Key: id, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	r := newRegistry(t, keeper)
	if diff := cmp.Diff(from("api", task("a", "good")), r.List()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	texts := func() (all []string) {
		for _, err := range r.Unreadable() {
			all = append(all, err.Error())
		}
		return all
	}
	want := []string{
		`task "broken" of account "a" in the store: reading its record: unexpected end of JSON input`,
		`task "invalid" of account "a" in the store: labels.task: the label would hide the exporter's own label of this name`,
		`task "newer" of account "a" in the store: its record has version 2; this program reads 1`,
	}
	if diff := cmp.Diff(want, texts()); diff != "" {
		t.Errorf("unreadable (-want +got):\n%s", diff)
	}

	written, reports := new(logs), newReports()
	m := newManager(t, discovery.Options{Registry: r, Logger: written.logger(), Reporter: reports})
	m.Set(nil, []string{"a"})
	if got := reports.rejections()["invalid"]; got != 3 || written.count("cannot be read and is not watched") != 3 {
		t.Errorf("%d are reported invalid, and the log is\n%s", got, written)
	}
	if put(t, r, task("a", "broken")) || !remove(t, r, "a", "invalid") || remove(t, r, "a", "invalid") {
		t.Error("a task that is in the store was called new, or not there")
	}
	wantIDs(t, m, "a/broken api", "a/good api")
	if diff := cmp.Diff(want[2:], texts()); diff != "" {
		t.Errorf("unreadable afterwards (-want +got):\n%s", diff)
	}
	if got := reports.rejections()["invalid"]; got != 1 {
		t.Errorf("%d are reported invalid afterwards", got)
	}
}

func TestRegistryConcurrentUse(t *testing.T) {
	t.Parallel()
	keeper := storetest.NewMemory()
	r := newRegistry(t, keeper)
	m := newManager(t, discovery.Options{Registry: r})
	m.Set(nil, []string{"a"})
	run(t, m)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 50 {
				// Four workers fight for each task.
				id := fmt.Sprint(worker%2, "-", i)
				if _, err := r.Put(prefetch.Task{Account: "a", ID: id, Labels: map[string]string{"worker": fmt.Sprint(worker)}}); err != nil {
					t.Error(err)
				}
				if i%10 == worker {
					if _, err := r.Delete("a", id); err != nil {
						t.Error(err)
					}
				}
				r.List()
				m.Merged()
			}
		})
	}
	all.Wait()
	// What is in memory is what a restart would find.
	if diff := cmp.Diff(newRegistry(t, keeper).List(), r.List()); diff != "" {
		t.Errorf("memory is not the store (-store +memory):\n%s", diff)
	}
	if diff := cmp.Diff(r.List(), m.Merged()["a"]); diff != "" {
		t.Errorf("merged is not the registry (-registry +merged):\n%s", diff)
	}
	if !slices.IsSortedFunc(r.List(), func(a, b prefetch.Task) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("List is not sorted")
	}
}
