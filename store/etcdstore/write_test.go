package etcdstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

// noise is bytes that do not get smaller when they are compressed.
func noise(size int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	value := make([]byte, size)
	_, _ = source.Read(value)
	return value
}

// value returns what a replica has under (tasks, scope, key), nil if nothing.
func value(t testing.TB, r *replica, scope, key string) []byte { //nolint:unparam // who reads it wants to know
	t.Helper()
	var found []byte
	err := r.ScanScope(store.Tasks, scope, func(k string, v []byte) error {
		if k == key {
			found = bytes.Clone(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestLargeValues writes values that no request of etcd's takes, replaces and deletes
// them, and leaves nothing behind.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	o := options(c.Endpoints())
	a, b := ready(t, o), ready(t, as(o, "b"))
	parts := func() int {
		return strings.Count(ctl(t, c, "get", "--prefix", "--keys-only", o.Prefix+"/parts/"), o.Prefix)
	}
	large, other := noise(5<<20), noise(3<<20+7)
	for i, test := range []struct {
		value []byte
		parts int
	}{
		{large, 6}, {other, 4}, {large, 6}, {bytes.Repeat([]byte("row "), 1<<20), 0}, {large, 6}, {nil, 0},
	} {
		write(t, a, store.Op{Table: store.Tasks, Scope: "vod", Key: "1", Value: test.value}, put(store.Accounts, "vod", "a", fmt.Sprint(i)))
		if !bytes.Equal(value(t, a, "vod", "1"), test.value) {
			t.Errorf("%d: a has not what it wrote", i)
		}
		eventually(t, "b has it", func() bool {
			return equal(content(t, b, store.Accounts), []string{"vod/a=" + fmt.Sprint(i)}) && bytes.Equal(value(t, b, "vod", "1"), test.value)
		})
		if got := parts(); got != test.parts {
			t.Errorf("%d: %d parts are there, want %d", i, got, test.parts)
		}
	}
	eventually(t, "b heard the large ones", func() bool {
		return b.told.hears(store.Op{Table: store.Tasks, Scope: "vod", Key: "1", Value: large}) && b.told.hears(remove(store.Tasks, "vod", "1"))
	})
	if got := b.log.String() + a.log.String(); got != "" {
		t.Errorf("log:\n%s", got)
	}
	// A replica that starts later reads them, too.
	write(t, a, store.Op{Table: store.Tasks, Scope: "vod", Key: "1", Value: large})
	if late := ready(t, as(o, "c")); !bytes.Equal(value(t, late, "vod", "1"), large) {
		t.Error("a late replica has not what was written")
	}
}

// TestManyChanges writes more than a transaction takes: the account's record is the
// last to be seen.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	o := options(etcdtest.Start(t, etcdtest.Options{}).Endpoints())
	a, b := ready(t, o), ready(t, as(o, "b"))
	ops := []store.Op{put(store.Accounts, "vod", "account", "1")}
	for i := range 1000 {
		ops = append(ops, store.Op{Table: store.Tasks, Scope: "vod", Key: fmt.Sprint(i), Value: noise(5000)})
	}
	before := a.Stats()
	write(t, a, ops...)
	after := a.Stats()
	if commits := after.Commits - before.Commits; after.Writes-before.Writes != 1 || commits < 10 || commits > 20 {
		t.Errorf("%d transactions", commits)
	}
	eventually(t, "b has the account", func() bool {
		there := content(t, b, store.Accounts) != nil
		if n := len(content(t, b, store.Tasks)); there && n != 1000 {
			t.Fatalf("the account was there before the tasks, of which there were %d", n)
		}
		return there
	})
}

// TestBothWrite lets two replicas write the same keys at the same time: each write is
// whole, and both end with the same.
func TestBothWrite(t *testing.T) {
	t.Parallel()
	o := options(etcdtest.Start(t, etcdtest.Options{}).Endpoints())
	replicas := []*replica{ready(t, o), ready(t, as(o, "b"))}
	var group sync.WaitGroup
	for _, r := range replicas {
		group.Go(func() {
			for i := range 30 {
				v := fmt.Sprint(i)
				if err := r.Write(put(store.Submitted, "vod", "1", v), put(store.Submitted, "vod", "2", v)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	eventually(t, "both have the same", func() bool {
		return equal(content(t, replicas[0], store.Submitted), []string{"vod/1=29", "vod/2=29"}) &&
			equal(content(t, replicas[1], store.Submitted), []string{"vod/1=29", "vod/2=29"})
	})
}

// TestDeletesWhatItRead deletes what one replica has read while another puts something
// else there: that stays, whichever comes first and whether it was heard of or not.
func TestDeletesWhatItRead(t *testing.T) {
	t.Parallel()
	o := options(etcdtest.Start(t, etcdtest.Options{}).Endpoints())
	a, b := ready(t, o), ready(t, as(o, "b"))
	large := string(noise(1<<20 + 1))
	for i, old := range []string{"old", large, "old", "old", "old", "old", "old", "old"} {
		write(t, b, put(store.Submitted, "vod", "1", old))
		eventually(t, "it is heard of", func() bool { return equal(content(t, a, store.Submitted), []string{"vod/1=" + old}) })
		var both sync.WaitGroup
		both.Go(func() {
			if err := b.Write(put(store.Submitted, "vod", "1", "new")); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			for range 5 {
				if err := a.Write(store.Op{Table: store.Submitted, Scope: "vod", Key: "1", Was: []byte(old)}); err != nil {
					t.Error(err)
				}
			}
		})
		both.Wait()
		eventually(t, "both have what was put", func() bool {
			return equal(content(t, a, store.Submitted), []string{"vod/1=new"}) && equal(content(t, b, store.Submitted), []string{"vod/1=new"})
		})
		if t.Failed() {
			t.Fatalf("round %d", i)
		}
	}
}

// TestBothWriteLarge lets two replicas replace the same large value: each deletes the
// parts of the other, and what the value points to is always whole.
func TestBothWriteLarge(t *testing.T) {
	t.Parallel()
	o := options(etcdtest.Start(t, etcdtest.Options{}).Endpoints())
	replicas := []*replica{ready(t, o), ready(t, as(o, "b"))}
	large := noise(2<<20 + 1)
	var group sync.WaitGroup
	for _, r := range replicas {
		group.Go(func() {
			for range 8 {
				if err := r.Write(store.Op{Table: store.Tasks, Scope: "vod", Key: "1", Value: large}); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(value(t, r, "vod", "1"), large) {
					t.Error("it is not whole")
				}
			}
		})
	}
	group.Wait()
	if got := replicas[0].log.String() + replicas[1].log.String(); got != "" {
		t.Errorf("log:\n%s", got)
	}
}

// TestLate holds a transaction back until somebody else has written the key.
func TestLate(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, c)
	o := options(network.Endpoints())
	a := ready(t, o)
	o.Endpoints = c.Endpoints()
	b := ready(t, as(o, "b"))
	login := func(value string) store.Op { return put(store.Ledger, "login", "user", value) }
	write(t, a, login("0"))
	eventually(t, "b heard", func() bool { return b.told.hears(login("0")) })
	network.Cut()
	said := make(chan error, 1)
	go func() { said <- a.Write(login("of a")) }()
	write(t, b, login("of b"))
	network.Mend()
	wantErr(t, <-said, store.ErrMoved)
	eventually(t, "a has it", func() bool { return equal(content(t, a, store.Ledger), []string{"login/user=of b"}) })
}

// TestLateCreation holds the first try of a write back, until another try has
// succeeded and what it made was deleted again: nothing comes back.
func TestLateCreation(t *testing.T) {
	t.Parallel()
	const keys = 20
	c := etcdtest.Start(t, etcdtest.Options{})
	hangs := etcdtest.Connect(t, c)
	// One of three ways to etcd hangs.
	o := options([]string{hangs.Endpoints()[0], etcdtest.Connect(t, c).Endpoints()[0], etcdtest.Connect(t, c).Endpoints()[0]})
	o.LeaseTTL = 10 * time.Second
	a := ready(t, o)
	o.Endpoints = c.Endpoints()
	b := ready(t, as(o, "b"))
	var group sync.WaitGroup
	hangs.Cut()
	for i := range keys {
		group.Go(func() {
			eventually(t, "written", func() bool { return a.Write(put(store.Submitted, "vod", fmt.Sprint(i), "1")) == nil })
		})
	}
	group.Wait()
	eventually(t, "b has them", func() bool { return len(content(t, b, store.Submitted)) == keys })
	for i := range keys {
		write(t, b, remove(store.Submitted, "vod", fmt.Sprint(i)))
	}
	hangs.Mend()
	// What was held back has arrived when this has, which goes the same way.
	for range 3 * keys {
		write(t, a, put(store.Submitted, "other", "1", "1"))
	}
	if got := content(t, b, store.Submitted); len(got) > 1 {
		t.Errorf("came back: %q", got)
	}
}

// TestUnknownWrite cuts the answers off: the write is tried until it is heard to have
// happened.
func TestUnknownWrite(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, c)
	a := ready(t, options(network.Endpoints()))
	network.CutAnswers()
	said := make(chan error, 1)
	go func() { said <- a.Write(put(store.Submitted, "vod", "1", "1")) }()
	timer := time.NewTimer(1200 * time.Millisecond) // one try
	<-timer.C
	network.Mend()
	if err := <-said; err != nil {
		t.Error(err)
	}
	if got := content(t, a, store.Submitted); !equal(got, []string{"vod/1=1"}) {
		t.Errorf("got %q", got)
	}
}
