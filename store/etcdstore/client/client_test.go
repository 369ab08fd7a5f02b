package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"prefetch_exporter/store/etcdstore/client"
	"prefetch_exporter/store/etcdstore/etcdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, o client.Options) *client.Connection {
	t.Helper()
	c := client.New(o)
	t.Cleanup(c.Close)
	return c
}

func get(ctx context.Context, c *client.Etcd) (*clientv3.GetResponse, error) { return c.Get(ctx, "a") }

func TestAsk(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, cluster)
	c := connect(t, client.Options{Endpoints: network.Endpoints(), DialTimeout: time.Second})
	for range 2 {
		if _, err := client.Ask(t.Context(), c, client.Limit, get); err != nil {
			t.Fatal(err)
		}
	}
	network.Cut()
	began := time.Now()
	_, err := client.Ask(t.Context(), c, 100*time.Millisecond, get)
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > time.Second || client.Refused(err) {
		t.Errorf("a request that nobody answers: %v in %v", err, took)
	}
	network.Mend()
	c.Close()
	_, err = client.Ask(t.Context(), c, client.Limit, get)
	if !errors.Is(err, client.ErrNotConnected) || c.Context().Err() == nil {
		t.Errorf("after the end: %v", err)
	}
}

// Without etcd the reason is below its client: nobody listens.
func TestReason(t *testing.T) {
	t.Parallel()
	c := connect(t, client.Options{Endpoints: []string{"http://127.0.0.1:1"}})
	_, err := client.Ask(t.Context(), c, 200*time.Millisecond, get)
	if !errors.Is(err, context.DeadlineExceeded) || c.Reason() == nil || !strings.Contains(c.Reason().Error(), "connection refused") {
		t.Errorf("%v for %v", err, c.Reason())
	}
}

// With a user nothing is sent before there was a login, for which the next request
// does not wait.
func TestLoginTakesLong(t *testing.T) {
	t.Parallel()
	c := connect(t, client.Options{
		Endpoints: []string{"http://127.0.0.1:1"}, Username: "u", Password: func() string { return "p" }, DialTimeout: 300 * time.Millisecond,
	})
	first := make(chan error, 1)
	go func() {
		_, err := client.Ask(t.Context(), c, client.Limit, get)
		first <- err
	}()
	var second error
	for end := time.Now().Add(10 * time.Second); !errors.Is(second, context.DeadlineExceeded) && time.Now().Before(end); {
		_, second = client.Ask(t.Context(), c, time.Millisecond, get)
	}
	for _, err := range []error{<-first, second} {
		if !errors.Is(err, client.ErrNotConnected) || !client.Refused(err) || !client.Passing(err) {
			t.Errorf("got %v", err)
		}
	}
}

// A password that is refused is read again, a second later.
func TestPassword(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Options{Flags: []string{"--bcrypt-cost=4"}})
	for _, args := range [][]string{{"user", "add", "root:right"}, {"user", "grant-role", "root", "root"}, {"auth", "enable"}} {
		if _, err := cluster.Ctl(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	var logins atomic.Int64
	c := connect(t, client.Options{Endpoints: cluster.Endpoints(), Username: "root", DialTimeout: time.Second, Password: func() string {
		if logins.Add(1) == 1 {
			return "wrong"
		}
		return "right"
	}})
	began := time.Now()
	for tries := 0; ; tries++ {
		_, err := client.Ask(t.Context(), c, client.Limit, get)
		if err == nil {
			break
		}
		if !client.Passing(err) || time.Since(began) > 10*time.Second {
			t.Fatalf("got %v", err)
		}
	}
	if n := logins.Load(); n != 2 || time.Since(began) < time.Second {
		t.Errorf("%d logins in %v", n, time.Since(began))
	}
	// The same when it is refused to a client that was let in.
	refused := func(context.Context, *client.Etcd) (int, error) { return 0, rpctypes.ErrAuthFailed }
	if _, err := client.Ask(t.Context(), c, client.Limit, refused); !errors.Is(err, rpctypes.ErrAuthFailed) {
		t.Errorf("got %v", err)
	}
	if _, err := client.Ask(t.Context(), c, client.Limit, get); !errors.Is(err, client.ErrNotConnected) {
		t.Errorf("got %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err              error
		refused, passing bool
	}{
		{rpctypes.ErrNoSpace, true, false},
		{rpctypes.ErrPermissionDenied, true, false},
		{rpctypes.ErrTooManyOps, true, false},
		{rpctypes.ErrInvalidAuthToken, true, true},
		{rpctypes.ErrAuthOldRevision, true, true},
		{rpctypes.ErrAuthFailed, true, true},
		{rpctypes.ErrTooManyRequests, true, true},
		{client.ErrNotConnected, true, true},
		{rpctypes.ErrNoLeader, false, true},
		{rpctypes.ErrTimeout, false, true},
		{rpctypes.ErrTimeoutDueToLeaderFail, false, true},
		{context.DeadlineExceeded, false, true},
		{status.Error(codes.Unavailable, "connection reset"), false, true},
		{errors.New("whatever"), false, true},
	} {
		if refused, passing := client.Refused(test.err), client.Passing(test.err); refused != test.refused || passing != test.passing {
			t.Errorf("%v: refused %v, passing %v", test.err, refused, passing)
		}
	}
}
