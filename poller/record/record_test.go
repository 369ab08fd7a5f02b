package record_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller/health"
	"prefetch_exporter/poller/record"
	"prefetch_exporter/poller/survival"
	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

var (
	now     = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	account = prefetch.Account{Provider: "cdn", Name: "a"}
)

// broken is a store that fails where a test says.
type broken struct {
	*storetest.Memory
	write error
	scan  store.Table
}

var errDisk = errors.New("disk")

func (b *broken) Write(ops ...store.Op) error {
	if b.write != nil {
		return b.write
	}
	return b.Memory.Write(ops...)
}

func (b *broken) ScanScope(t store.Table, scope string, f func(key string, value []byte) error) error {
	if t == b.scan {
		return errDisk
	}
	return b.Memory.ScanScope(t, scope, f)
}

func filled(t *testing.T) *broken {
	t.Helper()
	st := &broken{Memory: storetest.NewMemory()}
	c := record.Changes{Account: true}
	for i := range 2 {
		kept := task.New(prefetch.Task{ID: fmt.Sprint("task-", i)}, now)
		c.Touch(&kept)
	}
	r := &record.Account{Health: health.State{Calls: 3}, Identity: "somebody"}
	if saved, err := c.Save(st, account, r, nil); err != nil || len(saved) != 2 || !c.None() {
		t.Fatalf("saved %d tasks (%v)", len(saved), err)
	}
	return st
}

// read says what is read of the account, in one line.
func read(st store.Keeper) (line string, err error) {
	err = record.Read(st, account, record.Reader{
		Account:    func(r record.Account) { line += fmt.Sprint(r.Identity, " ", r.Health.Calls, " ") },
		Task:       func(t *task.Task) { line += t.ID + " " },
		Unreadable: func(id string, _ error) { line += "?" + id + " " },
	})
	return line, err
}

func TestRead(t *testing.T) {
	t.Parallel()
	st := filled(t)
	expect := func(want string) {
		t.Helper()
		if got, err := read(st); got != want || err != nil {
			t.Errorf("read %q, want %q (%v)", got, want, err)
		}
	}
	expect("somebody 3 task-0 task-1 ")
	var c record.Changes
	c.Forget("task-1")
	if saved, err := c.Save(st, account, nil, nil); err != nil || len(saved) != 0 {
		t.Errorf("saved %d tasks (%v)", len(saved), err)
	}
	expect("somebody 3 task-0 ")
	storetest.Write(t, st, storetest.Put(store.Accounts, "cdn:a", "state", "{"), storetest.Put(store.Tasks, "cdn:a", "task-1", "{"))
	expect("? task-0 ?task-1 ")
	for _, st.scan = range []store.Table{store.Accounts, store.Tasks} {
		if _, err := read(st); !errors.Is(err, errDisk) {
			t.Errorf("a disk that fails: %v", err)
		}
	}
}

// A record of the version that had no rooms says the same when it is written again:
// its keys are the format of the store, whatever the fields are called.
func TestRecordOfBefore(t *testing.T) {
	t.Parallel()
	ages := strings.TrimSuffix(strings.Repeat("0,", len(survival.Observations{}.Ended)), ",")
	before := `{
		"health": {"up": true, "failing": "auth", "failures": 2, "retry_at": "2026-11-26T12:00:00Z", "since": "2026-11-26T11:00:00Z", "failed_calls": 3},
		"learned": {
			"need_window": true, "page_size": 50, "no_small_page": true, "look_back": 1, "no_status_filter": true, "offset": 2,
			"offset_at": {"wall": "2026-11-26T12:00:00Z", "boot": "b", "up": 3}, "unordered": true,
			"strangers": 0.5, "strangers_at": "2026-11-26T12:00:00Z", "no_run_filter": true, "misled": 1,
			"refused_at": "2026-11-26T12:00:00Z", "crowd": 3,
			"durations": {"ended": [` + ages + `], "at_risk": [` + ages + `], "failed": 1, "final": 2, "sizes": 3, "items": 4}
		},
		"identity": "somebody", "removed": "2026-11-26T12:00:00Z"
	}`
	var r record.Account
	if err := json.Unmarshal([]byte(before), &r); err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := errors.Join(json.Unmarshal([]byte(before), &want), json.Unmarshal(written, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-before +written again):\n%s", diff)
	}
}

