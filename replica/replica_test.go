package replica_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/replica"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

// A replica alone asks for everything as soon as it has read the store, and for no
// more than it is configured for.
func TestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{})
		a := start(t, g, "a", services("x y"))
		synctest.Wait()
		a.mu.Lock()
		slices.Sort(a.told[2:])
		a.mu.Unlock()
		a.want(t, "reload what was put", "reload", "take over x", "take over y")
		if a.Replicas() != 1 {
			t.Errorf("%d replicas", a.Replicas())
		}
		a.Serve(services("y z"))
		synctest.Wait()
		wantHas(t, a, "y z")
		if owners := g.Owners(); !maps.Equal(owners, map[string]string{"y": "a", "z": "a"}) {
			t.Errorf("owners are %v", owners)
		}
		if a.log.count("INFO", "asks for the accounts", "cdnetworks:z") != 1 || a.log.count("leaves the accounts") != 1 || a.log.count("WARN") != 0 {
			t.Error(a.log.text.String())
		}
		a.end(t)
		if len(g.Owners()) != 0 || a.has() != "" {
			t.Error("it owns something after its end")
		}
	})
}

// Replicas share evenly what comes, goes, is killed and is added, each with one owner.
func TestShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl, Delay: func(string) time.Duration { return 10 * time.Millisecond }})
		a := start(t, g, "a", services("u v w x y z"))
		settled()
		wantHas(t, a, "u v w x y z")
		b, c := start(t, g, "b", services("u v w x y z")), start(t, g, "c", services("u v w x y z"))
		time.Sleep(1900 * time.Millisecond)
		if n := len(strings.Fields(a.has())); n != 6 {
			t.Errorf("after 1.9 s it has %d", n)
		}
		settled()
		oneOwnerEach(t, 2, a, b, c)
		a.forget()
		b.forget()

		c.stop()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		oneOwnerEach(t, 3, a, b)
		for _, p := range []*process{a, b} {
			if p.log.count("asks no more") > 0 {
				t.Error("a replica lost something")
			}
		}

		b.member.Kill()
		b.stop()
		time.Sleep(ttl - 2*time.Second)
		if n := len(strings.Fields(a.has())); n != 3 {
			t.Errorf("it has %d before the lease of the other is over", n)
		}
		time.Sleep(4 * time.Second)
		oneOwnerEach(t, 6, a)
		if a.Replicas() != 1 {
			t.Errorf("%d replicas", a.Replicas())
		}
	})
}

// oneOwnerEach checks that replicas have each of six identities once, and so many each.
func oneOwnerEach(t *testing.T, each int, replicas ...*process) {
	t.Helper()
	var all []string
	for _, p := range replicas {
		has := strings.Fields(p.has())
		if len(has) != each {
			t.Errorf("one has %q, not %d", has, each)
		}
		all = append(all, has...)
	}
	slices.Sort(all)
	if strings.Join(all, " ") != "u v w x y z" {
		t.Errorf("together they have %q", all)
	}
}

// Only who has an account configured asks for it.
func TestOnlyWhoServes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		a, b := start(t, g, "a", services("x y z")), start(t, g, "b", services("z"))
		settled()
		wantHas(t, a, "x y")
		wantHas(t, b, "z")
		accounts, identities := b.Configured()
		if !accounts[prefetch.Account{Provider: "cdnetworks", Name: "x"}] || !identities["y"] || len(accounts) != 3 || len(identities) != 3 {
			t.Errorf("configured are %v, %v", accounts, identities)
		}
		b.Serve(nil)
		settled()
		wantHas(t, a, "x y z")
		wantHas(t, b, "")
	})
}

// A hand-over that takes long, and a store that answers late, keep nobody from hearing
// what others store.
func TestNothingWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl, Fault: func(_, request string) (f storetest.Fault) {
			if request == "claim" {
				f.Delay = 900 * time.Millisecond
			}
			return f
		}})
		a := start(t, g, "a", services("x y"))
		time.Sleep(500 * time.Millisecond)
		a.forget()
		storetest.Write(t, a.member, storetest.Put(store.Tasks, "s", "during a claim", ""))
		synctest.Wait()
		a.want(t, "heard during a claim")
		settled()
		wantHas(t, a, "x y")

		a.mu.Lock()
		a.releases = 20 * time.Second
		a.mu.Unlock()
		b := start(t, g, "b", services("x y"))
		settled()
		a.forget()
		storetest.Write(t, b.member, storetest.Put(store.Submitted, "s", "during a release", ""))
		synctest.Wait()
		a.want(t, "heard during a release", "put during a release")
		wantHas(t, b, "")
		time.Sleep(20 * time.Second)
		wantHas(t, b, "x")
		wantHas(t, a, "y")
		a.mu.Lock()
		a.releases = 0
		a.mu.Unlock()
	})
}

