package exporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"prefetch_exporter/config"
	"prefetch_exporter/replica"
)

const (
	// electionWithin is how long a visitor waits, after the store was read, until
	// everything that it could ask for has an owner.
	electionWithin = 3 * time.Second
	// electionLook is how often it looks.
	electionLook = 20 * time.Millisecond
)

// Visit is a process that is one of the replicas for a moment, to ask for what no
// other one owns. It is used by one goroutine. The store it has is the one they share.
type Visit struct {
	*shares

	services []replica.Service
	limit    time.Duration // until the store is read
	ttl      time.Duration
	poller   *taking
	log      *slog.Logger
}

// NewVisit opens the store that the configuration names, for who asks without an
// exporter. It waits for nothing: the store has nothing before [Visit.Join].
func NewVisit(cfg *config.Config) (*Visit, error) {
	o := Options{suffix: checkSuffix, Logger: slog.New(slog.DiscardHandler)}
	options, err := o.etcdOptions(cfg.Storage.Etcd)
	if err != nil {
		return nil, err
	}
	s := newShares(options)
	s.naming = fmt.Sprintf("another check runs on this host, or one was killed within the last %v", options.LeaseTTL)
	v, err := newVisit(s, cfg, o.Logger)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return v, nil
}

func newVisit(s *shares, cfg *config.Config, log *slog.Logger) (*Visit, error) {
	all, err := services(cfg)
	if err != nil {
		return nil, err
	}
	etcd := cfg.Storage.Etcd
	return &Visit{
		shares: s, services: all, limit: time.Duration(etcd.DialTimeout), ttl: time.Duration(etcd.LeaseTTL), log: log,
	}, nil
}

// taking is a poller that tells what it has taken over.
type taking struct {
	replica.Poller

	loaded func() // is called once the store was read

	mu    sync.Mutex
	taken map[string]bool // by identity
}

func (t *taking) has(identity string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.taken[identity]
}

func (t *taking) set(identity string, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken[identity] = taken
}

// Reload takes over the whole store.
func (t *taking) Reload() {
	t.Poller.Reload()
	t.loaded()
}

// TakeOver has the poller ask for the accounts of an identity.
func (t *taking) TakeOver(identity string) error {
	if err := t.Poller.TakeOver(identity); err != nil {
		return err
	}
	t.set(identity, true)
	return nil
}

// Release has it ask no more.
func (t *taking) Release(ctx context.Context, identity string) {
	t.set(identity, false)
	t.Poller.Release(ctx, identity)
}

// Depose has it ask no more at once.
func (t *taking) Depose(identity string) {
	t.set(identity, false)
	t.Poller.Depose(identity)
}

// Join makes the process a replica and returns when the store was read. The poller
// and what was put are told what follows until leave is called, which hands over what
// was taken. The error is that the store cannot be read.
func (v *Visit) Join(ctx context.Context, p replica.Poller, put replica.Submitted) (leave func() error, err error) {
	loaded := make(chan struct{})
	v.poller = &taking{Poller: p, loaded: sync.OnceFunc(func() { close(loaded) }), taken: map[string]bool{}}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- v.run(running, v.poller, put) }()
	leave = func() error {
		stop()
		return <-ended
	}
	select {
	case <-loaded:
		return leave, nil
	case err := <-ended:
		stop()
		return nil, err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), leave())
	case <-time.After(v.limit):
		err := fmt.Errorf("storage.etcd: the store was not read within dial_timeout (%v), so nothing was asked", v.limit)
		return nil, errors.Join(err, leave())
	}
}

// Claim takes those of the identities that nobody owns, and returns when each has an
// owner, whichever, or after a moment. What another replica owns is left to it: with
// more to ask for than the others, this one might be handed some of it.
func (v *Visit) Claim(ctx context.Context, identities map[string]bool) {
	free := slices.DeleteFunc(slices.Clone(v.services), func(s replica.Service) bool {
		owner, _ := v.Owner(s.Identity)
		return !identities[s.Identity] || owner != ""
	})
	v.replicas.Serve(free)
	v.await(ctx, free)
}

// Mine returns an empty text if this process may ask for an identity now, else why
// it may not.
func (v *Visit) Mine(identity string) (whyNot string) {
	owner, _ := v.Owner(identity)
	switch {
	case v.poller.has(identity) && v.Owns(identity):
		return ""
	case owner != "" && owner != v.name:
		return fmt.Sprintf("replica %q owns its budget and asks for it: /api/v1/accounts of that replica tells what its calls are answered;"+
			" or stop every replica that has the account, and check again; one that was killed owns it for up to %v more", owner, v.ttl)
	default:
		return fmt.Sprintf("the call cannot be charged: within %v this process could not become the owner of the budget", electionWithin)
	}
}

// await waits until each of the identities has an owner, for a moment, and reports
// whether each has.
func (v *Visit) await(ctx context.Context, wanted []replica.Service) bool {
	ticker := time.NewTicker(electionLook)
	defer ticker.Stop()
	timeout := time.After(electionWithin)
	missing := func(s replica.Service) bool {
		owner, _ := v.Owner(s.Identity)
		return !v.poller.has(s.Identity) && (owner == "" || owner == v.name)
	}
	for slices.ContainsFunc(wanted, missing) {
		select {
		case <-ticker.C:
		case <-timeout:
			v.log.Warn("not everything that could be asked for has an owner", "after", electionWithin)
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// visit makes --once a replica for a moment, which may ask for what no other one owns.
// Leave ends that. The error says that the store cannot be read.
func (e *Exporter) visit(ctx context.Context) (leave func() error, err error) {
	v, err := newVisit(e.shares, e.config.Load(), e.log)
	if err != nil {
		return nil, err
	}
	leave, err = v.Join(ctx, e.poller, e.submitted)
	if err != nil || !v.await(ctx, v.services) {
		return leave, err
	}
	for _, s := range v.services {
		if owner, _ := v.Owner(s.Identity); !v.poller.has(s.Identity) {
			e.log.Info("another replica asks for these accounts", "owner", owner, "accounts", len(s.Accounts))
		}
	}
	return leave, nil
}
