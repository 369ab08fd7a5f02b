package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// follower keeps what it is told.
type follower struct {
	mu    sync.Mutex
	heard []string
}

func (f *follower) tell(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, what)
}

func (f *follower) Loaded()  { f.tell("loaded") }
func (f *follower) Rewound() { f.tell("rewound") }
func (f *follower) Moved()   {}

func (f *follower) Heard(ops []store.Op) {
	for _, op := range ops {
		text := string(op.Table) + "/" + op.Scope + "/" + op.Key
		if op.Value != nil {
			text += "=" + string(op.Value)
		}
		f.tell(text)
	}
}

// want checks what was told since the last time.
func (f *follower) want(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.heard, want) {
		t.Errorf("told %q, want %q", f.heard, want)
	}
	f.heard = nil
}

// member joins a group and runs until the test ends.
func member(t *testing.T, g *storetest.Group, name string) (*storetest.Member, *follower) {
	t.Helper()
	m, f := g.Join(name), &follower{}
	m.Follow(f)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		m.Resume()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return m, f
}

func claim(t *testing.T, m *storetest.Member, identity string) bool {
	t.Helper()
	won, err := m.Claim(t.Context(), identity)
	if err != nil {
		t.Fatal(err)
	}
	return won
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func call(key, value string) store.Op { return storetest.Put(store.Ledger, "id", key, value) }

// What one member writes, the others hear in order, as late as the test says.
func TestGroupFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{Delay: func(name string) time.Duration {
			return map[string]time.Duration{"b": 300 * time.Millisecond}[name]
		}})
		a, heardA := member(t, g, "a")
		b, heardB := member(t, g, "b")
		a.Register([]byte("A"))
		heardA.want(t, "loaded")
		heardB.want(t, "loaded")
		storetest.Write(t, a, storetest.Put(store.Tasks, "x", "1", "one"), storetest.Put(store.Tasks, "x", "1", "two"))
		storetest.Write(t, a, storetest.Remove(store.Tasks, "x", "1"), storetest.Put(store.Accounts, "x", "y", ""))
		synctest.Wait()
		heardA.want(t, "tasks/x/1=two", "tasks/x/1", "accounts/x/y=")
		heardB.want(t)
		time.Sleep(time.Second)
		heardB.want(t, "tasks/x/1=two", "tasks/x/1", "accounts/x/y=")
		if members := b.Members(); string(members["a"]) != "A" || len(members) != 2 {
			t.Errorf("members are %q", members)
		}
		if content := storetest.Content(t, b, store.Accounts); len(content) != 1 {
			t.Errorf("b has %q", content)
		}
		// A write over what was not heard of yet waits for it.
		storetest.Write(t, a, storetest.Put(store.Tasks, "x", "2", "a"))
		storetest.Write(t, b, storetest.Put(store.Tasks, "x", "2", "b"))
		heardB.want(t, "tasks/x/2=a", "tasks/x/2=b")
		b.LoseWatch()
		synctest.Wait()
		heardB.want(t, "loaded")
	})
}

// One member owns an identity, by its own clock for no longer than by the group's,
// and nobody else begins a call.
func TestGroupOwners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: 4 * time.Second})
		a, _ := member(t, g, "a")
		b, _ := member(t, g, "b")
		if !claim(t, a, "id") || claim(t, b, "id") || !a.Owns("id") || b.Owns("id") {
			t.Error("not one owner")
		}
		storetest.Write(t, a.Owned("id"), call("1", "begun"))
		wantErr(t, b.Owned("id").Write(call("2", "begun")), store.ErrNotOwner)
		wantErr(t, b.Owned("id").Write(storetest.Put(store.Tasks, "x", "1", "")), store.ErrNotOwner)
		synctest.Wait()
		storetest.Write(t, b.Owned("id"), call("1", "ended by b"))

		a.Cut()
		wantErr(t, a.Owned("id").Write(call("2", "begun")), store.ErrUnknown)
		began := time.Now()
		for a.Owns("id") {
			time.Sleep(10 * time.Millisecond)
		}
		if up, since := a.Up(); up || since.After(time.Now()) {
			t.Errorf("up: %v since %v", up, since)
		}
		for len(g.Owners()) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the lease ended after %v", took)
		}
		if !claim(t, b, "id") || len(a.Owners()) != 1 || a.Owns("id") {
			t.Error("b does not own it alone")
		}
		a.Mend()
		time.Sleep(time.Second)
		wantErr(t, a.Owned("id").Write(call("2", "begun")), store.ErrNotOwner)
		if name, since := a.Owner("id"); name != "b" || since.IsZero() || !b.Owns("id") || len(a.Members()) != 2 {
			t.Errorf("a sees %q since %v, members %q", name, since, a.Members())
		}
		if up, _ := a.Up(); !up {
			t.Error("a is not up")
		}

		g.Revoke("b")
		synctest.Wait()
		if b.Owns("id") || len(g.Owners()) > 0 {
			t.Error("b owns what its lease had")
		}
		time.Sleep(time.Second)
		if !claim(t, b, "id") || b.Resign(t.Context(), "id") != nil || a.Resign(t.Context(), "id") != nil || len(g.Owners()) > 0 {
			t.Error("b could not have it again and give it up")
		}
	})
}

