package etcdstore_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prefetch_exporter/store"
	"prefetch_exporter/store/etcdstore"
	"prefetch_exporter/store/etcdstore/etcdtest"
	"prefetch_exporter/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The words of the tests.
var put, remove, write, content = storetest.Put, storetest.Remove, storetest.Write, storetest.Content

// ttl is short, so that tests of a lost lease are.
const ttl = 2 * time.Second

// patience is how long anything may take that a test waits for.
const patience = 30 * time.Second

// prefixes keeps the tests of one cluster apart.
var prefixes atomic.Int64

// replica is a store that runs.
type replica struct {
	*etcdstore.DB

	told *follower
	stop func() error // ends Run and returns what it said
	over func() bool  // reports whether Run has ended
	log  *lines
}

// follower keeps what it is told.
type follower struct {
	mutex                  sync.Mutex
	loaded, rewound, moved int
	heard                  []store.Op
}

func (f *follower) Loaded()  { f.mutex.Lock(); f.loaded++; f.mutex.Unlock() }
func (f *follower) Rewound() { f.mutex.Lock(); f.rewound++; f.mutex.Unlock() }
func (f *follower) Moved()   { f.mutex.Lock(); f.moved++; f.mutex.Unlock() }
func (f *follower) Heard(ops []store.Op) {
	f.mutex.Lock()
	f.heard = append(f.heard, ops...)
	f.mutex.Unlock()
}

func (f *follower) loads() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.loaded
}

// hears reports whether a change was told.
func (f *follower) hears(want store.Op) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.ContainsFunc(f.heard, func(op store.Op) bool {
		return op.Table == want.Table && op.Scope == want.Scope && op.Key == want.Key &&
			(op.Value == nil) == (want.Value == nil) && string(op.Value) == string(want.Value)
	})
}

// lines is a log.
type lines struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

func newPrefix() string { return fmt.Sprintf("/test-%d", prefixes.Add(1)) }

// options are those of a replica on a new prefix.
func options(endpoints []string) etcdstore.Options {
	return etcdstore.Options{Endpoints: endpoints, Prefix: newPrefix(), Replica: "a", LeaseTTL: ttl, DialTimeout: time.Second}
}

// run runs a replica until the test ends, or it is stopped.
func run(t testing.TB, o etcdstore.Options) *replica {
	t.Helper()
	r := &replica{log: &lines{}}
	o.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	r.DB = etcdstore.Open(o)
	r.told = &follower{}
	r.Follow(r.told)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	var result error
	go func() {
		defer close(ended)
		result = r.Run(ctx)
	}()
	r.over = func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	r.stop = sync.OnceValue(func() error {
		cancel()
		<-ended
		_ = r.Close()
		return result
	})
	t.Cleanup(func() {
		_ = r.stop()
		if t.Failed() && r.log.String() != "" {
			t.Logf("log of %s:\n%s", o.Replica, r.log)
		}
	})
	return r
}

// ready runs a replica and waits until it has read everything and holds its lease.
func ready(t testing.TB, o etcdstore.Options) *replica {
	t.Helper()
	r := run(t, o)
	eventually(t, o.Replica+" is up", func() bool {
		up, _ := r.Up()
		_, registered := r.Members()[o.Replica]
		return up && registered && r.told.loads() > 0
	})
	return r
}

func equal(got, want []string) bool { return slices.Equal(got, want) }

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for !is() {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		pause()
	}
}

// pause waits a moment before something is looked at again.
func pause() {
	timer := time.NewTimer(5 * time.Millisecond)
	<-timer.C
}

// as is the options of another replica of the same group.
func as(o etcdstore.Options, name string) etcdstore.Options {
	o.Replica = name
	return o
}

func claim(t testing.TB, r *replica, identity string) { //nolint:unparam // who reads it wants to know
	t.Helper()
	eventually(t, "claimed "+identity, func() bool {
		won, err := r.Claim(t.Context(), identity)
		return won && err == nil
	})
}

func installed(t testing.TB) string {
	t.Helper()
	path, err := etcdtest.Installed()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// config is how a client proves who it is and knows the members.
func config(t testing.TB, c *etcdtest.Certificate) *tls.Config {
	t.Helper()
	own, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.Cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: pool}
}
