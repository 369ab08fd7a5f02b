package poller_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// replica is a poller that shares its store. Who owns what is for the test to say.
type replica struct {
	*rig
	*storetest.Member

	t      *testing.T
	events chan func()
	// read is called when an owner has read the tasks of an account, if it is set.
	read func(scope string) error
}

func (r *replica) Owned(identity string) quota.Store { return owned{r.Member.Owned(identity), r} }

// owned is what an owner writes through.
type owned struct {
	quota.Store

	replica *replica
}

func (o owned) ScanScope(t store.Table, scope string, f func(key string, value []byte) error) error {
	err := o.Store.ScanScope(t, scope, f)
	if read := o.replica.read; read != nil && t == store.Tasks {
		err = errors.Join(err, read(scope))
	}
	return err
}

func (r *replica) Configured() (accounts map[prefetch.Account]bool, identities map[string]bool) {
	return map[prefetch.Account]bool{huaweiAccount: true}, map[string]bool{huaweiAccount.Provider: true}
}

// The store's follower: what it is told is passed on in order.
func (r *replica) Heard(changes []store.Op) { r.events <- func() { r.rig.Heard(changes) } }
func (r *replica) Rewound()                 { r.events <- r.rig.Rewound }
func (r *replica) Moved()                   { r.events <- r.rig.Moved }

// follower is the replica as the store sees it.
type follower struct{ *replica }

func (f follower) Loaded() { f.events <- f.Reload }

// join starts a replica of a group within a synctest bubble.
func join(t *testing.T, g *storetest.Group, name string, a poller.Account, tasks ...prefetch.Task) *replica {
	t.Helper()
	r := &replica{Member: g.Join(name), t: t, events: make(chan func(), 1<<16)}
	r.rig = &rig{recorder: newRecorder()}
	r.Poller = poller.New(poller.Options{
		Store: r.Member, Group: r, Recorder: r.recorder, Random: func() float64 { return 0.5 },
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Clock: clock.Clock(func() clock.Stamp {
			r.Awake()
			return clock.Stamp{Wall: time.Now(), Boot: name, Up: time.Since(time.Unix(0, 0))}
		}),
	})
	if err := r.Configure([]poller.Account{a}); err != nil {
		t.Fatal(err)
	}
	r.list(tasks...)
	r.Follow(follower{r})
	ctx, cancel := contextWithCancel(t)
	var running sync.WaitGroup
	running.Go(func() { _ = r.run(ctx) })
	running.Go(func() {
		if err := r.Poller.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		for {
			select {
			case f := <-r.events:
				r.Awake()
				f()
			case <-ctx.Done():
				return
			}
		}
	})
	r.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(r.stop)
	return r
}

// run is the store's part, where the poller has a method of the same name.
func (r *replica) run(ctx context.Context) error { return r.Member.Run(ctx) } //nolint:staticcheck // it says whose

// takes has the replica own the account.
func (r *replica) takes() {
	r.t.Helper()
	r.owns(huaweiAccount.Provider)
}

// owns has the replica own an identity.
func (r *replica) owns(identity string) {
	r.t.Helper()
	if claimed, err := r.Claim(r.t.Context(), identity); !claimed || err != nil {
		r.t.Fatalf("claimed: %v, %v", claimed, err)
	}
	if err := r.TakeOver(identity); err != nil {
		r.t.Fatal(err)
	}
}

// releases has the replica hand over.
func (r *replica) releases() {
	r.t.Helper()
	r.Release(r.t.Context(), huaweiAccount.Provider)
	if err := r.Resign(r.t.Context(), huaweiAccount.Provider); err != nil {
		r.t.Fatal(err)
	}
}

// shown is what all replicas show alike.
func (r *replica) shown() prefetch.AccountState {
	r.t.Helper()
	a := r.account(r.t, huaweiAccount)
	a.Owned, a.OwnedSince, a.NextCall, a.Progress = false, time.Time{}, time.Time{}, time.Time{}
	return a
}

