package etcdstore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

// ctl runs etcdctl.
func ctl(t testing.TB, c *etcdtest.Cluster, args ...string) string {
	t.Helper()
	out, err := c.Ctl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMembers kills, stops and restarts members under a replica that writes: it loses
// neither its lease nor a write.
func TestMembers(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{Members: 3})
	o := options(c.Endpoints())
	o.LeaseTTL = 5 * time.Second
	a, b := ready(t, o), ready(t, as(o, "b"))
	claim(t, a, "id")
	written := 0
	work := func(what string) {
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); written++ {
			if err := a.Owned("id").Write(put(store.Tasks, "vod", "1", fmt.Sprint(written))); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		if up, _ := a.Up(); !up || !a.Owns("id") {
			t.Errorf("%s: a is not up", what)
		}
	}
	leads := func() *etcdtest.Member {
		t.Helper()
		leader, err := c.Leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return leader
	}
	follows := func() *etcdtest.Member {
		leader := leads()
		i := slices.IndexFunc(c.Members(), func(m *etcdtest.Member) bool { return m != leader })
		return c.Members()[i]
	}
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	member := follows()
	must(member.Pause())
	work("a member hangs")
	must(member.Resume())
	member = follows()
	must(member.Kill())
	work("a member was killed")
	must(member.Start(), c.WaitReady(t.Context()))
	member = leads()
	must(member.Pause())
	work("the leader hangs")
	must(member.Resume(), c.WaitReady(t.Context()))
	work("the leader woke")
	eventually(t, "b has the last", func() bool { return equal(content(t, b, store.Tasks), []string{"vod/1=" + fmt.Sprint(written-1)}) })
	t.Logf("%d writes", written)
}

// TestCompaction: the watch is lost, and what it did not bring is compacted.
func TestCompaction(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, c)
	o := options(network.Endpoints())
	o.LeaseTTL = 20 * time.Second
	a := ready(t, o)
	o.Endpoints = c.Endpoints()
	b := ready(t, as(o, "b"))
	write(t, a, put(store.Tasks, "vod", "stays", "1"), put(store.Tasks, "vod", "goes", "1"))
	eventually(t, "b has it", func() bool { return len(content(t, b, store.Tasks)) == 2 })
	network.Break()
	write(t, b, put(store.Tasks, "vod", "comes", "1"), remove(store.Tasks, "vod", "goes"))
	write(t, b, put(store.Tasks, "vod", "comes", "2"))
	fields := strings.Fields(ctl(t, c, "get", o.Prefix+"/format", "--write-out=fields"))
	revision := fields[slices.Index(fields, `"Revision"`)+2]
	ctl(t, c, "compact", revision)
	if got := content(t, a, store.Tasks); len(got) != 2 {
		t.Errorf("a lost what it had: %q", got)
	}
	network.Mend()
	eventually(t, "a has loaded anew", func() bool { return a.told.loads() == 2 })
	if got := content(t, a, store.Tasks); !equal(got, []string{"vod/comes=2", "vod/stays=1"}) {
		t.Errorf("got %q", got)
	}
	if a.told.rewinds() != 0 {
		t.Error("a compaction was taken for a backup")
	}
}

func (f *follower) rewinds() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.rewound
}

