package etcdstore_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore"
	"prefetch_exporter/store/etcdstore/etcdtest"
	"prefetch_exporter/store/storetest"
)

// renamed is a migration that writes values in capitals and accounts under another
// scope, and leaves out what was submitted.
func renamed(r store.Op) (store.Op, error) {
	r.Value = bytes.ToUpper(r.Value)
	switch r.Table {
	case store.Accounts:
		r.Scope = "new-" + r.Scope
	case store.Submitted:
		r.Value = nil
	case store.Ledger, store.Tasks:
	}
	return r, nil
}

// TestRollingUpgrade: a newer replica reads what older ones write, waits for the last
// of them to end, and converts; an older one that starts then ends with an error.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	o := options(etcdtest.Start(t, etcdtest.Options{}).Endpoints())
	old := ready(t, o)
	large := bytes.Repeat([]byte("x"), 2000)
	write(t, old, put(store.Tasks, "vod", "1", "a"), store.Op{Table: store.Tasks, Scope: "vod", Key: "2", Value: noise(2 << 20)},
		put(store.Accounts, "vod", "account", "b"), put(store.Submitted, "vod", "1", "c"), store.Op{Table: store.Tasks, Scope: "vod", Key: "3", Value: large})
	newer := as(o, "b")
	newer.Migrations = []store.Migration{renamed}
	b, c := ready(t, newer), ready(t, as(newer, "c"))
	check := func(r *replica) {
		t.Helper()
		if got := content(t, r, store.Accounts); !equal(got, []string{"new-vod/account=B"}) {
			t.Errorf("accounts: %q", got)
		}
		if !bytes.Equal(value(t, r, "vod", "1"), []byte("A")) || !bytes.Equal(value(t, r, "vod", "2"), bytes.ToUpper(noise(2<<20))) ||
			!bytes.Equal(value(t, r, "vod", "3"), bytes.ToUpper(large)) {
			t.Error("tasks are not converted")
		}
		if got := content(t, r, store.Submitted); got != nil {
			t.Errorf("submitted: %q", got)
		}
	}
	check(b)
	wantErr(t, b.Write(put(store.Tasks, "vod", "1", "B")), store.ErrNotLoaded)
	if won, err := b.Claim(t.Context(), "id"); won || !errors.Is(err, store.ErrNotLoaded) {
		t.Errorf("b claimed: %v, %v", won, err)
	}
	eventually(t, "b says so", func() bool { return strings.Contains(b.log.String(), "Older replicas still run") })
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*replica{b, c} {
		eventually(t, "they may write", func() bool { return r.Write(put(store.Tasks, "new", "1", "n")) == nil })
		check(r)
	}
	check(ready(t, as(newer, "d")))
	late := run(t, o)
	eventually(t, "the older one ends", late.over)
	err := late.stop()
	wantErr(t, err, etcdstore.ErrNewer)
	if err == nil || !strings.Contains(err.Error(), "2, and this program knows 1") {
		t.Errorf("got %v", err)
	}
}

// TestOlderRuns: an older replica that runs ends when the format is raised. It does
// not happen unless somebody deletes its registration.
func TestOlderRuns(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	o := options(c.Endpoints())
	old := ready(t, o)
	ctl(t, c, "put", o.Prefix+"/format", `{"version":3}`)
	eventually(t, "it ends", old.over)
	wantErr(t, old.stop(), etcdstore.ErrNewer)
}

// TestImport copies a store in, and refuses to do so twice.
func TestImport(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	o := options(c.Endpoints())
	from := storetest.NewMemory()
	var ops []store.Op
	for _, table := range store.Tables() {
		ops = append(ops, put(table, "a/b", "1", "one"), put(table, "a/b", "2", ""), put(table, "ü\x00", "1", "two"))
	}
	for i := range 250 {
		ops = append(ops, put(store.Tasks, "many", string(rune('a'+i)), "1"))
	}
	ops = append(ops, store.Op{Table: store.Tasks, Scope: "vod", Key: "large", Value: noise(3 << 20)})
	write(t, from, ops...)

	// What an interrupted import leaves is refused by a replica, and replaced by the
	// next import.
	ctl(t, c, "put", o.Prefix+"/tasks/vod/left", "=1:over")
	half := run(t, o)
	eventually(t, "a replica refuses it", half.over)
	wantErr(t, half.stop(), etcdstore.ErrHalf)
	eventually(t, "its registration is gone", func() bool { return ctl(t, c, "get", "--prefix", o.Prefix+"/replicas") == "" })
	if err := etcdstore.Import(t.Context(), o, from); err != nil {
		t.Fatal(err)
	}
	a := ready(t, o)
	if a.State() != store.Existing {
		t.Errorf("state is %v", a.State())
	}
	for _, table := range store.Tables() {
		if got, want := content(t, a, table), content(t, from, table); !equal(got, want) {
			t.Errorf("%s differs", table)
		}
	}
	wantErr(t, etcdstore.Import(t.Context(), o, from), etcdstore.ErrInUse)

	broken := errors.New("broken")
	other := options(c.Endpoints())
	wantErr(t, etcdstore.Import(t.Context(), other, source{broken}), broken)
	if err := c.Members()[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := etcdstore.Import(t.Context(), other, from); err == nil || !strings.Contains(err.Error(), c.Endpoints()[0]) {
		t.Errorf("without etcd: %v", err)
	}
}

// source fails.
type source struct{ err error }

func (s source) Scan(store.Table, func(string, string, []byte) error) error { return s.err }

// TestDamaged: a record that cannot be read is told of, and kept out of what changes.
func TestDamaged(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	o := options(c.Endpoints())
	a := ready(t, o)
	for _, text := range []string{"no version", "=9:newer", "z1:not gzip", "+1:x/2", "+1:x", "?1:what"} {
		ctl(t, c, "put", o.Prefix+"/tasks/vod/1", text)
		ctl(t, c, "put", o.Prefix+"/accounts/vod/1", "=1:"+text)
		eventually(t, "it is told of", func() bool { return a.told.hears(put(store.Accounts, "vod", "1", text)) })
		if err := a.Scan(store.Tasks, func(string, string, []byte) error { return nil }); err == nil || !strings.Contains(err.Error(), `key "1"`) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if n := strings.Count(a.log.String(), "cannot be read"); n != 6 {
		t.Errorf("logged %d times:\n%s", n, a.log)
	}
	ctl(t, c, "put", o.Prefix+"/something/else", "1")
	write(t, a, put(store.Tasks, "vod", "1", "good"))
	if got := content(t, a, store.Tasks); !equal(got, []string{"vod/1=good"}) {
		t.Errorf("got %q", got)
	}
}
