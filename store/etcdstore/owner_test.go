package etcdstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// call is an entry of the ledger of an identity "id".
func call(key, value string) store.Op { return put(store.Ledger, "id", key, value) }

// TestOwner hands an identity from one replica to another in every way there is.
func TestOwner(t *testing.T) {
	t.Parallel()
	o := options(etcdtest.Start(t, etcdtest.Options{}).Endpoints())
	a, b := ready(t, o), ready(t, as(o, "b"))
	a.Register([]byte("serves"))
	eventually(t, "b sees a", func() bool { return string(b.Members()["a"]) == "serves" && len(b.Members()) == 2 })

	claim(t, a, "id")
	if won, err := b.Claim(t.Context(), "id"); won || err != nil {
		t.Errorf("b claimed what a owns: %v, %v", won, err)
	}
	if won, err := a.Claim(t.Context(), "id"); !won || err != nil {
		t.Errorf("a claimed what it owns: %v, %v", won, err)
	}
	eventually(t, "b sees the owner", func() bool {
		name, since := b.Owner("id")
		return name == "a" && time.Since(since) < patience && b.Owners()["id"] == "a" && !b.Owns("id") && a.Owns("id")
	})
	write(t, a.Owned("id"), put(store.Tasks, "vod", "1", "of a"))
	wantErr(t, b.Owned("id").Write(put(store.Tasks, "vod", "1", "of b")), store.ErrNotOwner)
	wantErr(t, b.Owned("id").Write(call("1", "begun")), store.ErrNotOwner)

	if err := errors.Join(b.Resign(t.Context(), "id"), a.Resign(t.Context(), "id")); err != nil {
		t.Fatal(err)
	}
	if a.Owns("id") {
		t.Error("a owns what it resigned")
	}
	claim(t, b, "id")
	if got := content(t, b, store.Tasks); len(got) != 1 || got[0] != "vod/1=of a" {
		t.Errorf("after the claim b has %q", got)
	}
	eventually(t, "a hears of b", func() bool { name, _ := a.Owner("id"); return name == "b" })

	// The end of a replica ends what it owns at once.
	before := time.Now()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	claim(t, a, "id")
	if took := time.Since(before); took > ttl/2 {
		t.Errorf("a took over %v after b ended", took)
	}
	if _, there := a.Members()["b"]; there {
		t.Error("b is there still")
	}
}

// TestCharge: a charge compares the head, and whoever made a call may end it.
func TestCharge(t *testing.T) {
	t.Parallel()
	o := options(etcdtest.Start(t, etcdtest.Options{}).Endpoints())
	a, b := ready(t, o), ready(t, as(o, "b"))
	claim(t, a, "id")
	mine := a.Owned("id")
	for _, key := range []string{"1", "2", "3"} {
		write(t, mine, call(key, "begun"))
	}
	write(t, mine, call("4", "begun"), remove(store.Ledger, "id", "1"), call("2", "ended"))
	eventually(t, "b heard", func() bool { return b.told.hears(call("4", "begun")) && b.told.hears(remove(store.Ledger, "id", "1")) })

	if err := a.Resign(t.Context(), "id"); err != nil {
		t.Fatal(err)
	}
	claim(t, b, "id")
	wantErr(t, mine.Write(call("5", "begun")), store.ErrNotOwner)
	if err := mine.Write(call("3", "ended")); err != nil {
		t.Errorf("ending a call after it was deposed: %v", err)
	}
	write(t, b.Owned("id"), call("5", "begun"))
	write(t, b.Owned("id"), call("3", "ended"), remove(store.Ledger, "id", "never"))
	want := []string{"id/2=ended", "id/3=ended", "id/4=begun", "id/5=begun"}
	for _, r := range []*replica{a, b} {
		eventually(t, "both have the ledger", func() bool { return equal(content(t, r, store.Ledger), want) })
	}
}

// TestLargeCharge deletes more with a charge than fits into a transaction.
func TestLargeCharge(t *testing.T) {
	t.Parallel()
	a := ready(t, options(etcdtest.Start(t, etcdtest.Options{}).Endpoints()))
	claim(t, a, "id")
	var spent []store.Op
	for i := range 300 {
		key := "spent" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		if err := a.Owned("id").Write(call(key, "ended")); err != nil {
			t.Fatal(err)
		}
		spent = append(spent, remove(store.Ledger, "id", key))
	}
	write(t, a.Owned("id"), append(spent, call("1", "begun"))...)
	if got := content(t, a, store.Ledger); !equal(got, []string{"id/1=begun"}) {
		t.Errorf("the ledger has %q", got)
	}
	for i := range spent {
		spent[i].Value = []byte("begun")
	}
	if err := a.Owned("id").Write(spent...); err == nil {
		t.Error("300 calls were charged at once")
	}
}