// TestRestore restores a backup under two replicas.
func TestRestore(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	o := options(c.Endpoints())
	a, b := ready(t, o), ready(t, as(o, "b"))
	if a.State() == b.State() {
		t.Errorf("both found the prefix %v", a.State())
	}
	claim(t, a, "id")
	write(t, a.Owned("id"), call("1", "begun"))
	file := filepath.Join(t.TempDir(), "snapshot")
	if err := c.Snapshot(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		write(t, a.Owned("id"), call(fmt.Sprint(2+i), "begun"))
	}
	if _, ok := a.Recovery(); ok {
		t.Error("recovered before anything was lost")
	}
	if err := c.Restore(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*replica{a, b} {
		eventually(t, "they know", func() bool { return r.told.rewinds() == 1 && r.told.loads() == 2 })
		eventually(t, "they have what is there", func() bool { return equal(content(t, r, store.Ledger), []string{"id/1=begun"}) })
	}
	claim(t, a, "id")
	write(t, a.Owned("id"), call("22", "begun"))
	if at, ok := ready(t, as(o, "c")).Recovery(); !ok || time.Since(at) > patience {
		t.Errorf("a late replica was told of %v, %v", at, ok)
	}
}

// TestEmptied deletes everything under two replicas.
func TestEmptied(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	o := options(c.Endpoints())
	a, b := ready(t, o), ready(t, as(o, "b"))
	claim(t, a, "id")
	write(t, a.Owned("id"), call("1", "begun"))
	ctl(t, c, "del", "--prefix", o.Prefix+"/")
	for _, r := range []*replica{a, b} {
		eventually(t, "they know", func() bool { return r.told.rewinds() == 1 && r.told.loads() == 2 && len(r.Members()) == 2 })
	}
	claim(t, b, "id")
	write(t, b.Owned("id"), call("2", "begun"))
	eventually(t, "a has it", func() bool { return equal(content(t, a, store.Ledger), []string{"id/2=begun"}) })
}

// TestNoSpace fills the database: owners stay owners and can write nothing, and after
// it was repaired all goes on.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{Flags: []string{"--quota-backend-bytes=4000000"}})
	o := options(c.Endpoints())
	var failed atomic.Int64
	o.OnError = func(reason string) {
		if reason == store.ReasonWrite {
			failed.Add(1)
		}
	}
	a := ready(t, o)
	claim(t, a, "id")
	full := errors.New("not full")
	eventually(t, "it is full", func() bool {
		full = a.Owned("id").Write(store.Op{Table: store.Tasks, Scope: "vod", Key: "1", Value: noise(500_000)})
		return full != nil
	})
	if !strings.Contains(full.Error(), "database space exceeded") {
		t.Errorf("got %v", full)
	}
	began := time.Now()
	for range 3 {
		if err := a.Owned("id").Write(call("1", "begun")); err == nil || errors.Is(err, store.ErrUnknown) {
			t.Errorf("a charge: %v", err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("three refusals took %v", took)
	}
	eventually(t, "it lasts longer than the lease", func() bool { return time.Since(began) > ttl+ttl/2 })
	if up, _ := a.Up(); !up || !a.Owns("id") {
		t.Error("a is no owner any more")
	}
	if n := strings.Count(a.log.String(), "Writing to etcd fails"); n != 1 || failed.Load() < 4 {
		t.Errorf("logged %d times, %d errors:\n%s", n, failed.Load(), a.log)
	}
	fields := strings.Fields(ctl(t, c, "get", o.Prefix+"/format", "--write-out=fields"))
	ctl(t, c, "compact", fields[slices.Index(fields, `"Revision"`)+2])
	ctl(t, c, "defrag")
	ctl(t, c, "alarm", "disarm")
	write(t, a.Owned("id"), call("1", "begun"))
}

// TestUsers: a role on the prefix is enough, a password is read again, and tokens run
// out.
func TestUsers(t *testing.T) {
	t.Parallel()
	for name, binary := range map[string]string{"current": "", "installed": installed(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := etcdtest.Start(t, etcdtest.Options{Binary: binary, Flags: []string{"--auth-token-ttl=2", "--bcrypt-cost=4"}})
			o := options(c.Endpoints())
			ctl(t, c, "user", "add", "root:secret")
			ctl(t, c, "user", "grant-role", "root", "root")
			ctl(t, c, "user", "add", "prefetch:first")
			ctl(t, c, "role", "add", "prefetch")
			ctl(t, c, "role", "grant-permission", "prefetch", "readwrite", "--prefix", o.Prefix+"/")
			ctl(t, c, "user", "grant-role", "prefetch", "prefetch")
			ctl(t, c, "auth", "enable")
			var password atomic.Value
			password.Store("wrong")
			o.Username, o.Password = "prefetch", func() string { return fmt.Sprint(password.Load()) }
			a := run(t, o)
			eventually(t, "it says so", func() bool { return strings.Contains(a.log.String(), "invalid user ID or password") })
			if strings.Contains(a.log.String(), "wrong") {
				t.Errorf("the password is in the log:\n%s", a.log)
			}
			password.Store("first")
			eventually(t, "it is in", func() bool { up, _ := a.Up(); return up })
			claim(t, a, "id")
			began := time.Now()
			for i := 0; time.Since(began) < 5*time.Second; i++ {
				write(t, a.Owned("id"), call("1", fmt.Sprint(i)))
			}
			if up, _ := a.Up(); !up || !a.Owns("id") {
				t.Error("it lost its lease when tokens ran out")
			}
			if strings.Contains(a.log.String(), "lost") {
				t.Errorf("log:\n%s", a.log)
			}
		})
	}
}

// TestNewPassword changes the password under a replica that runs.
func TestNewPassword(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{Flags: []string{"--auth-token-ttl=1", "--bcrypt-cost=4"}})
	o := options(c.Endpoints())
	ctl(t, c, "user", "add", "root:first")
	ctl(t, c, "user", "grant-role", "root", "root")
	ctl(t, c, "auth", "enable")
	var password atomic.Value
	password.Store("first")
	o.Username, o.Password = "root", func() string { return fmt.Sprint(password.Load()) }
	a := ready(t, o)
	admin, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Username: "root", Password: "first", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.UserChangePassword(t.Context(), "root", "second"); err != nil {
		t.Fatal(err)
	}
	password.Store("second")
	began := time.Now()
	eventually(t, "it is in for longer than the lease", func() bool {
		up, since := a.Up()
		return up && time.Since(began) > 2*ttl && time.Since(since) > 0
	})
	write(t, a, put(store.Tasks, "vod", "1", "1"))
}

