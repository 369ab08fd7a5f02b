package replica_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/store/storetest"
)

// A replica that is cut off is not deposed before the key is gone, since only the
// store knows whether another owns it; then it is, and takes part again.
func TestLostLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var unheard atomic.Bool
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl, Fault: func(member, request string) storetest.Fault {
			return storetest.Fault{NoAnswer: member == "a" && request == "renew" && unheard.Load()}
		}})
		a := start(t, g, "a", services("x y"))
		settled()
		b := start(t, g, "b", services("x y"))
		settled()
		wantHas(t, a, "y")
		a.forget()
		a.member.Cut()
		time.Sleep(8 * time.Second)
		a.want(t)
		wantHas(t, b, "x y")
		a.member.Mend()
		time.Sleep(time.Second)
		a.want(t, "depose y")
		if a.log.count("WARN", "its lease ended", "cdnetworks:y") != 1 {
			t.Error(a.log.text.String())
		}
		settled()
		wantHas(t, a, "x")
		wantHas(t, b, "y")

		// As long as the key is there, it keeps others away, and nothing is lost.
		a.forget()
		unheard.Store(true)
		time.Sleep(2 * ttl)
		if a.member.Owns("x") {
			t.Error("it owns by a renewal that nobody answered")
		}
		a.Serve(services("x y"))
		synctest.Wait()
		unheard.Store(false)
		settled()
		a.want(t)
		wantHas(t, a, "x")

		// A lease that ends although it is renewed does.
		g.Revoke("a")
		settled()
		settled()
		oneEach(t, g, a, b)
		if a.log.count("its lease ended") != 2 {
			t.Error(a.log.text.String())
		}
	})
}

// oneEach checks that the store and the replicas agree on one owner each, of x and y.
func oneEach(t *testing.T, g *storetest.Group, a, b *process) {
	t.Helper()
	owners := g.Owners()
	if len(owners) != 2 || owners["x"] == owners["y"] {
		t.Errorf("owners are %v", owners)
	}
	for identity, name := range owners {
		wantHas(t, map[string]*process{"a": a, "b": b}[name], identity)
	}
}

// What timed out and was heard all the same comes to light by the store, and is so for
// the replica, too.
func TestUnknownOutcomes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		faults := map[string][]storetest.Fault{
			"claim":  {{Lost: true}, {Delay: 4 * time.Second}, {Lost: true}, {Lost: true}, {Lost: true}, {Lost: true}, {Lost: true}},
			"resign": {{NoAnswer: true}, {Lost: true}, {Lost: true}, {Lost: true}, {Lost: true}},
		}
		g := storetest.NewGroup(storetest.GroupOptions{TTL: ttl, Fault: func(_, request string) (f storetest.Fault) {
			mu.Lock()
			defer mu.Unlock()
			if left := faults[request]; len(left) > 0 {
				f, faults[request] = left[0], left[1:]
			}
			return f
		}})
		a := start(t, g, "a", services("x"))
		time.Sleep(5 * time.Second)
		wantHas(t, a, "")
		time.Sleep(2500 * time.Millisecond)
		wantHas(t, a, "x")
		mu.Lock()
		faults["claim"] = nil
		mu.Unlock()

		a.forget()
		a.Serve(nil)
		synctest.Wait()
		if len(g.Owners()) != 0 {
			t.Error("the first resignation was not heard")
		}
		time.Sleep(10 * time.Second)
		a.want(t, "release x")

		a.Serve(services("x"))
		settled()
		wantHas(t, a, "x")
		a.Serve(nil)
		time.Sleep(20 * time.Second)
		wantHas(t, a, "")
		if len(g.Owners()) != 0 {
			t.Error("it keeps what it does not ask for")
		}
	})
}
