package submitted_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/discovery/submitted"
	"prefetch_exporter/prefetch"
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