// TestTLS: client certificates, and an endpoint that proves itself by another
// authority.
func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, err := etcdtest.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	others, err := etcdtest.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := etcdtest.Start(t, etcdtest.Options{TLS: certificate})
	o := options(c.Endpoints())
	o.TLS = config(t, certificate)
	write(t, ready(t, o), put(store.Tasks, "vod", "1", "1"))
	o.TLS = config(t, others)
	stranger := run(t, as(o, "b"))
	eventually(t, "it says so", func() bool {
		text := stranger.log.String()
		return strings.Contains(text, "No etcd endpoint answers") && strings.Contains(text, c.Endpoints()[0]) &&
			strings.Contains(text, "scheme=https") && strings.Contains(text, "unknown authority")
	})
}

// TestAway starts a replica before etcd.
func TestAway(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	if err := c.Members()[0].Kill(); err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int64
	o := options(c.Endpoints())
	o.OnError = func(string) { failed.Add(1) }
	a := run(t, o)
	wantErr(t, a.Write(put(store.Tasks, "vod", "1", "1")), store.ErrNotLoaded)
	wantErr(t, a.Scan(store.Tasks, nil), store.ErrNotLoaded)
	if won, err := a.Claim(t.Context(), "id"); won || err == nil {
		t.Errorf("claimed: %v, %v", won, err)
	}
	eventually(t, "it says so", func() bool { return strings.Contains(a.log.String(), "No etcd endpoint answers") })
	if up, _ := a.Up(); up || a.Loaded() || a.Hanging() != 0 || failed.Load() == 0 {
		t.Errorf("up %v, loaded %v, %d errors", up, a.Loaded(), failed.Load())
	}
	if err := c.Members()[0].Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is up", func() bool { up, _ := a.Up(); return up })
	write(t, a, put(store.Tasks, "vod", "1", "1"))
	if n := strings.Count(a.log.String(), "No etcd endpoint answers"); n != 1 || !strings.Contains(a.log.String(), "Etcd answers again") {
		t.Errorf("log:\n%s", a.log)
	}
	var group sync.WaitGroup
	group.Go(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	wantErr(t, a.Write(put(store.Tasks, "vod", "1", "1")), store.ErrClosed)
}
