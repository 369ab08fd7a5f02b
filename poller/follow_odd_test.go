package poller_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/simulator"
)

// An account that comes to share the identity of another, which this replica owns too,
// is stored as that identity's, so that followers see what it is told.
func TestAnAccountOfAnotherIdentity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, g, account, tasks := sharing(t)
		a, b := join(t, g, "a", account, tasks...), join(t, g, "b", account, tasks...)
		passes(time.Second)
		a.takes()
		former := account.Identity
		account.Identity = "another"
		a.owns(account.Identity)
		passes(time.Minute)
		for _, r := range []*replica{a, b} {
			if err := r.Configure([]poller.Account{account}); err != nil {
				t.Fatal(err)
			}
		}
		a.Release(t.Context(), former)
		if err := a.Resign(t.Context(), former); err != nil {
			t.Fatal(err)
		}
		passes(5 * time.Minute)
		alike(t, "another identity", a, b)
		if last := b.shown().Tasks[0].LastRefresh; time.Since(last) > 2*time.Minute {
			t.Errorf("the follower knows of %v, it is %v", last, time.Now())
		}
	})
}

// held is a vendor whose answers can be kept back.
type held struct {
	vendorapi.Provider

	holds atomic.Bool
	held  chan struct{} // closed when an answer is kept back
	free  chan struct{} // closing it lets the answer come
}

func (h *held) Query(ctx context.Context, q vendorapi.Query) (vendorapi.Answer, error) {
	a, err := h.Provider.Query(ctx, q)
	if h.holds.Swap(false) {
		close(h.held)
		<-h.free
	}
	return a, err
}

// An answer that comes while its account gets another identity is not observed again by
// the account that takes its place, whose tasks were read before the answer was stored.
func TestAnAnswerWhileTheIdentityChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, g, account, _ := sharing(t)
		vendor.Submit(simulator.Task{ID: "over", Owner: project, Created: time.Now(), URLs: plans(1, 10*time.Second)})
		spec := configured(huaweiAccount, "over")
		spec.Created = time.Now()
		provider := &held{Provider: account.Provider, held: make(chan struct{}), free: make(chan struct{})}
		account.Provider = provider
		a := join(t, g, "a", account, spec)
		passes(time.Second)
		a.takes()
		passes(11 * time.Second)
		provider.holds.Store(true) // the answer that says that it settled
		<-provider.held
		account.Identity = "another"
		a.owns(account.Identity)
		a.read = func(string) error {
			close(provider.free)
			for range 10_000 {
				runtime.Gosched() // it comes now, and is stored, unless something prevents that
			}
			return nil
		}
		if err := a.Configure([]poller.Account{account}); err != nil {
			t.Fatal(err)
		}
		a.read = nil
		passes(5 * time.Minute)
		if got := a.task(t, huaweiAccount, spec.ID); got.Phase != prefetch.Settled {
			t.Errorf("the task is %v", got.Phase)
		}
		a.recorder.do(func() {
			if len(a.recorder.tasks) != 1 {
				t.Errorf("its duration was observed as %v", a.recorder.tasks)
			}
		})
	})
}

// Accounts that cannot be read leave all as it was, also those whose place others had
// taken already.
func TestAccountsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, g, account, tasks := sharing(t)
		a := join(t, g, "a", account, tasks...)
		passes(time.Second)
		a.takes()
		moved, fresh := account, account
		moved.Identity, fresh.Name, fresh.Identity = "another", "fresh", "another"
		broken := errors.New("the disk is broken")
		a.read = func(scope string) error {
			if strings.Contains(scope, fresh.Name) {
				return broken
			}
			return nil
		}
		a.owns(moved.Identity)
		if err := a.Configure([]poller.Account{moved, fresh}); !errors.Is(err, broken) {
			t.Fatalf("configured: %v", err)
		}
		passes(5 * time.Minute)
		for _, task := range a.shown().Tasks {
			if old := time.Since(task.LastRefresh); old > 2*time.Minute {
				t.Errorf("nothing was heard of %s for %v", task.ID, old)
			}
		}
	})
}

// An owner that stays the owner over a restored backup stores all that it knows, and
// nothing that it does not know.
func TestAnOwnerOfAStoreThatForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, g, account, tasks := sharing(t)
		account.Retention = time.Hour
		a, b := join(t, g, "a", account, tasks...), join(t, g, "b", account, tasks...)
		passes(time.Second)
		a.takes()
		passes(time.Minute)
		saved := g.Save()
		a.list(tasks[0])
		b.list(tasks[0])
		passes(90 * time.Minute)
		if n := len(a.shown().Unwatched); n != 0 {
			t.Fatalf("%d tasks are not forgotten yet", n)
		}
		g.Restore(saved)
		passes(10 * time.Second)
		if claimed, err := a.Claim(t.Context(), account.Identity); !claimed || err != nil {
			t.Fatalf("claimed: %v, %v", claimed, err) // as one whose lease is in the backup
		}
		passes(time.Minute)
		alike(t, "restored", a, b)
		if s := b.shown(); len(s.Tasks) != 1 || s.Tasks[0].Phase != prefetch.Settled {
			t.Errorf("the follower shows %+v", s.Tasks)
		}
	})
}

// A single task that is put is shown at once by a replica that does not ask; one that
// only its configuration lists is not, until the owner is gone.
func TestFollowersListSingleTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, g, account, tasks := sharing(t)
		a, b := join(t, g, "a", account, tasks...), join(t, g, "b", account, tasks...)
		passes(time.Second)
		a.takes()
		passes(time.Second)
		put, listed := configured(huaweiAccount, "put"), configured(huaweiAccount, "listed")
		put.Source = prefetch.SourceAPI
		first := tasks[0]
		first.Labels = map[string]string{"title": "elsewhere"}
		b.Relist(map[string][]poller.Change{huaweiAccount.Name: {
			{ID: put.ID, Task: &put}, {ID: listed.ID, Task: &listed}, {ID: first.ID, Task: &first},
		}})
		if s := b.shown(); len(s.Tasks) != 3 || s.Phases[prefetch.Pending] == 0 || b.task(t, huaweiAccount, "put") == nil {
			t.Errorf("shown are %d tasks, phases %v", len(s.Tasks), s.Phases)
		}
		if got := b.task(t, huaweiAccount, first.ID); got.Labels["title"] != "" {
			t.Errorf("a follower labels a task of the owner: %v", got.Labels)
		}
		put.Labels = map[string]string{"title": "launch"}
		b.Relist(map[string][]poller.Change{huaweiAccount.Name: {{ID: put.ID, Task: &put}}})
		if got := b.task(t, huaweiAccount, "put"); got.Labels["title"] != "launch" {
			t.Errorf("put anew: %v", got.Labels)
		}
		b.Relist(map[string][]poller.Change{huaweiAccount.Name: {{ID: put.ID}}})
		if b.task(t, huaweiAccount, "put") != nil {
			t.Error("it was deleted")
		}
		a.releases()
		passes(time.Second)
		if b.task(t, huaweiAccount, "listed") == nil {
			t.Error("what is listed here is shown while nobody asks")
		}
	})
}
