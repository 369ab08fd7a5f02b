package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/etcdtest"
	"prefetch_exporter/store/etcdstore/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBehind(t *testing.T) {
	t.Parallel()
	at := feed.PlaceOf(&etcdserverpb.ResponseHeader{ClusterId: 1, RaftTerm: 5, Revision: 100})
	for name, test := range map[string]struct {
		header *etcdserverpb.ResponseHeader
		want   bool
	}{
		"same":            {&etcdserverpb.ResponseHeader{ClusterId: 1, RaftTerm: 5, Revision: 100}, false},
		"later":           {&etcdserverpb.ResponseHeader{ClusterId: 1, RaftTerm: 6, Revision: 101}, false},
		"older revision":  {&etcdserverpb.ResponseHeader{ClusterId: 1, RaftTerm: 6, Revision: 99}, true},
		"older term":      {&etcdserverpb.ResponseHeader{ClusterId: 1, RaftTerm: 4, Revision: 101}, true},
		"another cluster": {&etcdserverpb.ResponseHeader{ClusterId: 2, RaftTerm: 6, Revision: 101}, true},
	} {
		if got := at.Behind(test.header); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (feed.Place{}).Behind(&etcdserverpb.ResponseHeader{ClusterId: 1}) {
		t.Error("nothing is known, and it is behind")
	}
}

// TestFeed reads in pages, then hears what comes after, that nothing comes, and that
// history was compacted.
func TestFeed(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, cluster)
	connection := client.New(client.Options{Endpoints: network.Endpoints()})
	t.Cleanup(connection.Close)
	f := feed.Feed{Connection: connection, Prefix: "/a/"}
	put := func(key string) int64 {
		t.Helper()
		answer, err := client.Ask(t.Context(), connection, client.Limit, func(ctx context.Context, c *client.Etcd) (*clientv3.PutResponse, error) {
			return c.Put(ctx, key, "1")
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer.Header.GetRevision()
	}
	for i := range 7 {
		put(fmt.Sprintf("/a/%d", i))
	}
	put("/b/1")
	for _, page := range []int64{1, 3, 7, 100} {
		header, all, err := f.Read(t.Context(), page)
		if err != nil || len(all) != 7 || string(all[6].GetKey()) != "/a/6" || header.GetRevision() != 9 {
			t.Errorf("pages of %d: %d keys, %v, %v", page, len(all), header, err)
		}
	}
	put("/a/new")
	last := put("/b/2")
	if header, err := f.Where(t.Context()); err != nil || header.GetRevision() != last {
		t.Errorf("at %v, %v", header, err)
	}

	enough := errors.New("enough")
	var heard []string
	err := f.Watch(t.Context(), 9, func(said *clientv3.WatchResponse) error {
		for _, event := range said.Events {
			heard = append(heard, string(event.Kv.GetKey())) //nolint:protogetter // etcd's event has none
		}
		if said.IsProgressNotify() && len(heard) > 0 {
			heard = append(heard, fmt.Sprint(said.Header.GetRevision()))
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || strings.Join(heard, " ") != fmt.Sprintf("/a/new %d", last) {
		t.Errorf("heard %q, %v", heard, err)
	}

	began := time.Now()
	if err := f.Watch(t.Context(), last, func(said *clientv3.WatchResponse) error {
		if said.IsProgressNotify() {
			network.Cut()
			began = time.Now()
		}
		return nil
	}); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("silence was noticed after %v, %v", time.Since(began), err)
	}
	network.Mend()
	if _, err := cluster.Ctl(t.Context(), "compact", fmt.Sprint(last)); err != nil {
		t.Fatal(err)
	}
	if err := f.Watch(t.Context(), 3, func(said *clientv3.WatchResponse) error { return said.Err() }); !errors.Is(err, rpctypes.ErrCompacted) {
		t.Errorf("got %v", err)
	}
	connection.Close()
	if _, err := f.Where(t.Context()); err == nil {
		t.Error("a closed connection says where it is")
	}
	if _, _, err := f.Read(t.Context(), 1); err == nil {
		t.Error("a closed connection is read from")
	}
	if err := f.Watch(t.Context(), 1, nil); err == nil {
		t.Error("a closed connection is watched")
	}
}