// What the store refuses waits, but for what no store can hold: that is said once,
// and loses nobody else's change.
func TestSaveAgain(t *testing.T) {
	t.Parallel()
	st := filled(t)
	var c record.Changes
	if !c.None() {
		t.Error("nothing changed")
	}
	var refused []string
	unstorable := func(id string, err error) {
		refused = append(refused, id)
		if err == nil {
			t.Error("nobody knows why")
		}
	}
	for i := range 100 {
		changed := task.New(prefetch.Task{ID: fmt.Sprint("new-", i)}, now)
		c.Touch(&changed)
	}
	large := task.New(prefetch.Task{ID: "large", Source: strings.Repeat("x", store.MaxValue)}, now)
	c.Touch(&large)
	odd := task.New(prefetch.Task{ID: "odd"}, now)
	odd.EdgeRatio = math.NaN()
	c.Touch(&odd)
	c.Account = true
	st.write = errDisk
	if saved, err := c.Save(st, account, &record.Account{}, unstorable); !errors.Is(err, errDisk) || len(saved) != 0 || c.None() {
		t.Errorf("saved %d tasks on a disk that fails (%v)", len(saved), err)
	}
	slices.Sort(refused)
	if !slices.Equal(refused, []string{"large", "odd"}) {
		t.Errorf("refused: %q", refused)
	}
	st.write = nil
	if saved, err := c.Save(st, account, &record.Account{}, unstorable); err != nil || len(saved) != 100 || !c.None() || len(refused) != 2 {
		t.Errorf("saved %d tasks (%v)", len(saved), err)
	}
	if left := storetest.Content(t, st, store.Tasks); len(left) != 102 {
		t.Errorf("%d tasks are stored", len(left))
	}
}

// What is not configured is marked once, and deleted by whoever asks for that.
func TestUnusedAndDelete(t *testing.T) {
	t.Parallel()
	st := filled(t)
	storetest.Write(t, st, storetest.Put(store.Accounts, "cdn:b", "state", "{"), storetest.Put(store.Tasks, "cdn:b", "task-0", "{}"))
	unused := func(at time.Time, used string, want ...time.Time) {
		t.Helper()
		since, err := record.Unused(st, map[string]bool{used: true}, at)
		if err != nil || len(since) != len(want) || len(want) > 0 && !since["cdn:b"].Equal(want[0]) {
			t.Errorf("since %v, want %v (%v)", since, want, err)
		}
	}
	later := now.Add(time.Hour)
	unused(later, "cdn:a", later)
	unused(later.Add(time.Hour), "cdn:a", later)
	unused(now, "cdn:a", now) // it was marked by a clock that ran ahead
	st.write = errDisk
	if _, err := record.Unused(st, nil, now); !errors.Is(err, errDisk) {
		t.Errorf("a mark that fails: %v", err)
	}
	if err := record.Delete(st, "cdn:b"); !errors.Is(err, errDisk) {
		t.Errorf("a deletion that fails: %v", err)
	}
	st.write = nil
	if err := record.Delete(st, "cdn:b"); err != nil {
		t.Error(err)
	}
	unused(now, "cdn:a")
	if got, err := read(st); got != "somebody 3 task-0 task-1 " {
		t.Errorf("of the other account %q is left (%v)", got, err)
	}
	if left := storetest.Content(t, st, store.Tasks); len(left) != 2 {
		t.Errorf("tasks left: %q", left)
	}
}

// Version 1 kept access keys and user names as they are.
func TestMigrations(t *testing.T) {
	t.Parallel()
	hashed := prefetch.HashedIdentity("cdn|h|AK")
	for name, c := range map[string]struct{ in, want store.Op }{
		"ledger": {storetest.Put(store.Ledger, "cdn|h|AK", "1", "{}"), storetest.Put(store.Ledger, hashed, "1", "{}")},
		"account": {
			storetest.Put(store.Accounts, "cdn:a", "state", `{"identity":"cdn|h|AK","learned":{"page_size":12345678901234567890},"other":[1.50]}`),
			storetest.Put(store.Accounts, "cdn:a", "state", fmt.Sprintf(`{"identity":%q,"learned":{"page_size":12345678901234567890},"other":[1.50]}`, hashed)),
		},
		"without identity": {
			storetest.Put(store.Accounts, "cdn:a", "state", `{"other":1}`), storetest.Put(store.Accounts, "cdn:a", "state", `{"other":1}`),
		},
		"unreadable": {storetest.Put(store.Accounts, "cdn:a", "state", "cdn|h|AK"), storetest.Remove(store.Accounts, "cdn:a", "state")},
		"task":       {storetest.Put(store.Tasks, "cdn:a", "1", "{}"), storetest.Put(store.Tasks, "cdn:a", "1", "{}")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := c.in
			for _, m := range record.Migrations() {
				var err error
				if got, err = m(got); err != nil {
					t.Fatal(err)
				}
			}
			if got.Scope != c.want.Scope || string(got.Value) != string(c.want.Value) {
				t.Errorf("got %s %s, want %s %s", got.Scope, got.Value, c.want.Scope, c.want.Value)
			}
		})
	}
}
