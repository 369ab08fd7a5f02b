package txn_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/etcdtest"
	"prefetch_exporter/store/etcdstore/layout"
	"prefetch_exporter/store/etcdstore/mirror"
	"prefetch_exporter/store/etcdstore/txn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func commit(t *testing.T, transaction *txn.Transaction) *clientv3.TxnResponse {
	t.Helper()
	answer, err := transaction.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestTransaction: nothing changes unless all is as it is known to be, and the mirror
// learns what did.
func TestTransaction(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	connection := client.New(client.Options{Endpoints: cluster.Endpoints(), DialTimeout: time.Second})
	t.Cleanup(connection.Close)
	e := &txn.Etcd{Connection: connection, Mirror: mirror.New(), Prefix: "/p"}
	name := layout.Record(store.Tasks, "vod", "1")
	put := func(value string, known mirror.Entry) bool {
		t.Helper()
		x := e.Begin()
		x.Unchanged(name, known)
		x.Put(name, []byte(value), clientv3.NoLease)
		return commit(t, x).Succeeded
	}
	if !put("1", mirror.Entry{}) || put("2", mirror.Entry{}) {
		t.Error("a key that is there was made")
	}
	first := e.Mirror.Get(name)
	if !put("2", first) || put("3", first) {
		t.Error("a key that has changed was replaced")
	}
	if now := e.Mirror.Get(name); now.Created != first.Created || now.Modified <= first.Modified || string(now.Value) != "2" {
		t.Errorf("the mirror has %+v after %+v", now, first)
	}

	lease, err := client.Ask(t.Context(), connection, client.Limit, func(ctx context.Context, c *client.Etcd) (*clientv3.LeaseGrantResponse, error) {
		return c.Grant(ctx, 60)
	})
	if err != nil {
		t.Fatal(err)
	}
	owner := layout.Owner("id")
	x := e.Begin()
	x.Unchanged(owner, mirror.Entry{})
	x.Claim(owner, []byte("a"), lease.ID)
	x.OrGet(owner)
	commit(t, x)
	if e.Mirror.Get(owner).Created != 0 {
		t.Error("the mirror was told of a claim")
	}
	x = e.Begin()
	x.Unchanged(owner, mirror.Entry{})
	x.Claim(owner, []byte("b"), lease.ID)
	x.OrGet(owner)
	found, ok := txn.Found(owner, commit(t, x))
	if !ok || string(found.Value) != "a" || found.Lease != int64(lease.ID) {
		t.Errorf("found %+v, %v", found, ok)
	}
	for _, mine := range []mirror.Entry{
		found.Entry, {Created: found.Created, Lease: found.Lease + 1}, {Created: found.Created - 1, Lease: found.Lease}, {},
	} {
		x = e.Begin()
		x.Owner("id", mine)
		x.Put(name, []byte("owned"), clientv3.NoLease)
		answer := commit(t, x)
		if want := mine.Created == found.Created && mine.Lease == found.Lease; answer.Succeeded != want || !want && !x.Deposed(answer) {
			t.Errorf("as %+v: %v", mine, answer.Succeeded)
		}
	}
	// What else has changed does not make it deposed.
	x = e.Begin()
	x.Owner("id", found.Entry)
	x.Unchanged(name, first)
	if answer := commit(t, x); answer.Succeeded || x.Deposed(answer) {
		t.Error("an owner was deposed by a change of something else")
	}
	x = e.Begin()
	x.Unchanged(name, first)
	x.OrGet(layout.Owner("nobody"))
	answer := commit(t, x)
	if c, ok := txn.Found(layout.Owner("nobody"), answer); ok || c.Modified == 0 || x.Deposed(answer) {
		t.Errorf("found %+v", c)
	}
	if committed := e.Commits.Load(); committed != 4 {
		t.Errorf("%d were committed", committed)
	}
	x = e.Begin()
	x.RemoveAll()
	commit(t, x)
	x = e.Begin()
	x.Unchanged(name, e.Mirror.Get(name))
	x.Remove(name)
	if commit(t, x).Succeeded {
		t.Error("a key that is gone was as it was")
	}
	connection.Close()
	if _, err := e.Begin().Commit(t.Context()); err == nil {
		t.Error("a closed connection commits")
	}
}

// TestParts removes those of other versions, before and after the one that stays.
func TestParts(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	connection := client.New(client.Options{Endpoints: cluster.Endpoints()})
	t.Cleanup(connection.Close)
	e := &txn.Etcd{Connection: connection, Mirror: mirror.New(), Prefix: "/p"}
	name := layout.Record(store.Tasks, "vod", "1")
	sealed := func(unique string) layout.Sealed {
		s := layout.Sealed{Value: []byte("+1:" + unique + "/2")}
		for _, part := range layout.PartsOf(name, s.Value) {
			s.Parts = append(s.Parts, layout.Part{Name: part, Value: []byte("x")})
			x := e.Begin()
			x.Put(part, []byte("x"), clientv3.NoLease)
			commit(t, x)
		}
		return s
	}
	count := func() int { return len(e.Mirror.Scope(layout.Parts(name))) }
	sealed("a")
	sealed("c")
	b := sealed("b")
	for _, step := range []struct {
		sealed layout.Sealed
		want   int
	}{{b, 2}, {b, 2}, {layout.Sealed{}, 0}, {layout.Sealed{}, 0}} {
		x := e.Begin()
		x.RemoveParts(name, step.sealed)
		commit(t, x)
		there, err := cluster.Ctl(t.Context(), "get", "--prefix", "--count-only", "--write-out=fields", "/p/parts/")
		if err != nil {
			t.Fatal(err)
		}
		if got := count(); got != step.want || !contains(there, step.want) {
			t.Errorf("%d parts, want %d: %s", got, step.want, there)
		}
	}
}

func contains(fields string, count int) bool {
	return strings.Contains(fields, fmt.Sprintf("\"Count\" : %d\n", count))
}
