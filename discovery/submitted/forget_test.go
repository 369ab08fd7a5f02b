package submitted_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// A task is forgotten when its time has been over for an hour, and not because a
// clock that ran ahead said so for a moment; not while the store fails, and for good.
func TestForgetting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keeper := &faulty{Memory: storetest.NewMemory()}
		r := newTasks(t, keeper)
		for _, id := range []string{"over", "for a moment", "live"} {
			r.put(task("a", id))
		}
		r.put(task("b", "over"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.Run(ctx)
		}()
		over := func(ids ...string) {
			account := prefetch.AccountState{Account: prefetch.Account{Name: "a"}, Owned: true}
			elsewhere := prefetch.AccountState{Account: prefetch.Account{Name: "b"}} // another replica forgets what is over
			elsewhere.Unwatched = []prefetch.UnwatchedTask{{Ended: time.Now(), TaskState: &prefetch.TaskState{ID: "over"}}}
			for _, id := range append(ids, "of another source") {
				account.Unwatched = append(account.Unwatched, prefetch.UnwatchedTask{Ended: time.Now(), TaskState: &prefetch.TaskState{ID: id}})
			}
			account.Unwatched = append(account.Unwatched, prefetch.UnwatchedTask{TaskState: &prefetch.TaskState{ID: "live"}})
			r.mu.Lock()
			defer r.mu.Unlock()
			r.known = prefetch.Snapshot{Accounts: []prefetch.AccountState{account, elsewhere}}
		}
		want := func(after time.Duration, names ...string) {
			t.Helper()
			<-time.After(after)
			synctest.Wait()
			if diff := cmp.Diff(names, r.names()); diff != "" {
				t.Errorf("tasks (-want +got):\n%s", diff)
			}
		}
		want(time.Minute, "a/for a moment", "a/live", "a/over", "b/over")
		over("over", "for a moment")
		want(50*time.Minute, "a/for a moment", "a/live", "a/over", "b/over")
		over("over") // the clock was set right
		want(10*time.Minute, "a/for a moment", "a/live", "a/over", "b/over")
		over("over", "for a moment")
		keeper.fail(errors.New("no space left on device"))
		want(10*time.Minute, "a/for a moment", "a/live", "a/over", "b/over")
		keeper.fail(nil)
		want(10*time.Minute, "a/for a moment", "a/live", "b/over")
		want(50*time.Minute, "a/live", "b/over")
		want(240*time.Hour, "a/live", "b/over")
		cancel()
		<-ended
		if diff := cmp.Diff([]submitted.Name{{Account: "a", ID: "over"}, {Account: "a", ID: "for a moment"}}, r.listed[4:]); diff != "" {
			t.Errorf("listed (-want +got):\n%s", diff)
		}
		if log := r.log.String(); strings.Count(log, "level=WARN") != 1 || strings.Count(log, "tasks=1") != 2 || strings.Count(log, "\n") != 3 {
			t.Errorf("logged:\n%s", log)
		}
		if diff := cmp.Diff([]string{"a/live", "b/over"}, newTasks(t, keeper).names()); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
	})
}

// before is a keeper in which something happens before a write.
type before struct {
	*storetest.Memory

	write func()
}

func (b *before) Write(ops ...store.Op) error {
	if f := b.write; f != nil {
		b.write = nil
		f()
	}
	return b.Memory.Write(ops...)
}

// A task that another replica puts again while its owner forgets it stays, whether
// the owner has heard of that or not, and so does what it says.
func TestPutWhileForgotten(t *testing.T) {
	t.Parallel()
	again := store.Op{Table: store.Submitted, Scope: "a", Key: "1", Value: []byte(`{"version":1,"labels":{"by":"another"}}`)}
	for name, put := range map[string]func(t *testing.T, r *world, keeper *before){
		"before the deletion arrives": func(t *testing.T, _ *world, keeper *before) {
			t.Helper()
			keeper.write = func() { storetest.Write(t, keeper.Memory, again) }
		},
		"and not heard of": func(t *testing.T, _ *world, keeper *before) {
			t.Helper()
			storetest.Write(t, keeper.Memory, again)
		},
		"and being heard of": func(t *testing.T, r *world, keeper *before) {
			t.Helper()
			began := time.Now()
			r.looking = func() {
				if time.Since(began) < time.Hour+5*time.Minute || len(r.known.Accounts) == 0 {
					return
				}
				r.known = prefetch.Snapshot{} // what the next one says
				storetest.Write(t, keeper.Memory, again)
				go r.Heard([]store.Op{again})
				for range 1000 { // as long as it would take if it could
					if got, _ := r.Get("a", "1"); got.Labels != nil {
						break
					}
					runtime.Gosched()
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				keeper := &before{Memory: storetest.NewMemory()}
				r := newTasks(t, keeper)
				r.put(task("a", "1"))
				r.known = prefetch.Snapshot{Accounts: []prefetch.AccountState{{
					Account: prefetch.Account{Name: "a"}, Owned: true,
					Unwatched: []prefetch.UnwatchedTask{{Ended: time.Now(), TaskState: &prefetch.TaskState{ID: "1"}}},
				}}}
				put(t, r, keeper)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour+15*time.Minute)
				defer cancel()
				r.Run(ctx)
				r.Heard([]store.Op{again})
				if got, there := r.Get("a", "1"); !there || got.Labels["by"] != "another" {
					t.Errorf("there: %v, %+v", there, got)
				}
				if got := storetest.Content(t, keeper, store.Submitted); len(got) != 1 {
					t.Errorf("the store has %q", got)
				}
			})
		})
	}
}
