package replicas_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// stoppedAfterCharge stops an exporter between the charge of a call and its first
// byte, and wakes it when others have taken its accounts and spent their budgets.
func stoppedAfterCharge(t testing.TB, s *site) string {
	t.Helper()
	client := s.client(t)
	defer client.Close()
	stop, when := s.stopUnaware, "before it knew that a call was charged"
	if s.random.IntN(2) == 0 {
		stop, when = s.stopConnecting, "while it connected to the vendor"
	}
	const tries = 20 // a call that somebody's end cut short holds its slot for half a minute
	for range tries {
		r, i := stop(t, client)
		if r == nil {
			s.busy(t, tryLimit) // for what waited for etcd's answers
			continue
		}
		down := s.busy(t, between(s, 2*time.Second, leaseTTL+5*time.Second))
		report(t, r.Signal(syscall.SIGCONT))
		return fmt.Sprintf("%s, for %s, %s, for %v", r.Name, i.name, when, down)
	}
	t.Fatalf("nobody charged anything in %d tries", tries)
	return ""
}

// tryLimit is for one try to stop an exporter: less than a lease, so that it does not
// lose it.
const tryLimit = 3 * time.Second

// stopUnaware stops an exporter when etcd has charged a call of it and the answer is
// under way. It returns nil if there was no such call.
func (s *site) stopUnaware(t testing.TB, client *clientv3.Client) (*replica, *identity) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tryLimit)
	defer cancel()
	r, i, head := s.charging(ctx, t, client)
	charges := client.Watch(ctx, head)
	r.network.CutAnswers()
	defer r.network.Mend()
	for told := range charges {
		for _, event := range told.Events {
			if strings.Contains(string(event.GetKv().GetValue()), r.Name) {
				report(t, r.Signal(syscall.SIGSTOP))
				return r, i
			}
		}
	}
	return nil, nil
}

// stopConnecting stops an exporter when it has charged a call and waits for the
// vendor's part of the TLS handshake. It returns nil if there was no such call.
func (s *site) stopConnecting(t testing.TB, client *clientv3.Client) (*replica, *identity) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tryLimit)
	defer cancel()
	r, i, _ := s.charging(ctx, t, client)
	stopped := make(chan struct{})
	dialled := sync.OnceFunc(func() {
		report(t, r.Signal(syscall.SIGSTOP))
		close(stopped)
	})
	i.dialled.Store(&dialled)
	defer i.dialled.Store(nil)
	select {
	case <-stopped:
		return r, i
	case <-ctx.Done():
		return nil, nil
	}
}

// charging chooses an identity that is asked every second, and returns also who
// owns it and the key that each charge of it changes.
func (s *site) charging(ctx context.Context, t testing.TB, client *clientv3.Client) (r *replica, i *identity, head string) {
	t.Helper()
	var often []*identity
	for _, candidate := range s.identities {
		if candidate.often() {
			often = append(often, candidate)
		}
	}
	i = often[s.random.IntN(len(often))]
	owners, err := client.Get(ctx, prefix+"/owner/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	_, host, _ := strings.Cut(i.url, "//")
	for _, owner := range owners.Kvs {
		escaped := strings.TrimPrefix(string(owner.GetKey()), prefix+"/owner/")
		key, err := url.PathUnescape(escaped)
		if err != nil || !strings.Contains(key, host) {
			continue
		}
		for _, candidate := range s.replicas {
			if strings.Contains(string(owner.GetValue()), candidate.Name) {
				return candidate, i, prefix + "/head/" + escaped
			}
		}
	}
	t.Fatalf("nobody owns %s: %v", i.name, owners.Kvs)
	return nil, nil, ""
}

// client connects to etcd itself, past the exporters' networks.
func (s *site) client(t testing.TB) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: s.etcd.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
