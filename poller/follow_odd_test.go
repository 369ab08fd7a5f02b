package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
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
		if claimed, err := a.Claim(t.Context(), account.Identity); !claimed || err != nil {
			t.Fatalf("claimed: %v, %v", claimed, err)
		}
		if err := a.TakeOver(account.Identity); err != nil {
			t.Fatal(err)
		}
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
