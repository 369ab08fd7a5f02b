package submitted_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// faulty is a keeper whose disk can fail.
type faulty struct {
	*storetest.Memory

	mu  sync.Mutex
	err error
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faulty) Write(ops ...store.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	return f.Memory.Write(ops...)
}

// world is all that the tasks need of others: an account has room for as many as a test
// says, and nobody else lists any.
type world struct {
	*submitted.Tasks

	t         *testing.T
	mu        sync.Mutex
	left      int
	listed    []submitted.Name
	elsewhere map[submitted.Name]bool
	known     prefetch.Snapshot
	looking   func() // what happens while a snapshot is used; nil for nothing
	log       bytes.Buffer
}

func newTasks(t *testing.T, keeper store.Keeper) *world {
	t.Helper()
	w, err := load(t, keeper)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func load(t *testing.T, keeper store.Keeper) (w *world, err error) {
	t.Helper()
	w = &world{t: t, left: 1000, elsewhere: map[submitted.Name]bool{}}
	locked := func(f func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		f()
	}
	w.Tasks, err = submitted.New(submitted.Options{
		Keeper: keeper,
		Room: func(string) (left, limit int) {
			locked(func() { left = w.left })
			return left, 5
		},
		Alone: func(account, id string) (alone bool) {
			locked(func() { alone = !w.elsewhere[submitted.Name{Account: account, ID: id}] })
			return alone
		},
		Listed: func(changed ...submitted.Name) {
			locked(func() { w.listed = append(w.listed, changed...) })
		},
		Snapshot: func() (known prefetch.Snapshot) {
			var happens func()
			locked(func() { known, happens = w.known, w.looking })
			if happens != nil {
				happens()
			}
			return known
		},
		Retention: func() time.Duration { return retention },
		Logger:    slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	return w, err
}

func (w *world) put(task prefetch.Task) (created bool) {
	w.t.Helper()
	created, err := w.Put(task)
	if err != nil {
		w.t.Fatal(err)
	}
	return created
}

func (w *world) remove(account, id string) (existed bool) {
	w.t.Helper()
	existed, err := w.Delete(account, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return existed
}

// names are the tasks as "account/id".
func (w *world) names() []string {
	var all []string
	for _, task := range w.List() {
		all = append(all, task.Account+"/"+task.ID)
	}
	return all
}

const retention = 24 * time.Hour

func task(account, id string) prefetch.Task { return prefetch.Task{Account: account, ID: id} }

var launch = prefetch.Task{
	Account: "vod", ID: "8ff1", Created: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), Deadline: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
	URLs: []string{"https://example.com/a.mp4"}, Labels: map[string]string{"title": "launch"},
}

func submittedTasks(tasks ...prefetch.Task) []prefetch.Task {
	for i := range tasks {
		tasks[i].Source = prefetch.SourceAPI
	}
	return tasks
}

func TestARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db, err := store.Open(store.Options{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	r := newTasks(t, db)
	if !r.put(launch) || !r.put(task("edge", "2")) || !r.put(task("edge", "1")) || !r.put(task("edge", "3")) {
		t.Error("a new task was called replaced")
	}
	if !r.remove("edge", "3") || r.remove("edge", "3") || r.remove("other", "1") {
		t.Error("Delete is wrong about what was there")
	}
	replaced := launch
	replaced.Labels = map[string]string{"title": "relaunch"}
	if r.put(replaced) {
		t.Error("a replaced task was called new")
	}
	want := submittedTasks(task("edge", "1"), task("edge", "2"), replaced)
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
	r = newTasks(t, db)
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
func TestOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r, err := load(t, storetest.NewMemory())
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

func TestNothingOfTheCallerIsKept(t *testing.T) {
	t.Parallel()
	r := newTasks(t, storetest.NewMemory())
	mine := prefetch.Task{Account: "a", ID: "1", URLs: []string{"https://h/1"}, Labels: map[string]string{"x": "1"}}
	r.put(mine)
	mine.URLs[0], mine.Labels["x"] = "changed", "changed"
	got, _ := r.Get("a", "1")
	if got.URLs[0] != "https://h/1" || got.Labels["x"] != "1" {
		t.Errorf("the caller's change came through: %+v", got)
	}
}

func TestTheStoreFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	keeper := &faulty{Memory: storetest.NewMemory()}
	r := newTasks(t, keeper)
	r.put(launch)

	keeper.fail(full)
	replaced := launch
	replaced.Labels = nil
	if _, err := r.Put(replaced); !errors.Is(err, full) {
		t.Errorf("Put: %v", err)
	}
	if _, err := r.Put(task("a", "new")); !errors.Is(err, full) {
		t.Errorf("Put: %v", err)
	}
	if existed, err := r.Delete("vod", "8ff1"); !errors.Is(err, full) || existed {
		t.Errorf("Delete: %v, %v", existed, err)
	}
	if diff := cmp.Diff(submittedTasks(launch), r.List()); diff != "" {
		t.Errorf("what could not be kept is there (-want +got):\n%s", diff)
	}
	keeper.fail(nil)
	if !r.remove("vod", "8ff1") {
		t.Error("the task was gone before it was deleted")
	}

	if err := keeper.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, keeper); !errors.Is(err, store.ErrClosed) {
		t.Errorf("New: %v", err)
	}
}

func TestUnreadableTasks(t *testing.T) {
	t.Parallel()
	keeper := storetest.NewMemory()
	for id, value := range map[string]string{
		"broken": "{", "newer": `{"version":2}`, "good": `{"version":1}`, "invalid": `{"version":1,"labels":{"task":"x"}}`,
	} {
		if err := keeper.Write(store.Op{Table: store.Submitted, Scope: "a", Key: id, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	r := newTasks(t, keeper)
	if diff := cmp.Diff(submittedTasks(task("a", "good")), r.List()); diff != "" {
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

	if r.put(task("a", "broken")) || !r.remove("a", "invalid") || r.remove("a", "invalid") {
		t.Error("a task that is in the store was called new, or not there")
	}
	if diff := cmp.Diff([]string{"a/broken", "a/good"}, r.names()); diff != "" {
		t.Errorf("tasks afterwards (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], texts()); diff != "" {
		t.Errorf("unreadable afterwards (-want +got):\n%s", diff)
	}
}

// A task is listed when it was put or deleted, and the revision is another; not when
// that failed.
func TestListed(t *testing.T) {
	t.Parallel()
	keeper := &faulty{Memory: storetest.NewMemory()}
	r := newTasks(t, keeper)
	revisions := map[uint64]bool{r.Revision(): true}
	for _, step := range []func(){
		func() { r.put(task("a", "1")) }, func() { r.put(launch) }, func() { r.put(task("a", "1")) }, func() { r.remove("vod", "8ff1") },
	} {
		step()
		revisions[r.Revision()] = true
	}
	keeper.fail(errors.New("no space left on device"))
	_, _ = r.Put(task("a", "2"))
	_, _ = r.Delete("a", "1")
	_, _ = r.Delete("a", "none")
	if !revisions[r.Revision()] || len(revisions) != 5 {
		t.Errorf("revisions %v, then %d", revisions, r.Revision())
	}
	want := []submitted.Name{{Account: "a", ID: "1"}, {Account: "vod", ID: "8ff1"}, {Account: "a", ID: "1"}, {Account: "vod", ID: "8ff1"}}
	if diff := cmp.Diff(want, r.listed); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

// What could not be watched is refused. What is there, or listed elsewhere, needs no
// room, and what could not be kept takes none.
func TestRoom(t *testing.T) {
	t.Parallel()
	keeper := &faulty{Memory: storetest.NewMemory()}
	r := newTasks(t, keeper)
	r.left = 1
	r.put(task("a", "1"))
	r.left = 0
	const want = `there is no room for the task: account "a" watches as many tasks as global.task_limit allows, 5 that are not settled; ` +
		"put it again when one is, delete one, or raise the limit"
	if _, err := r.Put(task("a", "2")); !errors.Is(err, prefetch.ErrNoRoom) || err.Error() != want {
		t.Errorf("beyond the limit: %v", err)
	}
	r.put(task("a", "1"))
	r.elsewhere[submitted.Name{Account: "a", ID: "3"}] = true
	r.put(task("a", "3"))
	r.left = 1
	keeper.fail(errors.New("no space left on device"))
	for range 2 {
		if _, err := r.Put(task("a", "4")); !errors.Is(err, keeper.err) {
			t.Errorf("without a disk: %v", err)
		}
	}
	if diff := cmp.Diff([]string{"a/1", "a/3"}, r.names()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
}

// Of many that are put at once no more enter than there is room for: until one is
// listed it is not watched, and the room it takes is not seen.
func TestRoomForManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newTasks(t, storetest.NewMemory())
	r.left = 3
	const puts = 20
	var met sync.WaitGroup // all have entered or were refused
	met.Add(puts)
	var entered atomic.Int64
	r.Listed = func(...submitted.Name) {
		met.Done()
		met.Wait()
	}
	var all sync.WaitGroup
	for i := range puts {
		all.Go(func() {
			if _, err := r.Put(task("a", strconv.Itoa(i))); err == nil {
				entered.Add(1)
				return
			} else if !errors.Is(err, prefetch.ErrNoRoom) {
				t.Error(err)
			}
			met.Done()
		})
	}
	all.Wait()
	if entered.Load() != 3 {
		t.Errorf("%d tasks entered, want 3", entered.Load())
	}
}

// What the tasks of one account say is bounded, over restarts; less in the place of
// more is taken.
func TestBytes(t *testing.T) {
	t.Parallel()
	keeper := storetest.NewMemory()
	r := newTasks(t, keeper)
	large := func(id string) prefetch.Task {
		t := prefetch.Task{Account: "a", ID: id} // a million bytes with its id
		for range 500 {
			t.URLs = append(t.URLs, "https://example.com/"+strings.Repeat("a", 1980))
		}
		t.URLs[0] = t.URLs[0][:2000-len(id)]
		return t
	}
	for i := range 33 {
		r.put(large(strconv.Itoa(i)))
	}
	for range 2 {
		const want = `there is no room for the task: URLs, labels and ids of the tasks that were put for account "a" would have 34000000 bytes, more than 33554432; `
		if _, err := r.Put(large("more")); !errors.Is(err, prefetch.ErrNoRoom) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("one more: %v", err)
		}
		r = newTasks(t, keeper)
	}
	r.put(large("0"))
	r.put(task("a", "small"))
	other := large("more")
	other.Account = "b"
	r.put(other)
	r.put(task("a", "0"))
	r.put(large("more"))
	r.remove("a", "more")
	r.put(large("another"))
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	keeper := storetest.NewMemory()
	r := newTasks(t, keeper)
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
			}
		})
	}
	all.Wait()
	// What is in memory is what a restart would find.
	if diff := cmp.Diff(newTasks(t, keeper).List(), r.List()); diff != "" {
		t.Errorf("memory is not the store (-store +memory):\n%s", diff)
	}
	if !slices.IsSorted(r.names()) {
		t.Error("List is not sorted")
	}
}
