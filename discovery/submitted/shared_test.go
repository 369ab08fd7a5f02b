package submitted_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// What another replica puts or deletes is there once it is heard of, and listed; what
// this one put itself is no news. A reload finds what was not heard of.
func TestTasksOfAnotherReplica(t *testing.T) {
	t.Parallel()
	keeper := storetest.NewMemory()
	here, there := newTasks(t, keeper), newTasks(t, keeper)
	want := func(what string, names ...string) {
		t.Helper()
		if diff := cmp.Diff(names, here.names()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	value := func(account, id string) (found []byte) {
		_ = keeper.Scan(store.Submitted, func(scope, key string, value []byte) error {
			if scope == account && key == id {
				found = append([]byte{}, value...)
			}
			return nil
		})
		return found
	}
	op := func(id string, value []byte) store.Op {
		return store.Op{Table: store.Submitted, Scope: "a", Key: id, Value: value}
	}
	there.put(task("a", "1"))
	there.put(task("a", "2"))
	want("not heard of yet")
	here.Heard([]store.Op{op("1", value("a", "1")), {Table: store.Tasks, Scope: "a", Key: "3", Value: []byte("{}")}, op("2", value("a", "2"))})
	want("heard of", "a/1", "a/2")
	here.Heard([]store.Op{op("1", value("a", "1")), op("never", nil)})
	if diff := cmp.Diff([]submitted.Name{{Account: "a", ID: "1"}, {Account: "a", ID: "2"}}, here.listed); diff != "" {
		t.Errorf("what was listed (-want +got):\n%s", diff)
	}
	here.Heard([]store.Op{op("1", nil)})
	want("deleted", "a/2")
	here.Heard([]store.Op{op("2", []byte("?"))})
	want("unreadable")
	if errs := here.Unreadable(); len(errs) != 1 {
		t.Errorf("unreadable: %v", errs)
	}
	there.put(task("b", "4"))
	for range 2 {
		if err := here.Reload(); err != nil {
			t.Fatal(err)
		}
		want("read anew", "a/1", "a/2", "b/4")
	}
	if n := len(here.listed); n != 4 {
		t.Errorf("listed %d times: %v", n, here.listed)
	}
	if _, err := there.Delete("b", "4"); err != nil {
		t.Fatal(err)
	}
	if err := here.Reload(); err != nil {
		t.Fatal(err)
	}
	want("read anew without it", "a/1", "a/2")
	_ = keeper.Close()
	if err := here.Reload(); err == nil {
		t.Error("a store that is closed is no error")
	}
}

// during is a keeper in which something happens between a write and its answer.
type during struct {
	*storetest.Memory

	written func()
}

func (d *during) Write(ops ...store.Op) error {
	err := d.Memory.Write(ops...)
	if d.written != nil {
		d.written()
	}
	return err
}

// What another replica wrote last stays, though it is heard of before one's own write
// has its answer.
func TestWritesThatOvertake(t *testing.T) {
	t.Parallel()
	const put = `{"version":1,"labels":{"by":"another"}}`
	for name, write := range map[string]func(w *world){
		"put":    func(w *world) { w.put(task("a", "1")) },
		"delete": func(w *world) { w.remove("a", "1") },
	} {
		for heard, value := range map[string][]byte{"put": []byte(put), "deleted": nil} {
			t.Run(name+", then "+heard, func(t *testing.T) {
				t.Parallel()
				keeper := &during{Memory: storetest.NewMemory()}
				w := newTasks(t, keeper)
				w.put(task("a", "1"))
				keeper.written = func() {
					w.Heard([]store.Op{{Table: store.Submitted, Scope: "a", Key: "1", Value: value}})
				}
				write(w)
				got, there := w.Get("a", "1")
				if there != (value != nil) || there && got.Labels["by"] != "another" {
					t.Errorf("there: %v, %+v", there, got)
				}
			})
		}
	}
}