// passes lets time pass and everybody hear of everything.
func passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// sharing is a vendor with two tasks, and the group of replicas that watch them.
func sharing(t *testing.T) (*simhuaweicloud.Server, *storetest.Group, poller.Account, []prefetch.Task) {
	t.Helper()
	options := huaweiOptions()
	options.Quota = simulator.Quota{Calls: 1, Per: 20 * time.Second}
	vendor := simhuaweicloud.New(options)
	for _, id := range []string{"first", "second"} {
		vendor.Submit(simulator.Task{ID: id, Owner: project, Created: time.Now(), URLs: plans(10, time.Hour)})
	}
	a := huawei(t, vendor)
	a.Limit = prefetch.Limit{Calls: 1, Per: 20 * time.Second}
	return vendor, storetest.NewGroup(storetest.GroupOptions{}), a, []prefetch.Task{configured(huaweiAccount, "first"), configured(huaweiAccount, "second")}
}

// alike tests that replicas show the same.
func alike(t *testing.T, what string, x, y *replica) {
	t.Helper()
	if diff := cmp.Diff(x.shown(), y.shown()); diff != "" {
		t.Errorf("%s: two replicas differ:\n%s", what, diff)
	}
}

// Of two replicas one asks, and both show the same: while nobody owns the account,
// while one does, after it has handed over, and when the tasks are settled.
func TestReplicasShowTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, g, account, tasks := sharing(t)
		a, b := join(t, g, "a", account, tasks...), join(t, g, "b", account, tasks...)
		passes(time.Minute)
		if !a.Ready() {
			t.Error("it is not ready")
		}
		alike(t, "unowned", a, b)
		if n := len(a.shown().Tasks); n != 2 || vendor.Stats().Calls != 0 {
			t.Errorf("%d tasks while nobody asks, after %d calls", n, vendor.Stats().Calls)
		}
		a.takes()
		for range 10 {
			passes(73 * time.Second)
			alike(t, "owned", a, b)
		}
		if s := b.shown(); len(b.recorder.called) != 0 || s.LastQuery == nil || s.NextQuery == nil || s.Owner != "a" || !s.Up {
			t.Errorf("the follower called %v and shows %+v", b.recorder.called, s)
		}
		if own, others := a.account(t, huaweiAccount).Owned, b.account(t, huaweiAccount).Owned; !own || others {
			t.Errorf("a owns: %v, b owns: %v", own, others)
		}
		if x, y := a.account(t, huaweiAccount).NextCall, b.account(t, huaweiAccount).NextCall; y.Sub(x) < 0 || y.Sub(x) > time.Second {
			t.Errorf("the next call is allowed at %v, a follower says %v", x, y)
		}
		before := vendor.Stats().Calls
		a.releases()
		b.takes()
		passes(time.Minute)
		alike(t, "handed over", a, b)
		if n := vendor.Stats().Calls - before; n < 2 || b.shown().Owner != "b" {
			t.Errorf("%d calls in the minute after, owner %q", n, b.shown().Owner)
		}
		passes(2 * time.Hour)
		alike(t, "settled", a, b)
		if n := len(a.recorder.wait) + len(b.recorder.wait); n != 0 { // this vendor tells no times
			t.Errorf("%d observed", n)
		}
		if s := vendor.Stats(); s.OverQuota > 0 || a.shown().Phases[prefetch.Settled] != 2 {
			t.Errorf("%+v, phases %v", s, a.shown().Phases)
		}
	})
}

