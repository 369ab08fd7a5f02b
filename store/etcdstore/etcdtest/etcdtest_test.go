package etcdtest_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"prefetch_exporter/store/etcdstore/etcdtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, endpoints []string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// put puts a value, trying again until it succeeds or the limit has passed.
func put(t *testing.T, c *clientv3.Client, key, value string) error {
	t.Helper()
	const limit, attempt = 10 * time.Second, time.Second
	end := time.Now().Add(limit)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), attempt)
		_, err := c.Put(ctx, key, value)
		cancel()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// TestMembers kills, pauses and restarts members, and restores a snapshot.
func TestMembers(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{Members: 3})
	cl := client(t, c.Endpoints())
	if err := put(t, cl, "a", "1"); err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	if err := c.Snapshot(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := leader.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := put(t, cl, "b", "2"); err != nil {
		t.Errorf("with the leader hanging: %v", err)
	}
	process, ended := leader.PID(), leader.Ended()
	if err := errors.Join(leader.Resume(), leader.Kill(), leader.Kill()); err != nil {
		t.Fatal(err)
	}
	<-ended
	if process <= 0 || leader.PID() != 0 {
		t.Errorf("process %d before the kill, %d after it", process, leader.PID())
	}
	if err := leader.Pause(); err == nil {
		t.Error("a member that was killed was paused")
	}
	if err := put(t, cl, "c", "3"); err != nil {
		t.Errorf("with a member killed: %v", err)
	}
	if err := errors.Join(leader.Start(), c.WaitReady(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := leader.Start(); err == nil {
		t.Error("a member that runs was started")
	}
	if err := c.Members()[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Restore(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	out, err := c.Ctl(t.Context(), "get", "--prefix", "", "--print-value-only")
	if err != nil || strings.TrimSpace(out) != "1" {
		t.Errorf("after the snapshot was restored there is %q, %v; want 1", out, err)
	}
}

// TestNetwork cuts one client off.
func TestNetwork(t *testing.T) {
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Options{})
	network := etcdtest.Connect(t, c)
	cut, other := client(t, network.Endpoints()), client(t, c.Endpoints())
	if err := put(t, cut, "a", "1"); err != nil {
		t.Fatal(err)
	}
	get := func(key string) string {
		t.Helper()
		answer, err := other.Get(t.Context(), key)
		if err != nil || len(answer.Kvs) == 0 {
			return ""
		}
		return string(answer.Kvs[0].GetValue())
	}
	attempt := func(key string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := cut.Put(ctx, key, "1")
		return err
	}
	for _, test := range []struct {
		name    string
		begin   func()
		arrives bool
	}{
		{name: "cut", begin: network.Cut},
		{name: "answers", begin: network.CutAnswers, arrives: true},
		{name: "broken", begin: network.Break},
	} {
		test.begin()
		if err := attempt(test.name); err == nil {
			t.Errorf("%s: was answered", test.name)
		}
		if arrived := get(test.name) == "1"; arrived != test.arrives {
			t.Errorf("%s: arrived is %v", test.name, arrived)
		}
		network.Mend()
		if err := put(t, cut, "after", "1"); err != nil {
			t.Errorf("%s: after it was mended: %v", test.name, err)
		}
	}
}

// TestInstalled runs the oldest release that is supported.
func TestInstalled(t *testing.T) {
	t.Parallel()
	binary, err := etcdtest.Installed()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := etcdtest.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := etcdtest.Start(t, etcdtest.Options{Binary: binary, TLS: certificate})
	if out, err := c.Ctl(t.Context(), "put", "a", "1"); err != nil || strings.TrimSpace(out) != "OK" {
		t.Errorf("put: %q, %v", out, err)
	}
}

// TestUnknownFlag tells what a member said that did not start.
func TestUnknownFlag(t *testing.T) {
	t.Parallel()
	_, err := etcdtest.Run(t.Context(), etcdtest.Options{Flags: []string{"--no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("got %v", err)
	}
}