// What timed out may be applied later, and then nothing is written over it.
func TestGroupAppliesLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var next storetest.Fault
		g := storetest.NewGroup(storetest.GroupOptions{Fault: func(_, request string) (f storetest.Fault) {
			mu.Lock()
			defer mu.Unlock()
			if slices.Contains([]string{"charge", "close", "write", "claim"}, request) {
				f, next = next, storetest.Fault{}
			}
			return f
		}})
		fails := func(f storetest.Fault) {
			mu.Lock()
			defer mu.Unlock()
			next = f
		}
		a, heard := member(t, g, "a")
		claim(t, a, "id")
		storetest.Write(t, a.Owned("id"), call("1", "begun"))
		heard.want(t, "loaded", "ledger/id/1=begun")
		fails(storetest.Fault{Delay: 3 * time.Second})
		wantErr(t, a.Owned("id").Write(call("2", "late")), store.ErrUnknown)
		heard.want(t)
		time.Sleep(3 * time.Second)
		heard.want(t, "ledger/id/2=late")

		fails(storetest.Fault{Delay: 3 * time.Second})
		wantErr(t, a.Owned("id").Write(call("3", "late")), store.ErrUnknown)
		storetest.Write(t, a.Owned("id"), call("4", "between"))
		time.Sleep(3 * time.Second)
		heard.want(t, "ledger/id/4=between") // the late one found the ledger changed

		fails(storetest.Fault{NoAnswer: true})
		wantErr(t, a.Owned("id").Write(call("5", "unheard")), store.ErrUnknown)
		heard.want(t, "ledger/id/5=unheard")
		fails(storetest.Fault{Lost: true})
		storetest.Write(t, a.Owned("id"), call("5", "ended"))
		heard.want(t, "ledger/id/5=ended")
	})
}

// A group that was restored forgets what came after the backup.
func TestGroupForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{})
		a, heard := member(t, g, "a")
		storetest.Write(t, a, storetest.Put(store.Tasks, "x", "1", "one"))
		saved := g.Save()
		claim(t, a, "id")
		storetest.Write(t, a, storetest.Put(store.Tasks, "x", "2", "two"))
		heard.want(t, "loaded", "tasks/x/1=one", "tasks/x/2=two")
		g.Restore(saved)
		synctest.Wait()
		heard.want(t, "rewound", "loaded")
		if len(storetest.Content(t, a, store.Tasks)) != 1 || a.Owns("id") || len(a.Owners()) > 0 {
			t.Errorf("%q is left", storetest.Content(t, a, store.Tasks))
		}
		time.Sleep(15 * time.Second)
		if !claim(t, a, "id") {
			t.Error("no new lease")
		}
		g.Restore(nil)
		synctest.Wait()
		heard.want(t, "rewound", "loaded")
		if len(storetest.Content(t, a, store.Tasks)) > 0 || a.State() != store.Fresh {
			t.Error("something is left")
		}
	})
}

// A process that was stopped goes on where it stood; one that was killed leaves
// its lease behind, and its name with it.
func TestGroupProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: 5 * time.Second})
		a, _ := member(t, g, "a")
		claim(t, a, "id")
		a.Pause()
		asked := make(chan bool)
		go func() { asked <- a.Owns("id") }()
		time.Sleep(20 * time.Second)
		if len(g.Owners()) > 0 {
			t.Error("it owns while it is stopped")
		}
		a.Resume()
		if <-asked {
			t.Error("it owns after it was stopped")
		}

		killed := g.Join("b")
		done := make(chan error)
		go func() { done <- killed.Run(t.Context()) }()
		time.Sleep(time.Second)
		claim(t, killed, "other")
		killed.Kill()
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantErr(t, killed.Write(storetest.Put(store.Tasks, "x", "1", "")), store.ErrClosed)
		if len(g.Owners()) != 1 {
			t.Error("its lease ended with it")
		}
		b, _ := member(t, g, "b")
		if _, err := b.Claim(t.Context(), "third"); err == nil {
			t.Error("two with one name")
		}
		time.Sleep(6 * time.Second)
		if !claim(t, b, "other") {
			t.Error("its lease is there still")
		}
		wantErr(t, g.Join("b").Run(t.Context()), storetest.ErrName)
	})
}