// TestUnknownCharge cuts the answers off: the charge happens, nobody hears so, and
// what was charged comes to light.
func TestUnknownCharge(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, c)
	o := options(network.Endpoints())
	a := ready(t, o)
	claim(t, a, "id")
	write(t, a.Owned("id"), call("1", "begun"))
	network.CutAnswers()
	wantErr(t, a.Owned("id").Write(call("2", "begun")), store.ErrUnknown)
	network.Mend()
	eventually(t, "the charge comes to light", func() bool { return a.told.hears(call("2", "begun")) })
	// Nothing left for it: whoever made it deletes it, and may charge again.
	eventually(t, "a owns it again", func() bool {
		won, err := a.Claim(t.Context(), "id")
		return won && err == nil
	})
	write(t, a.Owned("id"), remove(store.Ledger, "id", "2"))
	write(t, a.Owned("id"), call("3", "begun"))
	if got := content(t, a, store.Ledger); !equal(got, []string{"id/1=begun", "id/3=begun"}) {
		t.Errorf("the ledger has %q", got)
	}
}

// TestCutOff: a replica that hears nothing knows by its own clock that it owns
// nothing any more, before another one may take over; which it may, though what the
// replica says may still arrive.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(n *etcdtest.Network){
		"both ways": (*etcdtest.Network).Cut,
		"answers":   (*etcdtest.Network).CutAnswers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cutOff(t, cut)
		})
	}
}

func cutOff(t *testing.T, cut func(n *etcdtest.Network)) {
	t.Helper()
	c := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, c)
	o := options(network.Endpoints())
	a := ready(t, o)
	o.Endpoints = c.Endpoints()
	b := ready(t, as(o, "b"))
	claim(t, a, "id")
	write(t, a.Owned("id"), put(store.Tasks, "vod", "1", "of a"))
	eventually(t, "b sees the owner", func() bool { name, _ := b.Owner("id"); return name == "a" })
	cut(network)
	const pinged = 12 * time.Second // gRPC itself needs longer to see that nobody answers
	for end := time.Now().Add(pinged); ; {
		if time.Now().After(end) {
			t.Fatal("nobody can take over while a is cut off")
		}
		won, err := b.Claim(t.Context(), "id")
		if won && a.Owns("id") {
			t.Fatal("both own it")
		}
		if won && err == nil {
			break
		}
		pause()
	}
	if up, since := a.Up(); up || time.Since(since) > patience {
		t.Errorf("a is up: %v since %v", up, since)
	}
	write(t, b.Owned("id"), put(store.Tasks, "vod", "1", "of b"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if won, _ := a.Claim(ctx, "other"); won {
		t.Error("a claimed something while it is cut off")
	}
	// What a thought to write while it was cut off changes nothing when it is back.
	if err := a.Owned("id").Write(call("1", "begun")); err == nil {
		t.Error("a charged while it is cut off")
	}
	network.Mend()
	eventually(t, "a is back", func() bool { up, _ := a.Up(); return up })
	wantErr(t, a.Owned("id").Write(put(store.Tasks, "vod", "1", "late of a")), store.ErrNotOwner)
	eventually(t, "a has what b wrote", func() bool { return equal(content(t, a, store.Tasks), []string{"vod/1=of b"}) })
	if got := content(t, b, store.Ledger); got != nil {
		t.Errorf("the ledger has %q", got)
	}
}

// TestName: of two replicas with one name the second ends, unless the first was it
// before a restart.
func TestName(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, c)
	o := options(network.Endpoints())
	a := ready(t, o)
	o.Endpoints = c.Endpoints()
	second := run(t, o)
	eventually(t, "the second ends", second.over)
	wantErr(t, second.stop(), etcdstore.ErrName)
	if up, _ := a.Up(); !up {
		t.Error("the first is not up")
	}
	network.Cut()
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	ready(t, o)
}