// What is put on a replica that does not ask is shown at once, and asked for by the
// one that does; what is not listed any more is gone from all.
func TestFollowersList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, g, account, tasks := sharing(t)
		a, b := join(t, g, "a", account, tasks...), join(t, g, "b", account, tasks...)
		passes(time.Second)
		a.takes()
		passes(time.Minute)
		vendor.Submit(simulator.Task{ID: "put", Owner: project, Created: time.Now(), URLs: plans(1, time.Minute)})
		put := prefetch.Task{Account: huaweiAccount.Name, ID: "put", Source: prefetch.SourceAPI}
		elsewhere := configured(huaweiAccount, "elsewhere")
		b.list(append(tasks, put, elsewhere)...)
		if got := b.task(t, huaweiAccount, "put"); got == nil || got.Phase != prefetch.Pending {
			t.Errorf("a moment after it was put: %+v", got)
		}
		if b.task(t, huaweiAccount, "elsewhere") != nil {
			t.Error("the owner does not watch what only this one has configured")
		}
		put.Labels = map[string]string{"title": "launch"}
		b.Relist(map[string][]poller.Change{huaweiAccount.Name: {{ID: "put", Task: &put}}})
		if got := b.task(t, huaweiAccount, "put"); got.Labels["title"] != "launch" {
			t.Errorf("put anew: %+v", got)
		}
		a.Relist(map[string][]poller.Change{huaweiAccount.Name: {{ID: "put", Task: &put}}})
		b.list(append(tasks, put)...)
		passes(3 * time.Minute)
		alike(t, "put", a, b)
		if got := b.task(t, huaweiAccount, "put"); got == nil || got.Phase != prefetch.Settled {
			t.Errorf("it was not asked for: %+v", got)
		}
		a.list(tasks[:1]...)
		passes(time.Second)
		b.list(tasks[:1]...)
		alike(t, "not listed", a, b)
		if n := len(b.shown().Tasks); n != 1 {
			t.Errorf("%d tasks", n)
		}
		a.AskNow("")
		b.AskNow("")
	})
}

// An owner that is killed, cut off or paused makes no call too many together with who
// takes over, and shows what that one does when it is back.
func TestOwnersThatGoAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]struct{ goes, comes func(a *replica) }{
		"killed": {func(a *replica) { a.Kill(); a.stop() }, nil},
		"cut":    {func(a *replica) { a.Cut() }, func(a *replica) { a.Mend() }},
		"paused": {func(a *replica) { a.Pause() }, func(a *replica) { a.Resume() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				vendor, g, account, tasks := sharing(t)
				a, b := join(t, g, "a", account, tasks...), join(t, g, "b", account, tasks...)
				passes(time.Second)
				a.takes()
				passes(3 * time.Minute)
				away.goes(a)
				passes(time.Minute)
				before := vendor.Stats().Calls
				passes(time.Minute)
				if n := vendor.Stats().Calls - before; n != 0 {
					t.Errorf("%d calls that no owner made", n)
				}
				b.takes()
				passes(3 * time.Minute)
				if away.comes != nil {
					away.comes(a)
					passes(time.Second)
					a.Depose(huaweiAccount.Provider)
					passes(5 * time.Minute)
					alike(t, "back", a, b)
					if a.account(t, huaweiAccount).Owned {
						t.Error("it believes that it owns the account")
					}
				}
				want := 9 + 7 // less what nobody had closed
				if away.comes != nil {
					want += 9
				}
				if s := vendor.Stats(); s.OverQuota > 0 || s.Calls < want-2 || s.Calls > want+2 {
					t.Errorf("%+v, want about %d calls and none too many", s, want)
				}
			})
		})
	}
}

// A store that has forgotten makes every quota count as spent; one whose watch was
// lost is read anew.
func TestAStoreThatForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, g, account, tasks := sharing(t)
		account.Limit.Per = 10 * time.Minute
		a, b := join(t, g, "a", account, tasks...), join(t, g, "b", account, tasks...)
		passes(time.Second)
		a.takes()
		b.Limits(account.Identity, []prefetch.Limit{{Calls: 1, Per: time.Hour}})
		saved := g.Save()
		passes(11 * time.Minute)
		calls := vendor.Stats().Calls
		b.LoseWatch()
		passes(9 * time.Minute)
		alike(t, "read anew", a, b)
		g.Restore(saved)
		passes(time.Second)
		if claimed, _ := b.Claim(context.WithoutCancel(t.Context()), account.Identity); claimed {
			_ = b.TakeOver(account.Identity)
		}
		now := time.Now()
		for _, r := range []*replica{a, b} {
			if next := r.account(t, huaweiAccount).NextCall; next.Sub(now) < 9*time.Minute {
				t.Errorf("the next call is allowed at %v, it is %v", next, now)
			}
		}
		passes(9 * time.Minute)
		if n := vendor.Stats().Calls - calls; n > 1 {
			t.Errorf("%d calls after the store has forgotten", n)
		}
	})
}