// Accounts that replicas have configured differently are told once of each change.
func TestDiffers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		x, y := prefetch.Account{Provider: "cdnetworks", Name: "x"}, prefetch.Account{Provider: "cdnetworks", Name: "y"}
		other := func(fingerprint string, limit prefetch.Limit) []replica.Service {
			s := services("x y")
			s[0].Calls, s[0].Per, s[0].Accounts = limit.Calls, limit.Per, map[string]string{replica.AccountKey(x): fingerprint}
			return s
		}
		strict := prefetch.Limit{Calls: 1, Per: time.Hour}
		a := start(t, g, "a", services("x y"))
		settled()
		a.forget()
		b := start(t, g, "b", other("another", strict))
		synctest.Wait()
		a.want(t, fmt.Sprintf("limits x [%v]", strict), fmt.Sprintf("limits y [%v]", prefetch.Limit{Calls: 1, Per: time.Minute}))
		settled()
		for _, p := range []*process{a, b} {
			if !p.Differs(x) || p.Differs(y) {
				t.Error("not x alone differs")
			}
		}
		if a.log.count("WARN", "configured differently", "account=x", "replica=a", "other=b") != 1 || a.log.count("WARN") != 1 {
			t.Error(a.log.text.String())
		}
		b.Serve(other("a third", strict))
		settled()
		if a.log.count("WARN", "other=b") != 2 || b.log.count("WARN", "replica=b", "other=a") != 2 {
			t.Error(a.log.text.String())
		}
		a.forget()
		a.Serve(append(services("x y"), service("z"))) // the poller may have begun anew with any of them
		synctest.Wait()
		a.want(t, fmt.Sprintf("limits x [%v]", strict), fmt.Sprintf("limits y [%v]", prefetch.Limit{Calls: 1, Per: time.Minute}), "take over z")
		a.Serve(services("x y"))
		b.Serve(other("print", strict))
		settled()
		a.forget()
		if a.Differs(x) || b.Differs(x) {
			t.Error("what is the same again differs")
		}
		b.end(t)
		settled()
		a.want(t, "limits x []", "limits y []", "take over x")
	})
}

// While replicas of an older version are there, a newer one owns nothing.
func TestVersions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		old := start(t, g, "old", services("x y"))
		newer := start(t, g, "newer", services("x y"), func(o *replica.Options) { o.Version = 4 })
		settled()
		settled()
		wantHas(t, old, "x y")
		wantHas(t, newer, "")
		old.end(t)
		settled()
		wantHas(t, newer, "x y")
	})
}

// What another replica registers may be anything.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		a := start(t, g, "a", services("x"))
		for name, value := range map[string]string{"nonsense": "nonsense", "none": "{}", "silent": ""} {
			m := g.Join(name)
			go func() { _ = m.Run(t.Context()) }()
			m.Register([]byte(value))
		}
		settled()
		wantHas(t, a, "x")
		if a.Replicas() != 4 || a.log.count("WARN") != 2 || a.log.count("WARN", "replica=nonsense") != 1 || a.log.count("WARN", "replica=none") != 1 {
			t.Errorf("%d replicas: %s", a.Replicas(), a.log.text.String())
		}
	})
}

// The end waits for what is under way, and no longer than the grace.
func TestEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		a := start(t, g, "a", services("x y z"))
		settled()
		a.mu.Lock()
		a.releases = 3 * time.Second
		a.mu.Unlock()
		began := time.Now()
		a.stop()
		time.Sleep(time.Second)
		synctest.Wait()
		if says := string(a.member.Members()["a"]); !strings.Contains(says, `"services":[]`) {
			t.Errorf("others may leave identities to it while it ends: it says %s", says)
		}
		a.end(t)
		if took := time.Since(began); took != 3*time.Second || len(g.Owners()) > 0 || len(a.member.Members()) > 1 {
			t.Errorf("ended after %v: owners %v", took, g.Owners())
		}

		b := start(t, g, "b", services("x y z"), func(o *replica.Options) { o.Grace = 7 * time.Second })
		settled()
		b.mu.Lock()
		b.releases = -1
		b.mu.Unlock()
		began = time.Now()
		b.end(t)
		if took := time.Since(began); took != 7*time.Second || len(g.Owners()) > 0 || b.log.count("WARN", "not everything was handed over") != 1 {
			t.Errorf("ended after %v: owners %v", took, g.Owners())
		}
	})
}

// A claim that is answered during the end is given up at once.
func TestEndDuringClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl, Fault: func(_, request string) (f storetest.Fault) {
			if request == "claim" {
				f.Delay = 500 * time.Millisecond
			}
			return f
		}})
		a := start(t, g, "a", services("x"))
		time.Sleep(100 * time.Millisecond)
		a.end(t)
		a.want(t, "reload what was put", "reload")
		if len(g.Owners()) > 0 {
			t.Error("it owns something")
		}
	})
}

// The store's own end is the replica's.
func TestStoreEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		start(t, g, "a", services("x"))
		settled()
		twin := start(t, g, "a", services("x"))
		if err := <-twin.done; !errors.Is(err, storetest.ErrName) {
			t.Errorf("ended with %v", err)
		}
		twin.done <- nil
		wantHas(t, twin, "")
	})
}

// What cannot be read here is left to the others, and tried again where there are none.
func TestCannotTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		a := start(t, g, "a", nil)
		a.mu.Lock()
		a.fails = errors.New("damaged")
		a.mu.Unlock()
		a.Serve(services("x"))
		settled()
		wantHas(t, a, "")
		if n := a.log.count("ERROR", "cannot ask for accounts", "damaged"); n < 2 || n > 6 || a.log.count("ERROR", "put cannot be read") != 1 {
			t.Errorf("%d times: %s", n, a.log.text.String())
		}
		a.mu.Lock()
		a.fails = nil
		a.mu.Unlock()
		settled()
		wantHas(t, a, "x")
	})
}

// All that the store tells is handed on in its order.
func TestOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl})
		a := start(t, g, "a", nil)
		synctest.Wait()
		var want []string
		for i := range 50 {
			key := fmt.Sprint(i)
			storetest.Write(t, a.member, storetest.Put(store.Tasks, "s", key, ""))
			want = append(want, "heard "+key)
		}
		synctest.Wait()
		a.want(t, append([]string{"reload what was put", "reload"}, want...)...)
		a.member.LoseWatch()
		synctest.Wait()
		a.want(t, "reload what was put", "reload")
		g.Restore(nil)
		synctest.Wait()
		a.want(t, "rewound", "reload what was put", "reload")
	})
}
