package replica_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/replica"
	"prefetch_exporter/store"
	"prefetch_exporter/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ttl = 5 * time.Second

// fake is a poller and the tasks that were put: it keeps what it is told.
type fake struct {
	mu    sync.Mutex
	told  []string
	owned map[string]bool
	// releases is how long a release takes; it hangs if that is negative.
	releases time.Duration
	// fails is what TakeOver and Reload return.
	fails error
}

func (f *fake) tellf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, fmt.Sprintf(format, args...))
}

func (f *fake) TakeOver(identity string) error {
	f.tellf("take over %s", identity)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails == nil {
		f.owned[identity] = true
	}
	return f.fails
}

func (f *fake) Release(ctx context.Context, identity string) {
	f.tellf("release %s", identity)
	f.mu.Lock()
	takes := f.releases
	f.mu.Unlock()
	if takes < 0 {
		takes = time.Hour
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	f.lose(identity)
}

func (f *fake) Depose(identity string) {
	f.tellf("depose %s", identity)
	f.lose(identity)
}

func (f *fake) lose(identity string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.owned, identity)
}

func (f *fake) Reload()  { f.tellf("reload") }
func (f *fake) Rewound() { f.tellf("rewound") }
func (f *fake) Moved()   {}

func (f *fake) Heard(changes []store.Op) {
	for _, op := range changes {
		f.tellf("heard %s", op.Key)
	}
}

func (f *fake) Limits(identity string, others []prefetch.Limit) {
	f.tellf("limits %s %v", identity, others)
}

// has is what it asks for.
func (f *fake) has() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var has []string
	for identity := range f.owned {
		has = append(has, identity)
	}
	slices.Sort(has)
	return strings.Join(has, " ")
}

// want checks what it was told since the last time.
func (f *fake) want(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.told, want) {
		t.Errorf("told %q, want %q", f.told, want)
	}
	f.told = nil
}

func (f *fake) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = nil
}

// put is the tasks that were put.
type put struct{ fake *fake }

func (p put) Heard(changes []store.Op) {
	for _, op := range changes {
		if op.Table == store.Submitted {
			p.fake.tellf("put %s", op.Key)
		}
	}
}

func (p put) Reload() error {
	p.fake.tellf("reload what was put")
	return p.fake.fails
}

// process is one replica.
type process struct {
	*replica.Group
	*fake

	member *storetest.Member
	log    *log
	stop   context.CancelFunc
	done   chan error
}

type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count is how many lines hold all of the words.
func (l *log) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			n++
		}
	}
	return n
}

// Heard is the group's: the fake hears by it.
func (p *process) Heard(changes []store.Op) { p.Group.Heard(changes) }

func (p *process) Rewound() { p.Group.Rewound() }

func (p *process) Moved() { p.Group.Moved() }

// service is an identity with one account of the same name.
func service(identity string) replica.Service {
	return replica.Service{
		Identity: identity, Calls: 1, Per: time.Minute,
		Accounts: map[string]string{replica.AccountKey(prefetch.Account{Provider: "cdnetworks", Name: identity}): "print"},
	}
}

func services(identities string) (all []replica.Service) {
	for identity := range strings.FieldsSeq(identities) {
		all = append(all, service(identity))
	}
	return all
}

// start starts a replica that serves something; it ends with the test.
func start(t *testing.T, g *storetest.Group, name string, serves []replica.Service, change ...func(*replica.Options)) *process {
	t.Helper()
	p := &process{fake: &fake{owned: map[string]bool{}}, member: g.Join(name), log: &log{}, done: make(chan error, 1)}
	o := replica.Options{Name: name, Version: 3, Store: p.member, Logger: slog.New(slog.NewTextHandler(p.log, nil)), Grace: 7 * time.Second}
	for _, c := range change {
		c(&o)
	}
	p.Group = replica.New(o)
	p.member.Follow(p.Group)
	p.Serve(serves)
	ctx, cancel := context.WithCancel(t.Context())
	p.stop = cancel
	go func() { p.done <- p.Run(ctx, p.fake, put{p.fake}) }()
	t.Cleanup(func() {
		p.member.Mend()
		p.end(t)
	})
	return p
}

// end stops the replica, which must end well, and may be called again.
func (p *process) end(t *testing.T) {
	t.Helper()
	p.stop()
	if err := <-p.done; err != nil {
		t.Error(err)
	}
	p.done <- nil
}

// settled waits as long as a group needs to be even again after the members changed.
func settled() {
	time.Sleep(4 * time.Second)
	synctest.Wait()
}

func wantHas(t *testing.T, p *process, want string) {
	t.Helper()
	if has := p.has(); has != want {
		t.Errorf("asks for %q, want %q", has, want)
	}
}
